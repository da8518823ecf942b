// SPDX-License-Identifier: Apache-2.0
//! What a copy never hands on, from either kind of client to either kind of shadow.

use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::{Raw, Request};
use harness::recording::Recorded;
use harness::upstream::Reply;
use serde_yaml_ng::Value;

use super::{framed_once, shown};
use crate::bench::{EVERYTHING, Pair, Wire, arrived, connection_manager};

const NEVER: [&str; 9] = [
    "connection",
    "x-named-by-connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
    "expect",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-retry-on",
];

/// What Envoy itself puts on a copy.
const ENVOYS: [&str; 2] = ["x-envoy-internal", "x-envoy-expected-rq-timeout-ms"];

const HTTP1: &str = "POST /hop HTTP/1.1\r\nhost: a.test\r\nconnection: x-named-by-connection, keep-alive\r\n\
    x-named-by-connection: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nte: gzip\r\nupgrade: h2c\r\n\
    expect: 100-continue\r\nx-shadow-mirrored: no\r\nx-envoy-upstream-rq-timeout-ms: 1\r\nx-envoy-retry-on: 5xx\r\n\
    x-envoy-max-retries: 3\r\nx-envoy-expected-rq-timeout-ms: 7\r\nx-envoy-made-up: 1\r\nx-kept: yes\r\n\
    transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_of_the_hop_and_of_envoys_router_stay_behind() -> Result<()> {
    tokio::try_join!(stay_behind(Wire::Http1), stay_behind(Wire::Http2))?;
    Ok(())
}

async fn stay_behind(wire: Wire) -> Result<()> {
    let pair = Pair::on(wire, EVERYTHING, |bootstrap| bootstrap.edit_listener(hand_expect_on)).await?;
    // Slower than the timeout, and in need of the retries, that the client asks Envoy's router for.
    pair.shadow.respond_with(|_| Reply::status(503).delay(Duration::from_millis(50)));

    let mut http1 = Raw::connect(pair.envoy.address()).await?;
    http1.send(HTTP1).await?;
    http1.read_response().await?;
    ensure!(arrived(&pair.primary, "/hop").await?.header("expect").is_some(), "the filter saw no expect");
    handed_on_rightly(&*arrived(&pair.shadow, "/hop").await?, wire)?;

    let request = Request::post("/hop2", "body")
        .header("host", "b.test")
        .header("expect", "100-continue")
        .header("x-envoy-upstream-rq-timeout-ms", "1")
        .header("x-envoy-upstream-rq-per-try-timeout-ms", "1")
        .header("x-envoy-retry-on", "5xx")
        .header("x-envoy-max-retries", "3")
        .header("x-kept", "yes");
    pair.http2().request(request).await?;
    handed_on_rightly(&*arrived(&pair.shadow, "/hop2").await?, wire)?;

    let stats = pair.ends_well().await?;
    ensure!(pair.shadow.count() == 2, "the client had the router retry: {} copies", pair.shadow.count());
    let answers = stats.counter("shadow_responses_total", &[("side", "shadow"), ("class", "5xx")]);
    ensure!(answers == 2, "the client had the router time out:\n{stats}");
    Ok(())
}

/// Envoy answers `expect` itself, before any filter sees it, unless told to leave that to the primary.
fn hand_expect_on(listener: &mut Value) {
    let manager = connection_manager(listener);
    manager["proxy_100_continue"] = true.into();
}

fn handed_on_rightly(copy: &Recorded, wire: Wire) -> Result<()> {
    for name in NEVER {
        ensure!(copy.header_bytes(name).is_none(), "{name} in {wire:?} copy {copy}");
    }
    for (name, _) in copy.headers.iter().filter(|(name, _)| name.starts_with(b"x-envoy-")) {
        let name = String::from_utf8_lossy(name);
        ensure!(ENVOYS.contains(&&*name), "{name} in {wire:?} copy {copy}");
        ensure!(copy.headers_named(&name).len() == 1, "{name} twice in {wire:?} copy {copy}");
    }
    ensure!(copy.header("x-envoy-expected-rq-timeout-ms") == Some("5000"), "{}", shown(&copy.headers));
    ensure!(copy.headers_named("host").len() == usize::from(wire == Wire::Http1), "{}", shown(&copy.headers));
    ensure!(copy.header("transfer-encoding").is_none(), "{}", shown(&copy.headers));
    ensure!(copy.header("x-kept") == Some("yes"), "{}", shown(&copy.headers));
    ensure!(copy.text() == "body", "{:?}", copy.text());
    framed_once(copy)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn te_trailers_goes_along() -> Result<()> {
    let pair = Pair::on(Wire::Http2, EVERYTHING, |bootstrap| bootstrap).await?;
    pair.http2().request(Request::get("/te").header("te", "trailers")).await?;
    let copy = arrived(&pair.shadow, "/te").await?;
    ensure!(copy.headers_named("te") == [b"trailers"], "{}", shown(&copy.headers));
    pair.envoy.no_traps()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_marked_request_is_not_mirrored_again_unless_the_guard_is_off() -> Result<()> {
    let marked = |path: &str| {
        Request::get(path).header("x-shadow-mirror", "elsewhere").header("X-Shadow-Mirror", "shadow")
    };

    let guarded = Pair::with(EVERYTHING).await?;
    guarded.http1().request(marked("/loop")).await?;
    let primary = arrived(&guarded.primary, "/loop").await?;
    ensure!(primary.headers_named("x-shadow-mirror").len() == 2, "{}", shown(&primary.headers));
    let stats = guarded.no_copy(|copy| copy.path == "/loop").await?;
    ensure!(stats.skipped("shadow").get("loop") == Some(&1), "{stats}");
    drop(guarded);

    let open =
        Pair::with(r#"{"loop_guard": false, "mirrors": [{"name": "v2", "cluster": "shadow"}]}"#).await?;
    open.http1().request(marked("/loop")).await?;
    let copy = arrived(&open.shadow, "/loop").await?;
    ensure!(copy.headers_named("x-shadow-mirror") == [b"v2"], "{}", shown(&copy.headers));
    open.envoy.no_traps()
}
