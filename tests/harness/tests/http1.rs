// SPDX-License-Identifier: Apache-2.0
//! The HTTP/1.1 client against the HTTP/1.1 upstream: what is recorded is what was sent, and every
//! kind of reply reaches the client as it was meant.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use harness::{
    client::{Cut, Http1, Raw, Request},
    upstream::{Reply, Upstream},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_recorded_byte_for_byte_and_in_order() -> Result<()> {
    let upstream = Upstream::http1().await?;
    let head = b"POST /a%20b?x=1&x=2 HTTP/1.1\r\nHost: a.test\r\nX-B: 1\r\nX-A: \xff\xfe\r\nx-b: 2\r\nContent-Length: 3\r\n\r\n";
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send(head).await?;
    client.send(b"\x00\x01\xff").await?;
    assert_eq!(client.read_response().await?.status, 200);

    let request = upstream.await_one().await?;
    assert_eq!(request.raw_head, head);
    assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/a%20b?x=1&x=2"));
    assert_eq!((request.path_only(), request.query()), ("/a%20b", Some("x=1&x=2")));
    assert_eq!(request.authority.as_deref(), Some("a.test"));
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_slice()).collect();
    assert_eq!(names, [&b"host"[..], b"x-b", b"x-a", b"x-b", b"content-length"]);
    assert_eq!(request.headers_named("X-B"), [b"1", b"2"]);
    assert_eq!(request.header_bytes("x-a"), Some(&b"\xff\xfe"[..]));
    assert_eq!(request.body, b"\x00\x01\xff");
    assert!(request.complete);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn chunked_bodies_and_trailers_go_both_ways() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_with(|request| {
        Reply::status(201).header("x-got", &request.body).body("answer").trailer("x-end", "yes")
    });
    let request = Request::new("PUT", "/").piece("one ").piece("two").trailer("x-sum", "7");
    let response = Http1::new(upstream.addr()).request(request).await?;
    assert_eq!((response.status, response.text().as_str()), (201, "answer"));
    assert_eq!((response.header("X-Got"), response.trailer("x-end")), (Some("one two"), Some("yes")));
    assert_eq!(upstream.await_one().await?.trailer("x-sum"), Some("7"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_kept_alive_until_one_side_closes() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_with(|request| match request.path.as_str() {
        "/last" => Reply::status(200).body("bye").connection_close(),
        _ => Reply::status(200).body("hello"),
    });
    let client = Http1::new(upstream.addr());
    for path in ["/1", "/2", "/last", "/3"] {
        client.get(path).await?;
    }
    let head = client.request(Request::new("HEAD", "/head")).await?;
    assert_eq!((head.header("content-length"), head.body.len()), (Some("5"), 0));
    client.get("/after-head").await?;
    let connections: Vec<_> = upstream.requests().iter().map(|one| one.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1, 1, 1]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_in_mid_upload_leaves_an_incomplete_request() -> Result<()> {
    let upstream = Upstream::http1().await?;
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf").await?;
    upstream.await_started(1).await?;
    assert_eq!(upstream.count(), 0);
    client.reset()?;
    let request = upstream.await_one().await?;
    assert!(!request.complete);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn breaks_before_headers_are_seen_as_such() -> Result<()> {
    let upstream = Upstream::http1().await?;
    for (reply, expected) in [
        (Reply::reset(), "Connection reset"),
        (Reply::close(), "closed without an answer"),
        (Reply::garbled(), "invalid HTTP version"),
        (Reply::hang(), "waited 200ms for an answer"),
        (Reply::status(200).delay(Duration::from_secs(60)), "waited 200ms for an answer"),
    ] {
        let shown = format!("{reply:?}");
        upstream.respond_with(move |_| reply.clone());
        let client = Http1::new(upstream.addr()).patience(Duration::from_millis(200));
        let error = format!("{:#}", client.get("/").await.unwrap_err());
        assert!(error.contains(expected), "{shown}: {error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn breaks_in_the_body_show_the_head_and_what_came() -> Result<()> {
    let upstream = Upstream::http1().await?;
    for (reply, reset) in [
        (Reply::huge(1).reset_after(70_000), true),
        (Reply::huge(1).chunked().reset_after(70_000), true),
        (Reply::huge(1).close_after(70_000), false),
    ] {
        upstream.respond_with(move |_| reply.clone());
        let error = Http1::new(upstream.addr()).get("/").await.unwrap_err();
        let cut: &Cut = error.downcast_ref().expect("an answer whose head came");
        assert_eq!((cut.partial.status, cut.partial.body.len()), (200, 70_000));
        assert_eq!(cut.reason.contains("reset"), reset, "{cut}");
    }

    upstream.respond_with(|_| Reply::status(200).body("0123456789").stall_after(4));
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await?;
    let head = client.read_head().await?;
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(client.read_exactly(4).await?, b"0123");
    client.set_patience(Duration::from_millis(100));
    assert!(client.read_some().await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_drip_and_huge_ones_are_streamed() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_with(|request| match request.path.as_str() {
        "/drip" => Reply::status(200).body("abcdef").drip(2, Duration::from_millis(20)),
        _ => Reply::huge(20),
    });
    let client = Http1::new(upstream.addr());
    let start = Instant::now();
    assert_eq!(client.get("/drip").await?.text(), "abcdef");
    ensure!(start.elapsed() >= Duration::from_millis(60), "dripped in {:?}", start.elapsed());
    assert_eq!(client.get("/huge").await?.body.len(), 20 << 20);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stalls_is_cut_when_patience_ends() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_with(|_| Reply::huge(1).stall_after(5));
    let client = Http1::new(upstream.addr()).patience(Duration::from_millis(200));
    let error = client.get("/").await.unwrap_err();
    let cut: &Cut = error.downcast_ref().expect("an answer whose head came");
    assert_eq!((cut.partial.text().as_str(), cut.reason.as_str()), (".....", "waited 200ms for the rest"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_comes_before_the_body_was_read() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_early_with(|head| match head.path.as_str() {
        "/early" => Some(Reply::status(413).body("too much")),
        "/broken" => Some(Reply::reset()),
        _ => None,
    });
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("POST /early HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await?;
    assert_eq!(client.read_response().await?.status, 413);
    assert_eq!(upstream.count(), 0);
    client.send("body").await?;
    assert_eq!(upstream.await_one().await?.text(), "body");

    client.send("POST /broken HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await?;
    assert!(client.read_response().await.is_err());
    let broken = upstream.await_where(|request| request.path == "/broken").await?;
    assert!(!broken.complete);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_with_a_half_sent_request_is_not_used_again() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_early_with(|head| (head.path == "/early").then_some(Reply::status(413)));
    let client = Http1::new(upstream.addr()).patience(Duration::from_millis(200));
    let request = Request::new("POST", "/early").piece("a").piece_after(Duration::from_secs(60), "b");
    assert_eq!(client.request(request).await?.status, 413);
    client.get("/after").await?;
    assert_eq!(upstream.connections(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgraded_connection_echoes() -> Result<()> {
    let upstream = Upstream::http1().await?;
    upstream.respond_with(|_| Reply::switching_protocols());
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await?;
    let response = client.read_response().await?;
    assert_eq!((response.status, response.header("upgrade")), (101, Some("websocket")));
    client.send("ping").await?;
    assert_eq!(client.read_exactly(4).await?, b"ping");
    client.shutdown_write().await?;
    assert_eq!(client.read_to_close().await?, (Vec::new(), true));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn expect_is_answered_before_the_body() -> Result<()> {
    let upstream = Upstream::http1().await?;
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n").await?;
    assert_eq!(client.read_head().await?.status, 100);
    client.send("ok").await?;
    assert_eq!(client.read_response().await?.status, 200);
    assert_eq!(upstream.await_one().await?.text(), "ok");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_http_is_kept_as_a_fault() -> Result<()> {
    let upstream = Upstream::http1().await?;
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("no http at all\r\n\r\n").await?;
    assert_eq!(client.read_response().await?.status, 400);
    assert_eq!((upstream.count(), upstream.faults().len()), (0, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_an_error_that_says_so() -> Result<()> {
    let refusing = harness::upstream::Refusing::new()?;
    let error = Http1::new(refusing.addr()).get("/").await.unwrap_err();
    let cause = error.root_cause().downcast_ref::<io::Error>().map(io::Error::kind);
    assert_eq!(cause, Some(io::ErrorKind::ConnectionRefused));
    assert!(error.to_string().contains("is it listening?"), "{error}");
    Ok(())
}
