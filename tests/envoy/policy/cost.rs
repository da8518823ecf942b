// SPDX-License-Identifier: Apache-2.0
//! `limits`, `breaker` and `retry`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::upstream::{Reply, Upstream};
use serde_json::json;

use super::{mirror, reasons, skipped};
use crate::bench::{Pair, Wire};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_bounds_copies_and_no_other_mirror() -> Result<()> {
    let limits = json!({"requests_per_second": 0.01, "burst": 3});
    let plugin =
        json!({"mirrors": [mirror("bounded", json!({"limits": limits})), mirror("free", json!({}))]});
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| bootstrap.concurrency(1)).await?;
    let client = pair.http1();
    for _ in 0..10 {
        ensure!(client.get("/").await?.is_success());
    }
    let stats = pair.ends_well().await?;
    ensure!(skipped(&stats, "bounded") == reasons([("rate", 7)]), "{:?}", skipped(&stats, "bounded"));
    ensure!(skipped(&stats, "free").is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_breaker_opens_probes_and_closes() -> Result<()> {
    let breaker = json!({"consecutive_failures": 3, "cooldown": "5s"});
    let plugin = json!({"mirrors": [mirror("m", json!({"breaker": breaker}))]});
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| bootstrap.concurrency(1)).await?;
    let client = pair.http1();
    pair.shadow.respond_with(|_| Reply::reset());
    for _ in 0..3 {
        client.get("/failing").await?;
        pair.envoy.settled().await?;
    }
    pair.envoy
        .await_log("mirror m, cluster shadow: the breaker opens after 3 failures in a row: no copies for 5s")
        .await?;
    let open = |stats: &harness::Stats| stats.gauge("shadow_breaker_open", &[("mirror", "m")]) == 1;
    pair.envoy.await_stats(open, "the open breaker").await?;
    pair.shadow.respond_with(|_| Reply::status(500));
    // Until the cooldown is over every request is skipped; then one is the probe.
    let probed = async {
        while pair.shadow.find(|copy| copy.path == "/again").is_none() {
            client.get("/again").await?;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(20), probed).await.context("no probe after the cooldown")??;
    pair.envoy.await_log("mirror m, cluster shadow: the breaker lets one copy through").await?;
    pair.envoy.await_log("mirror m, cluster shadow: the breaker closes, the copy was answered").await?;
    client.get("/closed").await?;
    crate::bench::arrived(&pair.shadow, "/closed").await?;
    let stats = pair.ends_well().await?;
    ensure!(!open(&stats), "the gauge is back");
    ensure!(skipped(&stats, "m").contains_key("breaker"), "{:?}", skipped(&stats, "m"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_repeated_as_often_as_it_may_be() -> Result<()> {
    let cases = [
        // The condition, the reply, how often it is sent.
        ("none", None, Reply::status(503), 1),
        ("on-5xx", Some(json!({"attempts": 2, "retry_on": ["5xx"]})), Reply::status(500), 3),
        ("on-gateway", Some(json!({"attempts": 1, "retry_on": ["gateway-error"]})), Reply::status(503), 2),
        ("not-gateway", Some(json!({"attempts": 1, "retry_on": ["gateway-error"]})), Reply::status(500), 1),
        ("on-reset", Some(json!({"attempts": 3})), Reply::reset(), 4),
        ("not-5xx", Some(json!({"attempts": 3})), Reply::status(500), 1),
        (
            "per-try",
            Some(json!({"attempts": 1, "retry_on": ["reset"], "per_try_timeout": "200ms"})),
            Reply::hang(),
            2,
        ),
    ];
    let mut shadows = Vec::new();
    let mut mirrors = Vec::new();
    for (name, retry, reply, sends) in cases {
        let shadow = Upstream::http1().await?;
        shadow.respond_with(move |_| reply.clone());
        let mut keys = json!({"cluster": name, "timeout": "2s"});
        if let Some(retry) = retry {
            keys["retry"] = retry;
        }
        mirrors.push(mirror(name, keys));
        shadows.push((name, shadow, sends));
    }
    let plugin = json!({"mirrors": mirrors}).to_string();
    let pair = Pair::on(Wire::Http1, &plugin, |bootstrap| {
        shadows.iter().fold(bootstrap, |bootstrap, (name, shadow, _)| bootstrap.cluster(name, shadow.addr()))
    })
    .await?;
    let request = harness::client::Request::post("/", "a body").header("x-envoy-max-retries", "9");
    ensure!(pair.http1().request(request).await?.is_success());
    let stats = pair.ends_well().await?;
    for (name, shadow, sends) in &shadows {
        ensure!(shadow.started() == *sends, "{name} was sent {} times", shadow.started());
        let labels = [("mirror", *name)];
        ensure!(stats.counter("shadow_sent_total", &labels) == 1, "{name} is one copy");
        for copy in shadow.requests() {
            ensure!(
                copy.header("x-envoy-max-retries").is_none() && copy.header("x-envoy-retry-on").is_none()
            );
        }
        if let Some(copy) = shadow.find(|copy| copy.complete) {
            ensure!(copy.text() == "a body", "{name}: {}", copy.text());
        }
    }
    Ok(())
}

/// Envoy frames a repeated call without a body as one of unknown length, which strict servers refuse.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_without_a_body_is_repeated_without_one() -> Result<()> {
    let plugin =
        json!({"mirrors": [mirror("m", json!({"retry": {"attempts": 2, "retry_on": ["5xx"]}}))]}).to_string();
    let pair = Pair::with(&plugin).await?;
    pair.shadow.respond_with(|_| Reply::status(500));
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST"] {
        let request = harness::client::Request::new(method, format!("/{method}"));
        pair.http1().request(request).await?;
    }
    pair.ends_well().await?;
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST"] {
        let sends = pair.shadow.find_all(|copy| copy.path == format!("/{method}"));
        ensure!(sends.len() == 3, "{method} was sent {} times", sends.len());
        for copy in sends {
            ensure!(copy.header("transfer-encoding").is_none() && copy.text().is_empty(), "{method}: {copy}");
        }
    }
    Ok(())
}
