// SPDX-License-Identifier: Apache-2.0
//! Versions that a pipeline must not promote, and equal ones that it must not reject, each on a real Envoy with the default limits.
//!
//! A scenario is a listener with a mirror of its own; paths begin with its name, by which both upstreams know what to do.

mod behaviours;
mod clients;
mod expected;
mod stage;

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use self::expected::Expected;
use self::stage::{Scenario, Stage};
use crate::monitoring::Prometheus;

/// Judges all scenarios, and fails with every wrong verdict at once.
async fn judge(stage: &Stage, expected: &[(&str, Expected)]) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, expected) in expected {
        let said = stage.verdict(name).await?;
        if let Err(error) = expected.check(&said) {
            wrong.push(format!("{name}: {error:#}\n{}", said["mirrors"][0]));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_answers_wrongly_or_not_at_all_is_rejected() -> Result<()> {
    let compare = json!({"compare": {"body": "json"}});
    let stage = Stage::set(&[
        Scenario::new("refuses"),
        Scenario::new("grpc").to("grpc").with(compare.clone()),
        Scenario::new("dies").to("mortal"),
        Scenario::new("dead").to("nobody"),
        Scenario::new("typo").to("no-such-cluster"),
        Scenario::new("differs").with(compare.clone()),
        Scenario::new("brotli").with(compare),
    ])
    .await?;
    let (refuses, grpc, dead, typo, differs, brotli, dies) = tokio::join!(
        stage.traffic("refuses", 600, 8),
        stage.grpc("grpc", 600, 8),
        stage.traffic("dead", 300, 4),
        stage.traffic("typo", 300, 4),
        stage.traffic("differs", 238, 4),
        stage.traffic("brotli", 1_200, 8),
        stage.traffic("dies", 1_500, 8),
    );
    for done in [refuses, grpc, dead, typo, differs, brotli, dies] {
        done?;
    }
    stage.mortal.stop().await?;
    stage.traffic("dies", 1_500, 8).await?;
    stage.at_rest().await?;
    judge(
        &stage,
        &[
            ("refuses", Expected::Reject(&["client_errors"])),
            ("grpc", Expected::Reject(&["errors", "mismatches"])),
            ("dies", Expected::RejectNow("breaker")),
            ("dead", Expected::RejectNow("breaker")),
            ("typo", Expected::SetUp("no cluster")),
            ("differs", Expected::Reject(&["mismatches"])),
            ("brotli", Expected::NotPromoted(&["uncompared"])),
        ],
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slower_shadow_is_rejected() -> Result<()> {
    let stage = Stage::set(&[
        Scenario::new("small"),
        Scenario::new("tail"),
        Scenario::new("some"),
        Scenario::new("readers"),
    ])
    .await?;
    stage.traffic("small", 1_500, 2).await?;
    // A busy machine slows requests of both sides: then more of them are needed.
    for _ in 0..5 {
        stage.traffic("tail", 8_000, 32).await?;
        stage.at_rest().await?;
        if stage.verdict("tail").await?["verdict"] != "HOLD" {
            break;
        }
    }
    stage.slow_readers("readers", 96, 12).await?;
    stage.at_rest().await?;
    // What is advised on the way: how many samples there should be.
    let mut advised = Vec::new();
    for _ in 0..8 {
        stage.traffic("some", 1_500, 32).await?;
        stage.at_rest().await?;
        let said = stage.verdict("some").await?;
        if said["verdict"] != "HOLD" {
            break;
        }
        let mirror = &said["mirrors"][0];
        let more =
            mirror["findings"].as_array().into_iter().flatten().filter_map(|it| it["more_samples"].as_u64());
        advised.push(more.max().unwrap_or(0) + mirror["samples"].as_u64().unwrap_or(0));
    }
    judge(
        &stage,
        &[
            ("small", Expected::Reject(&["p50"])),
            ("tail", Expected::RejectByOne(&["slow", "p999", "mean"])),
            ("some", Expected::RejectByOne(&["slow", "p999", "mean"])),
            ("readers", Expected::Reject(&["p50"])),
        ],
    )
    .await?;
    ensure!(
        advised.is_sorted() && advised.iter().all(|total| *total > 0),
        "advice goes up and down: {advised:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_shadow_is_not_rejected_for_what_its_way_does() -> Result<()> {
    let stage = Stage::set_with(
        &[
            Scenario::new("streams").with(json!({"timeout": "300ms"})),
            Scenario::new("large"),
            Scenario::new("closing").route_retries(),
            Scenario::new("closing-retried").route_retries().with(json!({"retry": {"attempts": 2}})),
            Scenario::new("uploads"),
        ],
        Some(128 << 10),
    )
    .await?;
    // One after the other, that the streams' copies end in a row.
    stage.traffic("streams/all", 60, 60).await?;
    let (streams, large, closing, retried, uploads) = tokio::join!(
        stage.traffic("streams", 1_500, 24),
        stage.traffic("large", 1_500, 8),
        stage.traffic("closing", 2_000, 8),
        stage.traffic("closing-retried", 2_000, 8),
        stage.uploads("uploads", 160, 40, Duration::from_millis(500)),
    );
    for done in [streams, large, closing, retried, uploads] {
        done?;
    }
    stage.at_rest().await?;
    judge(
        &stage,
        &[
            ("streams", Expected::HoldAtWorst { settles: false }),
            ("large", Expected::HoldAtWorst { settles: false }),
            ("closing", Expected::HoldAtWorst { settles: false }),
            ("closing-retried", Expected::HoldAtWorst { settles: true }),
            ("uploads", Expected::HoldAtWorst { settles: true }),
        ],
    )
    .await
}

/// With the shipped buckets, where both sides are near the end of one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_equal_shadow_read_from_prometheus_is_not_held_for_its_buckets() -> Result<()> {
    const ROUND: usize = 6_000;
    const ROUNDS: usize = 4;
    let stage = Stage::set(&[Scenario::new("equal")]).await?;
    let prometheus = Prometheus::scraping(stage.envoy.admin()).await?;
    prometheus.await_values("sum(shadow_sent_total)", |values| values == [0.0]).await?;
    let mut said = json!(null);
    for round in 1..=ROUNDS {
        stage.traffic("equal", ROUND, 32).await?;
        stage.at_rest().await?;
        let measured = "sum(shadow_duration_microseconds_count{side=\"shadow\"})";
        prometheus.await_values(measured, |values| values == [(round * ROUND) as f64]).await?;
        said = stage.verdict_of(&["--prometheus", &prometheus.url, "--window", "10m"], "equal").await?;
        // A busy machine leaves P99.9 unsure for a while.
        Expected::HoldAtWorst { settles: true }.check(&said)?;
        if said["verdict"] == "PROMOTE" {
            break;
        }
    }
    println!("equal, from Prometheus: {} after {} samples", said["verdict"], said["mirrors"][0]["samples"]);
    Ok(())
}
