// SPDX-License-Identifier: Apache-2.0
//! No input makes the module trap: damaged requests, as many of them as get past Envoy's own parser.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use harness::client::{Http1, Raw, Request};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bench::{Pair, Wire, arrived};

/// Everything that looks into a request, with a cap that some bodies exceed.
const CURIOUS: &str = r#"{"annotate": true, "mirrors": [
    {"name": "edits", "cluster": "shadow", "body": {"max_bytes": 8},
        "headers": {"remove": ["x-*"], "set": {"a": "b"}, "add": {"c": "d"}}},
    {"name": "keeps", "cluster": "shadow", "authority": "keep", "body": {"mode": "none"}},
    {"name": "some", "cluster": "shadow", "percentage": 50},
    {"name": "redacts", "cluster": "shadow", "path": {"prefix": "/p", "replacement": "/longer"}, "redact": {
        "headers": ["cookie", "x-a"], "query": ["query", "b"], "json": ["/a/*", "/b"]}},
    {"name": "chooses", "cluster_header": {"name": "x-a", "allowed": ["1", "shadow"]}, "percentage": 90,
        "sample_by": {"cookie": "a"}, "match": [
            {"path": {"regex": "/(p|a)+th.*"}, "query": {"b": {"regex": ".*", "ignore_case": true}}},
            {"methods": ["POST"], "headers": {"x-long": {"suffix": "aa"}, "host": {"contains": "test"}}}],
        "exclude": [{"headers": {"cookie": {"regex": "a{3,}.*[^=]"}}}],
        "limits": {"requests_per_second": 1000}, "retry": {"attempts": 1}}
]}"#;

const WHOLE: &[u8] = b"POST /path?query=1&b=%ff HTTP/1.1\r\nhost: a.test:80\r\nconnection: close, x-a\r\nx-a: 1\r\n\
    te: trailers\r\nx-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\ncookie: a=b; c=d\r\ntransfer-encoding: chunked\r\n\r\n\
    5\r\nhello\r\n7\r\n, world\r\n0\r\nx-sum: 1\r\n\r\n";

const CONNECTIONS: usize = 50;
const DAMAGED: usize = 20;

/// The request with a few of its bytes replaced, dropped or doubled.
fn damage(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = WHOLE.to_vec();
    for _ in 0..random.usize(1..4) {
        let at = random.usize(..bytes.len());
        match random.u8(..4) {
            0 => bytes[at] = random.u8(..),
            // Bytes that are allowed in a value and are no UTF-8.
            1 => bytes[at] = random.u8(0x80..),
            2 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_requests_do_not_trap_the_module() -> Result<()> {
    let pair = Pair::on(Wire::Http1, CURIOUS, |bootstrap| bootstrap).await?;
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let address = pair.envoy.address();
    let mut clients = JoinSet::new();
    for client in 0..CONNECTIONS {
        let mut random = fastrand::Rng::with_seed(seed.wrapping_add(client as u64));
        clients.spawn(async move {
            for _ in 0..DAMAGED {
                let mut connection = Raw::connect(address).await?;
                connection.send(damage(&mut random)).await?;
                // A request without end would be waited for; one that ended is answered all the same.
                connection.shutdown_write().await?;
                connection.read_to_close().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended??;
    }

    Http1::new(address).request(Request::post("/still-there", "body")).await?;
    arrived(&pair.shadow, "/still-there").await?;
    let stats = pair.ends_well().await?;
    let seen = stats.counter("shadow_requests_total", &[("mirror", "edits")]);
    ensure!(seen > 100, "only {seen} of the damaged requests came as far as the filter (seed {seed})");
    ensure!(pair.shadow.faults().is_empty(), "{:?} (seed {seed})", pair.shadow.faults());
    Ok(())
}

/// As much as a configuration may allow, and uploads of more than that at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_bodies_do_not_exhaust_the_modules_memory() -> Result<()> {
    // A body is short of room before it is too large where both limits are equal and it comes in pieces that end there.
    const LARGEST: &str = r#"{"max_buffered_bytes": 268435456, "mirrors": [
        {"cluster": "shadow", "body": {"max_bytes": 267386880}, "timeout": "1m"}]}"#;
    let pair = Pair::on(Wire::Http1, LARGEST, |bootstrap| bootstrap.concurrency(1)).await?;
    pair.primary.keep(0);
    pair.shadow.keep(0);
    let client = pair.http1().patience(Duration::from_secs(60));
    for sizes in [vec![250], vec![270], vec![130, 130], vec![60; 5]] {
        let mut uploads = JoinSet::new();
        for mib in sizes {
            let (client, piece) = (client.clone(), Bytes::from(vec![b'x'; 1 << 20]));
            let upload =
                (0..mib).fold(Request::new("POST", "/upload"), |request, _| request.piece(piece.clone()));
            uploads.spawn(async move { client.request(upload).await });
        }
        for response in uploads.join_all().await {
            ensure!(response?.status == 200);
        }
        // What is under way counts, too.
        pair.envoy.settled().await?;
    }
    let stats = pair.ends_well().await?;
    let skipped = stats.skipped("shadow");
    ensure!(stats.counter("shadow_sent_total", &[]) > 0, "some were copied: {stats}");
    ensure!(skipped.get("body_too_large") == Some(&1), "{skipped:?}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

/// The same where bodies are redacted, which takes the room of another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redacting_the_largest_bodies_does_not_exhaust_the_modules_memory() -> Result<()> {
    let mirror = |name: &str, pointer: &str, replacement: String| {
        let redact = json!({"json": [pointer], "replacement": replacement});
        json!({"name": name, "cluster": "shadow", "body": {"max_bytes": 256 << 20}, "timeout": "1m", "redact": redact})
    };
    let grows = mirror("grows", "/*", "r".repeat(40));
    let plugin =
        json!({"max_buffered_bytes": 256 << 20, "mirrors": [grows, mirror("stays", "/0", "r".into())]});
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| bootstrap.concurrency(1)).await?;
    pair.primary.keep(0);
    pair.shadow.keep(0);
    let client = pair.http1().patience(Duration::from_secs(60));
    let piece = Bytes::from("1234567890123,\n\n".repeat(1 << 16));
    let upload = Request::new("POST", "/upload").header("content-type", "application/json").piece("[");
    let upload = (0..250).fold(upload, |request, _| request.piece(piece.clone())).piece("0]");
    ensure!(client.request(upload).await?.status == 200);
    // Redacted in ticks, which leave the worker to others for most of the time.
    let decided = |stats: &harness::Stats, mirror: &str| {
        stats.counter("shadow_sent_total", &[("mirror", mirror)]) > 0 || !stats.skipped(mirror).is_empty()
    };
    pair.envoy.await_stats(|stats| decided(stats, "grows") && decided(stats, "stays"), "both copies").await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[("mirror", "stays")]) == 1, "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}
