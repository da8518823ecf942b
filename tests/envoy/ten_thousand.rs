// SPDX-License-Identifier: Apache-2.0
//! Ten thousand requests while shadows fail in every way at once: clients get what they asked for, and every copy is
//! accounted for.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::client::{Request, burst};
use harness::recording::Recorded;
use harness::upstream::{Refusing, Reply, Upstream};
use serde_json::json;

use crate::bench::{Pair, Wire};

const REQUESTS: usize = 10_000;
const ALL: u64 = REQUESTS as u64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_requests_are_answered_and_their_copies_add_up() -> Result<()> {
    let (limited, tenth) = (Upstream::http1().await?, Upstream::http1().await?);
    limited.respond_with(|_| Reply::status(200).delay(Duration::from_millis(20)));
    let refusing = Refusing::new()?;
    let plugin = json!({"mirrors": [
        {"name": "mixed", "cluster": "shadow", "timeout": "3s", "limits": {"max_in_flight": REQUESTS}, "breaker": "off"},
        {"cluster": "refusing", "breaker": "off"},
        {"cluster": "limited", "timeout": "1m", "breaker": "off"},
        {"cluster": "tenth", "percentage": 10},
    ]});
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| {
        bootstrap
            .edit_cluster("shadow", |cluster| cluster["circuit_breakers"] = thresholds(REQUESTS, REQUESTS))
            .cluster("refusing", refusing.addr())
            .cluster("tenth", tenth.addr())
            .cluster("limited", limited.addr())
            .edit_cluster("limited", |cluster| cluster["circuit_breakers"] = thresholds(2, 2))
    })
    .await?;
    pair.primary.respond_with(|request| Reply::status(200).body(answer(&request.path, &request.text())));
    pair.shadow.respond_with(|copy| outcome(number(copy)).0);

    let ask = |i: usize| Request::post(format!("/{i}"), question(i));
    let traffic = burst(&pair.http1(), REQUESTS, 32, ask).await;
    traffic.all_succeeded()?;
    for answered in &traffic.answered {
        let expected = answer(&format!("/{}", answered.index), &question(answered.index));
        ensure!(
            answered.response.text() == expected,
            "number {} got {:?}",
            answered.index,
            answered.response
        );
    }
    let stats = pair.ends_well().await?;
    ensure!(stats.envoy("server.concurrency") == 2);

    let copies = pair.shadow.requests();
    let mut numbers: Vec<_> = copies.iter().map(|copy| number(copy)).collect();
    numbers.sort_unstable();
    ensure!(
        numbers.iter().copied().eq(0..REQUESTS),
        "{} copies came, or not each number once",
        numbers.len()
    );
    ensure!(copies.iter().all(|copy| copy.complete && copy.text() == question(number(copy))));
    ensure!(stats.counter("shadow_sent_total", &[("mirror", "mixed")]) == ALL);

    let mut expected = BTreeMap::<_, u64>::new();
    for i in 0..REQUESTS {
        *expected.entry(outcome(i).1).or_default() += 1;
    }
    for (end, count) in expected {
        let labels = [("mirror", "mixed"), ("side", "shadow"), ("class", end)];
        let failed = stats.failed("mixed").get(end).copied().unwrap_or(0);
        let found = failed + stats.counter("shadow_responses_total", &labels);
        ensure!(found == count, "{found} ended as {end}, not {count}; all of it:\n{stats}");
    }

    for mirror in ["mixed", "refusing", "limited", "tenth"] {
        ensure!(stats.counter("shadow_requests_total", &[("mirror", mirror)]) == ALL);
        let sent = stats.counter("shadow_sent_total", &[("mirror", mirror)]);
        let primary = [("mirror", mirror), ("side", "primary")];
        ensure!(stats.counter("shadow_responses_total", &primary) == sent, "{mirror}: {sent} sent");
        for side in ["primary", "shadow"] {
            let labels = [("mirror", mirror), ("side", side)];
            let answers = stats.counter("shadow_responses_total", &labels);
            let durations = stats.histogram("shadow_duration_microseconds", &labels).count;
            ensure!(answers == durations, "{mirror}, {side}: {answers} answers, {durations} durations");
        }
    }
    // Before its connections are refused, copies wait for them, and some find no room to.
    let refused = stats.failed("refusing");
    ensure!(refused["unreachable"] > 0 && refused.values().sum::<u64>() == ALL, "{refused:?}");
    let rejected = stats.failed("limited");
    ensure!(
        rejected.keys().eq(["rejected"]) && limited.count() as u64 + rejected["rejected"] == ALL,
        "{rejected:?}"
    );
    // Five standard deviations of a binomial distribution: 30 each.
    let sampled = tenth.count() as u64;
    ensure!(sampled.abs_diff(ALL / 10) <= 150, "{sampled} of {ALL} were sampled at 10 %");
    ensure!(stats.skipped("tenth") == BTreeMap::from([("unsampled".to_owned(), ALL - sampled)]));
    Ok(())
}

fn question(i: usize) -> String {
    format!("question {i} {}", "?".repeat(i % 300))
}

fn answer(path: &str, question: &str) -> String {
    format!("{path} answers {question}")
}

fn number(copy: &Recorded) -> usize {
    copy.path.trim_start_matches('/').parse().context("not a number").unwrap()
}

/// What the shadow does with a copy, and as what it is counted.
fn outcome(i: usize) -> (Reply, &'static str) {
    let body = Reply::status(200).body_of_size(5_000);
    match i % 100 {
        0 => (Reply::hang(), "timeout"),
        1 => (Reply::huge(2), "reset"),
        2 => (body.stall_after(10), "reset"),
        n if n % 10 == 3 => (Reply::reset(), "unreachable"),
        n if n % 10 == 4 => (Reply::close(), "unreachable"),
        n if n % 10 == 5 => (body.reset_after(10), "reset"),
        n if n % 10 == 6 => (body.delay(Duration::from_millis(100)), "2xx"),
        n if n % 10 == 7 => (Reply::status(503).body("no"), "5xx"),
        n if n % 10 == 8 => (Reply::status(204), "2xx"),
        99 => (Reply::garbled(), "unreachable"),
        _ => (body.chunked(), "2xx"),
    }
}

fn thresholds(connections: usize, pending: usize) -> serde_yaml_ng::Value {
    let threshold = json!({
        "max_connections": connections,
        "max_pending_requests": pending,
        "max_requests": REQUESTS,
    });
    serde_yaml_ng::to_value(json!({"thresholds": [threshold]})).unwrap()
}
