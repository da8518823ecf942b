// SPDX-License-Identifier: Apache-2.0
//! Upstreams as such: their life, their memory, their speed, and those that are no HTTP servers.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use harness::{
    client::{Client, Http1, Http2, Raw, Request, burst, pace},
    upstream::{BlackHole, FullBacklog, Protocol, RawUpstream, Refusing, Reply, Upstream},
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_upstream_refuses_until_it_is_restarted_on_the_same_port() -> Result<()> {
    let upstream = Upstream::http1().await?;
    let client = Http1::new(upstream.addr());
    client.get("/before").await?;
    let mut open = Raw::connect(upstream.addr()).await?;
    upstream.stop().await?;
    let (rest, _) = open.read_to_close().await?;
    assert!(rest.is_empty());
    assert!(TcpStream::connect(upstream.addr()).await.is_err());
    assert!(upstream.stop().await.is_err());
    upstream.restart().await?;
    client.get("/after").await?;
    assert_eq!(upstream.count(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_upstream_frees_its_port() -> Result<()> {
    let upstream = Upstream::http2().await?;
    let address = upstream.addr();
    let recording = upstream.recording();
    Http2::new(address).get("/").await?;
    drop(upstream);
    let start = Instant::now();
    while TcpStream::connect(address).await.is_ok() {
        ensure!(start.elapsed() < Duration::from_secs(10), "{address} still accepts");
    }
    assert_eq!(recording.count(), 1);
    let again = Upstream::on(Protocol::Http1, address).await?;
    assert_eq!(again.addr(), address);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_on_ipv6_answers() -> Result<()> {
    let upstream = Upstream::on(Protocol::Auto, "[::1]:0".parse::<SocketAddr>()?).await?;
    assert!(Http1::new(upstream.addr()).get("/").await?.is_success());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_keeps_what_it_is_told_to() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.keep(2);
    let client = Http1::new(upstream.addr());
    for path in ["/1", "/2", "/3"] {
        client.get(path).await?;
    }
    let kept: Vec<_> = upstream.take().iter().map(|request| request.path.clone()).collect();
    assert_eq!(kept, ["/2", "/3"]);
    assert_eq!((upstream.count(), upstream.requests().len()), (0, 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_take_seconds_over_http1() -> Result<()> {
    let upstream = Upstream::http1().await?;
    ten_thousand(&upstream, &Http1::new(upstream.addr())).await?;
    ensure!(upstream.connections() <= 100, "{} connections", upstream.connections());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_requests_take_seconds_over_http2() -> Result<()> {
    let upstream = Upstream::http2().await?;
    ten_thousand(&upstream, &Http2::new(upstream.addr())).await?;
    assert_eq!(upstream.connections(), 1);
    Ok(())
}

async fn ten_thousand(upstream: &Upstream, client: &impl Client) -> Result<()> {
    upstream.respond_with(|request| Reply::status(200).body(request.body.clone()));
    let start = Instant::now();
    let traffic = burst(client, 10_000, 100, |i| Request::post(format!("/{i}"), format!("{i}"))).await;
    println!("{:?}: {}", start.elapsed(), traffic.latencies());
    traffic.all_succeeded()?;
    for one in &traffic.answered {
        assert_eq!(one.response.text(), one.index.to_string());
    }
    assert_eq!(upstream.await_count(10_000).await?.len(), 10_000);
    // Far more than it takes, for machines that do other things too.
    ensure!(start.elapsed() < Duration::from_secs(60), "took {:?}", start.elapsed());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn paced_traffic_counts_latency_from_the_time_it_was_due() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_with(|_| Reply::status(200).delay(Duration::from_millis(50)));
    let traffic = pace(&Http1::new(upstream.addr()), 200.0, Duration::from_millis(500), |i| {
        Request::get(format!("/{i}"))
    })
    .await;
    traffic.all_succeeded()?;
    let latencies = traffic.latencies();
    assert_eq!(latencies.count, 100);
    ensure!(latencies.p50 >= Duration::from_millis(50), "{latencies}");
    // Open loop: requests did not wait for each other.
    ensure!(upstream.connections() > 1, "one connection");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_black_hole_accepts_and_says_nothing() -> Result<()> {
    let hole = BlackHole::new().await?;
    let client = Http1::new(hole.addr()).patience(Duration::from_millis(200));
    let error = client.get("/").await.unwrap_err();
    assert!(format!("{error:#}").contains("waited 200ms"), "{error:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_refused_or_left_hanging() -> Result<()> {
    let refusing = Refusing::new()?;
    assert!(TcpStream::connect(refusing.addr()).await.is_err());
    let full = FullBacklog::new().await?;
    let connecting = TcpStream::connect(full.addr());
    assert!(timeout(Duration::from_millis(300), connecting).await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raw_upstream_does_what_its_closure_does() -> Result<()> {
    let upstream = RawUpstream::new(|mut stream| async move {
        let _ = stream.write_all(b"hello").await;
    })
    .await?;
    let mut client = Raw::connect(upstream.addr()).await?;
    assert_eq!(client.read_to_close().await?, (b"hello".to_vec(), true));
    Ok(())
}
