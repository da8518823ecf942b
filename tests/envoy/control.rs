// SPDX-License-Identifier: Apache-2.0
//! A second copy to the primary's version, on a real Envoy: what differs by chance is told from what the shadow has wrong, and a
//! control that is gone disturbs nobody.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::client::{Request, burst};
use harness::recording::Recorded;
use harness::upstream::{Refusing, Reply, Upstream};
use harness::{Bootstrap, Stats, Update};
use serde_json::{Value, json};

use crate::bench::{Pair, Wire};

const REQUESTS: usize = 2000;

/// Names that are random have no place, and are ignored.
fn plugin(more: &Value) -> String {
    let compare = json!({"headers": ["etag"], "body": "json", "ignore": ["/trace/*"], "control": {"cluster": "v1"}, "log_per_minute": 1000});
    let mut mirror = json!({"name": "v2", "cluster": "shadow", "compare": compare, "timeout": "10s",
        "limits": {"max_in_flight": REQUESTS}});
    mirror.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"mirrors": [mirror]}).to_string()
}

fn results(stats: &Stats, mirror: &str) -> BTreeMap<&'static str, u64> {
    let of = |result| stats.counter("shadow_comparisons_total", &[("mirror", mirror), ("result", result)]);
    let all = ["match", "mismatch", "noise", "incomparable"].map(|result| (result, of(result)));
    all.into_iter().filter(|(_, count)| *count > 0).collect()
}

fn total(stats: &Stats, metric: &str, mirror: &str) -> u64 {
    stats.counter(metric, &[("mirror", mirror)])
}

