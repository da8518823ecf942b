// SPDX-License-Identifier: Apache-2.0
//! Bodies: however they are framed and cut, within the caps and beyond.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::{Client, Raw, Request};
use harness::recording::Recorded;
use serde_yaml_ng::Value;

use super::{copied, framed_once, same};
use crate::bench::{EVERYTHING, Pair, Wire, arrived, connection_manager};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_framing_of_a_request_makes_a_well_framed_copy() -> Result<()> {
    tokio::try_join!(framings(Wire::Http1), framings(Wire::Http2))?;
    Ok(())
}

async fn framings(wire: Wire) -> Result<()> {
    let requests = [
        ("GET", "", "", ""),
        ("GET", "content-length: 0\r\n", "", ""),
        ("GET", "content-length: 4\r\n", "body", "body"),
        ("HEAD", "", "", ""),
        ("POST", "", "", ""),
        ("POST", "content-length: 0\r\n", "", ""),
        ("POST", "content-length: 4\r\n", "body", "body"),
        ("POST", "transfer-encoding: chunked\r\n", "0\r\n\r\n", ""),
        ("PUT", "transfer-encoding: chunked\r\n", "2\r\nbo\r\n2;ext=1\r\ndy\r\n0\r\n\r\n", "body"),
        ("DELETE", "", "", ""),
        ("DELETE", "content-length: 4\r\n", "body", "body"),
    ];
    let pair = Pair::on(wire, EVERYTHING, |bootstrap| bootstrap).await?;
    let mut client = Raw::connect(pair.envoy.address()).await?;
    for (index, (method, framing, sent, body)) in requests.into_iter().enumerate() {
        let path = format!("/{index}");
        client.send(format!("{method} {path} HTTP/1.1\r\nhost: a.test\r\n{framing}\r\n{sent}")).await?;
        client.read_response_to(method).await?;
        let (primary, copy) = pair.both(&path).await?;
        same(&primary, &copy)?;
        ensure!(copy.text() == body, "{method} with {framing:?}: {copy}");
    }
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_in_many_pieces_arrives_whole_and_without_its_trailers() -> Result<()> {
    tokio::try_join!(pieces(Wire::Http1), pieces(Wire::Http2))?;
    Ok(())
}

async fn pieces(wire: Wire) -> Result<()> {
    let pair = Pair::on(wire, EVERYTHING, |bootstrap| bootstrap.edit_listener(let_trailers_through)).await?;
    in_pieces(&pair, pair.http1(), "/1").await?;
    in_pieces(&pair, pair.http2(), "/2").await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[]) == 8, "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

async fn in_pieces(pair: &Pair, client: impl Client, path: &str) -> Result<()> {
    let piece = |index: u32| vec![index as u8; 1 + (index as usize * 37) % 2_000];
    let pieces = |path: String| (0..300).fold(Request::new("POST", path), |r, index| r.piece(piece(index)));
    let body: Vec<u8> = (0..300).flat_map(piece).collect();

    client.request(pieces(format!("{path}/pieces"))).await?;
    client.request(pieces(format!("{path}/trailers")).trailer("x-checksum", "1")).await?;
    client.request(Request::new("POST", format!("{path}/only-trailers")).trailer("x-checksum", "1")).await?;
    // With a pause, so that the callbacks are surely many.
    let slow = (0..5).fold(Request::new("POST", format!("{path}/slow")), |request, index| {
        request.piece_after(Duration::from_millis(5), piece(index))
    });
    client.request(slow).await?;

    for (end, body) in [("pieces", &body), ("trailers", &body), ("only-trailers", &Vec::new())] {
        let path = format!("{path}/{end}");
        copied(pair, &path).await?;
        ensure!(arrived(&pair.shadow, &path).await?.body == *body, "{path}");
    }
    copied(pair, &format!("{path}/slow")).await
}

/// Envoy drops the trailers of HTTP/1.1 before any filter sees them, unless told otherwise.
fn let_trailers_through(listener: &mut Value) {
    let manager = connection_manager(listener);
    manager["http_protocol_options"] = serde_yaml_ng::from_str("enable_trailers: true").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mirror_gets_the_body_that_its_policy_allows() -> Result<()> {
    let pair = Pair::with(
        r#"{"mirrors": [
            {"name": "full", "cluster": "shadow"},
            {"name": "none", "cluster": "shadow", "body": {"mode": "none"}},
            {"name": "skip", "cluster": "shadow", "body": {"max_bytes": 10000}},
            {"name": "head", "cluster": "shadow", "body": {"max_bytes": 10000, "on_overflow": "headers_only"}}
        ]}"#,
    )
    .await?;
    let fits = vec![b'f'; 10_000];
    let over = vec![b'o'; 10_001];
    pair.http1().request(Request::post("/fits", fits.clone())).await?;
    pair.http1().request(Request::post("/over", over.clone())).await?;
    pair.http2()
        .request(Request::new("POST", "/over2").piece(over[..9_000].to_vec()).piece(over[9_000..].to_vec()))
        .await?;

    let stats = pair.ends_well().await?;
    let body_of = |mirror: &str, path: &str| -> Option<Vec<u8>> {
        let of_mirror = |copy: &Recorded| copy.path == path && copy.header("x-shadow-mirror") == Some(mirror);
        pair.shadow.find(of_mirror).map(|copy| copy.body.clone())
    };
    for path in ["/fits", "/over", "/over2"] {
        let body = if path == "/fits" { &fits } else { &over };
        ensure!(body_of("full", path).as_ref() == Some(body), "{path} in full");
        ensure!(body_of("none", path) == Some(Vec::new()), "{path} without body");
    }
    ensure!(
        body_of("skip", "/fits").as_ref() == Some(&fits) && body_of("head", "/fits").as_ref() == Some(&fits)
    );
    for path in ["/over", "/over2"] {
        ensure!(body_of("skip", path).is_none(), "{path} was to be skipped");
        ensure!(body_of("head", path) == Some(Vec::new()), "{path} was to lose its body");
    }
    for copy in pair.shadow.requests() {
        framed_once(&copy)?;
    }
    ensure!(stats.skipped("skip").get("body_too_large") == Some(&2), "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_uploads_at_once_are_not_mixed_up() -> Result<()> {
    tokio::try_join!(uploads(1), uploads(2))?;
    Ok(())
}

async fn uploads(workers: u32) -> Result<()> {
    let pair = Pair::on(Wire::Http2, EVERYTHING, |bootstrap| bootstrap.concurrency(workers)).await?;
    let body = |index: usize| format!("{index:05}").repeat(1 + index * 7 % 3_000).into_bytes();
    let upload = move |index: usize| {
        let body = body(index);
        let (first, second) = body.split_at(body.len() / 2);
        Request::new("POST", format!("/{index}")).piece(first.to_vec()).piece(second.to_vec())
    };
    // Two connections, so that two workers have a chance to get one each.
    let (one, two) = (pair.http2(), pair.http2());
    let (first, second) = tokio::join!(
        harness::client::burst(&one, 200, 100, upload),
        harness::client::burst(&two, 200, 100, move |index| upload(200 + index)),
    );
    first.all_succeeded()?;
    second.all_succeeded()?;
    pair.shadow.await_count(400).await?;
    for copy in pair.shadow.take() {
        let index: usize = copy.path[1..].parse()?;
        ensure!(copy.body == body(index), "{copy}");
    }
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[]) == 400, "{stats}");
    Ok(())
}
