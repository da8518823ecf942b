// SPDX-License-Identifier: Apache-2.0
//! The HTTP/2 client against the HTTP/2 upstream.

use std::time::Duration;

use anyhow::Result;
use harness::{
    client::{Cut, Http1, Http2, Raw, Request},
    upstream::{Reply, Upstream},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_recorded_with_its_bytes_and_trailers() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream
        .respond_with(|_| Reply::status(201).header("x-v", b"\xff").body("answer").trailer("x-end", "yes"));
    let request = Request::new("PATCH", "/a%20b?x=1")
        .authority("a.test:80")
        .header("x-b", "1")
        .header("x-a", b"\xff\xfe")
        .header("x-b", "2")
        .piece("one ")
        .piece_after(Duration::from_millis(10), "two")
        .trailer("x-sum", "7");
    let response = Http2::new(upstream.addr()).request(request).await?;
    assert_eq!((response.status, response.text().as_str()), (201, "answer"));
    assert_eq!((response.header_bytes("x-v"), response.trailer("x-end")), (Some(&b"\xff"[..]), Some("yes")));

    let request = upstream.await_one().await?;
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PATCH", "/a%20b?x=1"));
    assert_eq!((request.authority.as_deref(), request.scheme.as_deref()), (Some("a.test:80"), Some("http")));
    assert_eq!(request.headers_named("x-b"), [b"1", b"2"]);
    assert_eq!(request.header_bytes("x-a"), Some(&b"\xff\xfe"[..]));
    assert_eq!((request.text().as_str(), request.trailer("x-sum")), ("one two", Some("7")));
    assert!(request.complete);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_speaks_what_the_client_starts_with() -> Result<()> {
    let upstream = Upstream::auto().await?;
    Http1::new(upstream.addr()).get("/1").await?;
    Http2::new(upstream.addr()).get("/2").await?;
    let versions: Vec<_> = upstream.requests().iter().map(|one| one.version).collect();
    assert_eq!(versions, [http::Version::HTTP_11, http::Version::HTTP_2]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_reset_in_mid_upload_leaves_an_incomplete_request() -> Result<()> {
    let upstream = Upstream::http2().await?;
    let client = Http2::new(upstream.addr());
    let mut stream = client.start(&Request::new("POST", "/cut")).await?;
    stream.send("half").await?;
    upstream.await_started(1).await?;
    stream.reset(8);
    assert!(!upstream.await_one().await?.complete);
    client.get("/after").await?;
    assert_eq!(upstream.connections(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn breaks_before_headers_are_seen_as_such() -> Result<()> {
    let upstream = Upstream::http2().await?;
    for (reply, expected) in [
        (Reply::reset_stream(2), "unexpected internal error"),
        (Reply::refused_stream(), "refused stream"),
        (Reply::goaway(11), "broken pipe"),
        (Reply::reset(), "reset"),
        (Reply::close(), "broken pipe"),
        (Reply::garbled(), "frame with invalid size"),
        (Reply::hang(), "waited 200ms for an answer"),
    ] {
        let shown = format!("{reply:?}");
        upstream.respond_with(move |_| reply.clone());
        let client = Http2::new(upstream.addr()).patience(Duration::from_millis(200));
        let error = format!("{:#}", client.get("/").await.unwrap_err());
        assert!(error.contains(expected), "{shown}: {error}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn goaway_with_its_code_is_the_last_frame() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream.respond_with(|_| Reply::goaway(11));
    let mut client = Raw::connect(upstream.addr()).await?;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await?;
    // Empty SETTINGS, then HEADERS of stream 1 in HPACK's static table: GET, http, /, a.
    client.send(b"\0\0\0\x04\0\0\0\0\0").await?;
    client.send(b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a").await?;
    let (bytes, orderly) = client.read_to_close().await?;
    let goaway = b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x01\0\0\0\x0b";
    assert!(orderly && bytes.ends_with(goaway), "{bytes:x?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn breaks_in_the_body_show_the_head_and_what_came() -> Result<()> {
    let upstream = Upstream::http2().await?;
    for reply in [
        Reply::huge(1).reset_stream_after(70_000, 2),
        Reply::huge(1).reset_after(70_000),
        Reply::huge(1).close_after(70_000),
    ] {
        upstream.respond_with(move |_| reply.clone());
        let error = Http2::new(upstream.addr()).get("/").await.unwrap_err();
        let cut: &Cut = error.downcast_ref().expect("an answer whose head came");
        assert_eq!((cut.partial.status, cut.partial.body.len()), (200, 70_000), "{cut}");
    }

    upstream.respond_with(|_| Reply::status(200).body("0123456789").stall_after(4));
    let client = Http2::new(upstream.addr()).patience(Duration::from_millis(200));
    let mut stream = client.start(&Request::get("/")).await?;
    stream.finish(&Vec::new())?;
    assert_eq!(stream.head().await?.status, 200);
    assert_eq!(stream.receive().await?.as_deref(), Some(&b"0123"[..]));
    assert!(stream.receive().await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stalls_is_cut_when_patience_ends() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream.respond_with(|_| Reply::huge(1).stall_after(5));
    let client = Http2::new(upstream.addr()).patience(Duration::from_millis(200));
    let error = client.get("/").await.unwrap_err();
    let cut: &Cut = error.downcast_ref().expect("an answer whose head came");
    assert_eq!((cut.partial.text().as_str(), cut.reason.as_str()), (".....", "waited 200ms for the rest"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_answer_comes_before_the_body_was_read() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream.respond_early_with(|head| match head.path.as_str() {
        "/early" => Some(Reply::status(413).body("too much").chunked()),
        "/broken" => Some(Reply::reset_stream(2)),
        _ => None,
    });
    let client = Http2::new(upstream.addr());
    let mut stream = client.start(&Request::new("POST", "/early")).await?;
    assert_eq!(stream.head().await?.status, 413);
    assert_eq!(upstream.count(), 0);
    stream.send("body").await?;
    stream.finish(&Vec::new())?;
    assert_eq!(upstream.await_one().await?.text(), "body");

    let broken = client.start(&Request::new("POST", "/broken")).await?;
    assert!(broken.response().await.is_err());
    let broken = upstream.await_where(|request| request.path == "/broken").await?;
    assert!(!broken.complete);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_last_answer_is_whole_and_the_next_request_takes_a_new_connection() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream.respond_with(|_| Reply::status(200).body("bye").connection_close());
    let client = Http2::new(upstream.addr());
    assert_eq!(client.get("/1").await?.text(), "bye");
    while upstream.connections() < 2 {
        client.get("/more").await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn huge_answers_pass_the_windows() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream.respond_with(|_| Reply::huge(40));
    let client = Http2::new(upstream.addr());
    assert_eq!(client.get("/huge").await?.body.len(), 40 << 20);
    let upload = Request::post("/up", vec![b'x'; 20 << 20]);
    client.request(upload).await?;
    let upload = upstream.await_where(|request| request.path == "/up").await?;
    assert_eq!(upload.body.len(), 20 << 20);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extended_connect_echoes() -> Result<()> {
    let upstream = Upstream::http2().await?;
    upstream.respond_with(|request| match request.method.as_str() {
        "CONNECT" => Reply::switching_protocols(),
        _ => Reply::status(200),
    });
    let client = Http2::new(upstream.addr());
    // The server's settings, which allow it, are there after an answer.
    client.get("/").await?;
    let mut stream = client.connect("websocket", &Request::get("/ws")).await?;
    assert_eq!(stream.head().await?.status, 200);
    stream.send("ping").await?;
    assert_eq!(stream.receive().await?.as_deref(), Some(&b"ping"[..]));
    let request = upstream.find(|request| request.path == "/ws").expect("recorded");
    assert_eq!((request.method.as_str(), request.protocol.as_deref()), ("CONNECT", Some("websocket")));
    Ok(())
}
