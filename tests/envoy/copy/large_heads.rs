// SPDX-License-Identifier: Apache-2.0
//! Heads up to what Envoy takes in a call, and beyond it.

use anyhow::{Result, ensure};
use harness::client::Request;
use harness::recording::Recorded;
use serde_yaml_ng::Value;

use super::copied;
use crate::bench::{EVERYTHING, Pair, Wire, arrived, connection_manager};

/// The listener's own limits are 100 headers and 60 KiB.
fn take_large_heads(listener: &mut Value) {
    let manager = connection_manager(listener);
    manager["common_http_protocol_options"] = serde_yaml_ng::from_str("max_headers_count: 4096").unwrap();
    manager["max_request_headers_kb"] = 4096.into();
}

fn with_headers(path: &str, count: usize, size: usize) -> Request {
    (0..count).fold(Request::get(path), |request, index| {
        request.header(format!("x-{index}"), &format!("{index}-").repeat(size).as_bytes()[..size])
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_are_copied_up_to_what_envoy_takes_in_a_call() -> Result<()> {
    tokio::try_join!(up_to_the_limit(Wire::Http1), up_to_the_limit(Wire::Http2))?;
    Ok(())
}

async fn up_to_the_limit(wire: Wire) -> Result<()> {
    let pair = Pair::on(wire, EVERYTHING, |bootstrap| bootstrap.edit_listener(take_large_heads)).await?;
    for (path, count, size) in [("/60-kib", 60, 1024), ("/many", 1_000, 10), ("/1000-kib", 500, 2_000)] {
        pair.http1().request(with_headers(path, count, size)).await?;
        copied(&pair, path).await?;
    }
    for (path, count, size) in [("/too-many", 1_100, 10), ("/too-large", 550, 2_000)] {
        let answer = pair.http1().request(with_headers(path, count, size)).await?;
        ensure!(answer.status == 200, "{path}: {}", answer.status);
        let primary = arrived(&pair.primary, path).await?;
        ensure!(primary.headers.len() >= count, "{path}: the primary lost headers");
    }
    let stats = pair.no_copy(|copy| copy.path.starts_with("/too-")).await?;
    ensure!(stats.skipped("shadow").get("headers_too_large") == Some(&2), "{stats}");
    ensure!(stats.failed("shadow").is_empty(), "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_largest_head_of_a_call_is_found_exactly() -> Result<()> {
    let pair =
        Pair::on(Wire::Http1, EVERYTHING, |bootstrap| bootstrap.edit_listener(take_large_heads)).await?;
    // Around the limit of 1,024, whatever the number of headers that Envoy adds by itself.
    for count in 1_005..1_030 {
        pair.http1().request(with_headers("/near", count, 1)).await?;
    }
    let stats = pair.ends_well().await?;
    let skipped = stats.skipped("shadow").get("headers_too_large").copied().unwrap_or(0);
    ensure!((1..25).contains(&skipped), "both sides of the limit: {stats}");
    ensure!(stats.failed("shadow").is_empty(), "Envoy refused what the filter thought to fit:\n{stats}");
    let of_the_call = |copy: &Recorded| {
        // On the wire `host` stands for `:authority`, and the head's first line for the other three.
        3 + copy.headers.iter().filter(|(name, _)| !name.starts_with(b"x-envoy-")).count()
    };
    let largest = pair.shadow.requests().iter().map(|copy| of_the_call(copy)).max();
    ensure!(largest == Some(1_024), "{largest:?} headers are the most that were copied");
    Ok(())
}