/// Something else each time.
fn random() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn number(path: &str) -> usize {
    path.rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// An answer of a service with an id, a time, a list and a name that are other ones each time, and a price. One to a POST has
/// nothing of the kind.
fn answer(request: &Recorded, path: &str, price: &str) -> Reply {
    let reply = Reply::status(200).header("content-type", "application/json");
    if request.method == "POST" {
        return reply.body(r#"{"done":true}"#);
    }
    let id = random();
    let body = format!(
        r#"{{"id":"{id:x}","served":{},"related":[{},{}],"items":[{{"price":10}},{{"price":{price}}}],"trace":{{"{id}":1}},"number":{}}}"#,
        random(),
        random(),
        random(),
        number(path),
    );
    reply.header("etag", format!("\"{id}\"")).body(body)
}

fn make(index: usize) -> Request {
    match index % 10 {
        5 => Request::post(format!("/order/{index}"), "{}"),
        even if even % 2 == 0 => Request::get(format!("/price/{index}")),
        _ => Request::get(format!("/items/{index}")),
    }
}

/// Two per cent of the answers of one endpoint.
fn is_wrong(path: &str) -> bool {
    path.starts_with("/price/") && number(path) % 100 == 50
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_found_among_what_differs_by_chance() -> Result<()> {
    let control = Upstream::http1().await?;
    let config = plugin(&json!({"path": {"prefix": "/", "replacement": "/v2/"}}));
    let addr = control.addr();
    let pair = Pair::on(Wire::Http2, &config, |bootstrap| bootstrap.cluster("v1", addr)).await?;
    pair.primary.respond_with(|request| answer(request, &request.path, "20"));
    control.respond_with(|request| answer(request, &request.path, "20.0"));
    pair.shadow.respond_with(|copy| {
        let path = copy.path.strip_prefix("/v2").unwrap_or_default();
        answer(copy, path, if is_wrong(path) { "21" } else { "2e1" })
    });

    burst(&pair.http1(), REQUESTS, 16, make).await.all_succeeded()?;

    let stats = pair.ends_well().await?;
    let (posts, wrong) = (REQUESTS as u64 / 10, REQUESTS as u64 / 100);
    let reads = REQUESTS as u64 - posts;
    let expected = [("match", posts), ("mismatch", wrong), ("noise", reads - wrong)].into();
    ensure!(results(&stats, "v2") == expected, "{:?}, expected {expected:?}", results(&stats, "v2"));
    ensure!(results(&stats, "v2-control") == [("mismatch", reads)].into(), "{stats}");
    let of = |mirror, kind| stats.counter("shadow_differences_total", &[("mirror", mirror), ("kind", kind)]);
    let kinds = |mirror| ["status", "header", "body"].map(|kind| of(mirror, kind));
    ensure!(kinds("v2") == [0, 0, wrong] && kinds("v2-control") == [0, reads, reads], "{stats}");

    // Each of them is logged, with its place and no other.
    let log = pair.envoy.log();
    let lines = log.lines().filter_map(|line| Some(line.split_once("shadow difference ")?.1));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line.trim()).expect(line)).collect();
    ensure!(lines.len() as u64 == wrong, "{} lines", lines.len());
    for line in &lines {
        let path = line["path"].as_str().context("a path")?;
        ensure!(is_wrong(path) && line["mirror"] == "v2", "{line}");
        ensure!(line["differences"] == json!([{"at": "/items/1/price"}]), "{line}");
    }

    // Only reads were sent to the control, each once, and as they were sent to the primary.
    ensure!(total(&stats, "shadow_requests_total", "v2-control") == reads, "{stats}");
    let mut asked: Vec<_> = control.requests().iter().map(|request| number(&request.path)).collect();
    asked.sort_unstable();
    ensure!(asked == (0..REQUESTS).filter(|index| index % 10 != 5).collect::<Vec<_>>());
    for request in control.requests() {
        let is_right = request.method == "GET"
            && request.header("x-shadow-mirror") == Some("v2-control")
            && !request.path.starts_with("/v2")
            && pair
                .primary
                .find(|sent| sent.path == request.path && sent.authority == request.authority)
                .is_some();
        ensure!(is_right, "{request}");
    }
    for side in ["primary", "shadow"] {
        let durations = |mirror| {
            stats.histogram("shadow_duration_microseconds", &[("mirror", mirror), ("side", side)]).count
        };
        ensure!(durations("v2") == REQUESTS as u64 && durations("v2-control") == reads, "{stats}");
    }
    ensure!(stats.histogram("shadow_slowdown_percent", &[("mirror", "v2-control")]).count == reads);
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

/// Answers of the shadow that wait for a control that hangs, and a control that is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_that_is_gone_disturbs_nobody() -> Result<()> {
    let (hangs, dead) = (Upstream::http1().await?, Refusing::new()?);
    hangs.respond_with(|_| Reply::hang());
    for (control, reason) in [(hangs.addr(), "timeout"), (dead.addr(), "unreachable")] {
        let config =
            plugin(&json!({"timeout": "1s", "breaker": {"consecutive_failures": 20, "cooldown": "1h"}}));
        let pair = Pair::on(Wire::Http1, &config, |bootstrap| bootstrap.cluster("v1", control)).await?;
        pair.primary.respond_with(|request| answer(request, &request.path, "20"));
        pair.shadow.respond_with(|copy| answer(copy, &copy.path, "20"));
        let traffic = burst(&pair.http1(), 400, 8, make).await;
        traffic.all_succeeded()?;
        ensure!(traffic.latencies().p99 < Duration::from_millis(500), "{reason}: {}", traffic.latencies());

        let stats = pair.ends_well().await?;
        ensure!(results(&stats, "v2") == [("match", 40), ("mismatch", 360)].into(), "{reason}: {stats}");
        let sent = total(&stats, "shadow_sent_total", "v2-control");
        ensure!((20..=360).contains(&sent), "{reason}: {stats}");
        ensure!(stats.failed("v2-control") == [(reason.to_owned(), sent)].into(), "{stats}");
        ensure!(results(&stats, "v2-control") == [("incomparable", sent)].into(), "{stats}");
        ensure!(stats.gauge("shadow_breaker_open", &[("mirror", "v2-control")]) > 0, "{stats}");
        ensure!(stats.gauge("shadow_breaker_open", &[("mirror", "v2")]) == 0, "{stats}");
        ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
        // Nobody asks it any more.
        let before = total(&stats, "shadow_skipped_total", "v2-control");
        burst(&pair.http1(), 20, 2, |index| Request::get(format!("/items/{index}"))).await.all_succeeded()?;
        let stats = pair.ends_well().await?;
        ensure!(total(&stats, "shadow_skipped_total", "v2-control") == before + 20, "{stats}");
    }
    Ok(())
}

/// The configuration changes while answers wait for the control's: the old one compares them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pairs_that_wait_outlive_their_configuration() -> Result<()> {
    let control = Upstream::http1().await?;
    let addr = control.addr();
    let dynamic = |bootstrap: Bootstrap| bootstrap.dynamic_listeners().drain_seconds(1).cluster("v1", addr);
    let mut pair = Pair::on(Wire::Http1, &plugin(&json!({})), dynamic).await?;
    pair.primary.respond_with(|request| answer(request, &request.path, "20"));
    pair.shadow
        .respond_with(|copy| answer(copy, &copy.path, if number(&copy.path) == 3 { "21" } else { "20" }));
    // Longer than the old listener drains.
    control.respond_with(|request| answer(request, &request.path, "20").delay(Duration::from_millis(2500)));
    for flip in 0..3 {
        for index in 0..8 {
            let request = Request::get(format!("/items/{index}")).header("connection", "close");
            pair.http1().request(request).await?;
        }
        control.await_count(8 * (flip + 1)).await?;
        let next = plugin(&json!({"timeout": format!("{}s", 11 + flip)}));
        ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(&next)).await? == Update::Accepted);
    }
    let stats = pair.ends_well().await?;
    ensure!(results(&stats, "v2") == [("mismatch", 3), ("noise", 21)].into(), "{stats}");
    ensure!(results(&stats, "v2-control") == [("mismatch", 24)].into(), "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

/// Copies of the control whose root Envoy has dropped without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_do_not_wait_for_a_control_that_is_lost() -> Result<()> {
    let control = Upstream::http1().await?;
    control.respond_with(|_| Reply::hang());
    let addr = control.addr();
    let dynamic = |bootstrap: Bootstrap| {
        bootstrap.dynamic_listeners().concurrency(1).drain_seconds(1).cluster("v1", addr)
    };
    let configs = ["6s", "6001ms"].map(|timeout| plugin(&json!({"timeout": timeout, "breaker": "off"})));
    let mut pair = Pair::on(Wire::Http1, &configs[0], dynamic).await?;
    pair.primary.respond_with(|request| answer(request, &request.path, "20"));
    pair.shadow.respond_with(|copy| answer(copy, &copy.path, "20"));
    for flip in 0..4 {
        pair.http1().request(Request::get("/items/1").header("connection", "close")).await?;
        control.await_count(flip + 1).await?;
        ensure!(
            pair.envoy.update(|bootstrap| bootstrap.plugin(&configs[(flip + 1) % 2])).await?
                == Update::Accepted
        );
        let left =
            |stats: &Stats, what: &str| stats.envoy(&format!("listener_manager.total_{what}_draining"));
        let drained = |stats: &Stats| left(stats, "listeners") + left(stats, "filter_chains") == 0;
        pair.envoy.await_stats(drained, "the old one to drain").await?;
    }
    let at_rest = |stats: &Stats| {
        stats.gauge("shadow_in_flight", &[]) == 0 && stats.gauge("shadow_buffered_bytes", &[]) == 0
    };
    pair.envoy.await_stats(at_rest, "every copy to be accounted for").await?;
    let stats = pair.ends_well().await?;
    // A root that was dropped compares nothing any more.
    let compared = results(&stats, "v2");
    ensure!(!compared.contains_key("noise") && compared.values().sum::<u64>() == 4, "{stats}");
    ensure!(results(&stats, "v2-control") == [("incomparable", 4)].into(), "{stats}");
    Ok(())
}

/// The control's copies come back to the Envoy that sent them, as where its cluster is behind the same gateway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_of_the_control_are_not_copied_again() -> Result<()> {
    let control = Upstream::http1().await?;
    let addr = control.addr();
    let pair = Pair::on(Wire::Http1, &plugin(&json!({})), |bootstrap| bootstrap.cluster("v1", addr)).await?;
    pair.http1().get("/items/1").await?;
    let copy = control.await_where(|request| request.complete).await?;
    let marker = copy.header("x-shadow-mirror").context("a marker")?;
    let again = Request::get(copy.path.clone()).header("x-shadow-mirror", marker);
    pair.http1().request(again).await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.skipped("v2") == [("loop".to_owned(), 1)].into(), "{stats}");
    ensure!((pair.shadow.count(), control.count()) == (1, 1), "{stats}");
    Ok(())
}
