// SPDX-License-Identifier: Apache-2.0
//! Changes while traffic goes on: of the configuration, of the module, of the listener, of Envoy itself. The primary
//! notices none of them, and copies are accounted for as far as Envoy lets the filter see their end.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::bootstrap::INGRESS;
use harness::client::{Http1, Raw, Request};
use harness::upstream::Reply;
use harness::{Bootstrap, Stats, Update};
use serde_json::json;
use tokio::task::JoinSet;

use crate::bench::{EVERYTHING, Pair, Wire, arrived};

// Hanging shadows fill the cluster's circuit breaker, and what that rejects would open the mirror's own.
const ONE: &str = r#"{"mirrors": [{"name": "one", "cluster": "shadow", "breaker": "off"}]}"#;
/// Leaves room in the cluster for others while the shadow hangs. Limits that all workers share would have a new module wait for
/// the copies of the old one.
const HELD: &str = r#"{"mirrors": [{"name": "one", "cluster": "shadow", "breaker": "off",
    "limits": {"max_in_flight": 30, "scope": "worker"}}]}"#;
const TWO: &str = r#"{"mirrors": [{"name": "two", "cluster": "shadow", "percentage": 50}]}"#;
const MORE: &str = r#"{"mirrors": [{"name": "more", "cluster": "shadow"}]}"#;

/// Requests without a pause, each answered with its own body, until they are told to end. Each has a connection of its
/// own: a listener that has drained closes those it has left, busy or not, with a filter in it or without.
struct Load {
    end: Arc<AtomicBool>,
    clients: JoinSet<Result<u64>>,
}

impl Load {
    fn on(pair: &Pair) -> Self {
        pair.primary.respond_with(|request| Reply::status(200).body(request.body.clone()));
        let end = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for client in 0..4 {
            clients.spawn(ask_until(end.clone(), pair.http1(), client));
        }
        Self { end, clients }
    }

    /// The number of requests. The first that was not served as it should be is an error.
    async fn end(mut self) -> Result<u64> {
        self.end.store(true, Ordering::Relaxed);
        let mut requests = 0;
        while let Some(client) = self.clients.join_next().await {
            requests += client??;
        }
        Ok(requests)
    }
}

async fn ask_until(end: Arc<AtomicBool>, http1: Http1, client: u32) -> Result<u64> {
    let mut requests = 0;
    while !end.load(Ordering::Relaxed) {
        let body = format!("client {client}, request {requests}");
        let request = Request::post("/load", body.clone()).header("connection", "close");
        let answer = http1.request(request).await.context(body.clone())?;
        ensure!(answer.is_success() && answer.text() == body, "{body}: {} {}", answer.status, answer.text());
        requests += 1;
    }
    Ok(requests)
}

/// Both at once: most of their time they wait.
async fn with_one_worker_and_two<F: Future<Output = Result<()>>>(test: impl Fn(u32) -> F) -> Result<()> {
    tokio::try_join!(test(1), test(2)).map(drop)
}

async fn dynamic(workers: u32, plugin: &str) -> Result<Pair> {
    Pair::on(Wire::Http1, plugin, |bootstrap| draining_for(bootstrap, workers, 1)).await
}

/// Where a VM is made or ended, load should stop before the drain does: Envoy's threads may be busy with it for longer
/// than a short drain, and what is left on a drained listener is closed.
fn draining_for(bootstrap: Bootstrap, workers: u32, seconds: u32) -> Bootstrap {
    bootstrap.dynamic_listeners().concurrency(workers).drain_seconds(seconds)
}

/// Nothing of an earlier listener is left.
fn drained(stats: &Stats) -> bool {
    let left = |what: &str| stats.envoy(&format!("listener_manager.total_{what}_draining"));
    left("listeners") + left("filter_chains") == 0
}

fn total(stats: &Stats, metric: &str, mirror: &str) -> u64 {
    stats.counter(metric, &[("mirror", mirror)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_configuration_takes_over_under_load() -> Result<()> {
    with_one_worker_and_two(takes_over).await
}

async fn takes_over(workers: u32) -> Result<()> {
    let mut pair = dynamic(workers, ONE).await?;
    let load = Load::on(&pair);
    pair.envoy.await_stats(|stats| total(stats, "shadow_sent_total", "one") > 100, "load").await?;
    for plugin in [TWO, ONE, EVERYTHING] {
        ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(plugin)).await? == Update::Accepted);
    }
    pair.envoy.await_stats(|stats| total(stats, "shadow_sent_total", "shadow") > 100, "load").await?;
    pair.envoy.await_stats(drained, "the old ones to drain").await?;
    let requests = load.end().await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_requests_total", &[]) == requests, "{requests} requests\n{stats}");
    let sent = stats.counter("shadow_sent_total", &[]);
    ensure!(pair.shadow.count() as u64 == sent, "{} copies came of {sent}", pair.shadow.count());
    ensure!(stats.counter("shadow_responses_total", &[("side", "primary")]) == sent, "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_in_flight_finish_under_the_configuration_that_made_them() -> Result<()> {
    let mut pair = dynamic(2, ONE).await?;
    // Longer than the old listener drains.
    pair.shadow.respond_with(|_| Reply::status(203).delay(Duration::from_millis(2500)));
    for _ in 0..8 {
        pair.http1().request(Request::get("/").header("connection", "close")).await?;
    }
    pair.shadow.await_count(8).await?;
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(TWO)).await? == Update::Accepted);
    pair.envoy.await_stats(drained, "the old one to drain").await?;
    // Taken back when the old one is asked to end, and told again since it does not.
    let in_flight = |stats: &Stats| total(stats, "shadow_in_flight", "one") == 8;
    pair.envoy.await_stats(in_flight, "copies still in flight").await?;
    let stats = pair.ends_well().await?;
    let answers = stats.counter("shadow_responses_total", &[("mirror", "one"), ("side", "shadow")]);
    ensure!(answers == 8, "{stats}");
    ensure!(stats.histogram("shadow_duration_microseconds", &[("side", "shadow")]).sum > 8.0 * 2_300_000.0);
    Ok(())
}

/// Envoy keeps a root that waits for its copies under its name and configuration: a second one of the same takes its place, and the
/// copies of the first are cancelled without a word to the filter.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipping_between_two_configurations_leaves_nothing_behind() -> Result<()> {
    const A: &str =
        r#"{"mirrors": [{"name": "flip", "cluster": "shadow", "timeout": "6s", "breaker": "off"}]}"#;
    const B: &str =
        r#"{"mirrors": [{"name": "flip", "cluster": "shadow", "timeout": "6001ms", "breaker": "off"}]}"#;
    let mut pair = dynamic(1, A).await?;
    pair.shadow.respond_with(|_| Reply::hang());
    for flip in 0..5 {
        for _ in 0..3 {
            let body = vec![b'x'; 1000];
            pair.http1().request(Request::post("/", body).header("connection", "close")).await?;
        }
        pair.shadow.await_count(3 * (flip + 1)).await?;
        let next = if flip % 2 == 0 { B } else { A };
        ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(next)).await? == Update::Accepted);
        pair.envoy.await_stats(drained, "the old one to drain").await?;
    }
    let at_rest = |stats: &Stats| {
        stats.gauge("shadow_in_flight", &[]) == 0 && stats.gauge("shadow_buffered_bytes", &[]) == 0
    };
    pair.envoy.await_stats(at_rest, "every copy to be accounted for").await?;
    let stats = pair.ends_well().await?;
    let timeouts = stats.counter("shadow_failed_total", &[("reason", "timeout")]);
    ensure!(timeouts == 15, "{timeouts} of 15 copies timed out:\n{stats}");
    Ok(())
}

/// Envoy's own trace tells which context each tick is for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_configuration_ticks_no_more() -> Result<()> {
    let mut pair = dynamic(1, ONE).await?;
    pair.envoy.admin_post("/logging?wasm=trace").await?;
    pair.shadow.respond_with(|_| Reply::status(200).delay(Duration::from_secs(2)));
    pair.http1().request(Request::get("/").header("connection", "close")).await?;
    pair.shadow.await_count(1).await?;
    pair.envoy.await_log("proxy_on_tick(").await?;
    let old = ticked(&pair.envoy.log());
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(TWO)).await? == Update::Accepted);
    pair.envoy.await_stats(drained, "the old one to drain").await?;
    // Its copy outlives its listener, and it ends with that.
    let answers = |stats: &Stats| stats.counter("shadow_responses_total", &[("side", "shadow")]);
    pair.envoy.await_stats(|stats| answers(stats) == 1, "the last answer").await?;
    pair.shadow.respond_with(|_| Reply::status(200));
    let before = pair.envoy.log().len();
    // Each of these waits for a flush of the new one, whose timer has the period that an old one would have.
    for request in 1..=4 {
        pair.http1().get("/").await?;
        let counted = |stats: &Stats| total(stats, "shadow_requests_total", "two") == request;
        pair.envoy.await_stats(counted, "a request").await?;
    }
    let new = ticked(&pair.envoy.log()[before..]);
    ensure!(!old.is_empty() && !new.is_empty() && old.is_disjoint(&new), "{old:?} ticked, then {new:?}");
    pair.envoy.no_traps()
}

fn ticked(log: &str) -> BTreeSet<String> {
    let contexts =
        log.lines().filter_map(|line| line.split_once("proxy_on_tick(")?.1.split([',', ')']).next());
    contexts.map(str::to_owned).collect()
}

/// New code gets a VM of its own, and Envoy does not wait for copies of the old one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_module_takes_over_under_load() -> Result<()> {
    with_one_worker_and_two(is_replaced).await
}

async fn is_replaced(workers: u32) -> Result<()> {
    let (_directory, module) = other_module().await?;
    let mut pair = Pair::on(Wire::Http1, HELD, |bootstrap| draining_for(bootstrap, workers, 8)).await?;
    let load = Load::on(&pair);
    pair.shadow.respond_with(|_| Reply::hang());
    let in_flight = |stats: &Stats| total(stats, "shadow_in_flight", "one");
    pair.envoy.await_stats(|stats| in_flight(stats) > 20, "copies in flight").await?;
    ensure!(pair.envoy.update(|bootstrap| bootstrap.module(&module)).await? == Update::Accepted);
    pair.shadow.respond_with(|_| Reply::status(200));
    let answers = |stats: &Stats| stats.counter("shadow_responses_total", &[("side", "shadow")]);
    let enough = answers(&pair.envoy.stats().await?) + 100;
    pair.envoy.await_stats(|stats| answers(stats) > enough, "copies by the new module").await?;
    let requests = load.end().await?;
    pair.envoy.await_stats(drained, "the old one to drain").await?;
    let stats = pair.envoy.settled().await?;
    pair.envoy.no_traps()?;
    // Counters go on, as they have the same names. Of the copies that were cut there is no end to tell, but the
    // gauges do not keep them.
    ensure!(stats.counter("shadow_requests_total", &[]) == requests, "{requests} requests:\n{stats}");
    ensure!(total(&stats, "shadow_sent_total", "one") > answers(&stats), "{stats}");
    ensure!(in_flight(&stats) == 0 && stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_filter_goes_and_comes_back_under_load() -> Result<()> {
    with_one_worker_and_two(goes_and_comes_back).await
}

async fn goes_and_comes_back(workers: u32) -> Result<()> {
    let mut pair = Pair::on(Wire::Http1, ONE, |bootstrap| draining_for(bootstrap, workers, 8)).await?;
    let load = Load::on(&pair);
    pair.shadow.respond_with(|_| Reply::status(200).delay(Duration::from_millis(100)));
    pair.shadow.await_count(20).await?;
    let mut with_filter = None;
    let update = pair.envoy.update(|bootstrap| with_filter.insert(bootstrap).clone().without_filter());
    ensure!(update.await? == Update::Accepted);
    pair.primary.await_count(pair.primary.count() + 100).await?;
    let mut requests = load.end().await?;
    pair.envoy.await_stats(|stats| stats.mirrors().is_empty(), "the filter and its counters to go").await?;
    let load = Load::on(&pair);
    pair.primary.await_count(pair.primary.count() + 100).await?;
    let with_filter = with_filter.context("no bootstrap")?;
    ensure!(pair.envoy.update(|_| with_filter).await? == Update::Accepted);
    let sent = |stats: &Stats| total(stats, "shadow_sent_total", "one");
    pair.envoy.await_stats(|stats| sent(stats) > 100, "copies again").await?;
    requests += load.end().await?;
    ensure!(requests == pair.primary.count() as u64);
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_outlives_its_listener_and_so_does_its_copy() -> Result<()> {
    let pair = Pair::with(ONE).await?;
    pair.primary.respond_with(|request| {
        Reply::status(200).delay(Duration::from_millis(500)).body(request.body.clone())
    });
    let mut upload = Raw::connect(pair.envoy.address()).await?;
    upload.send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n12").await?;
    pair.primary.await_started(1).await?;
    pair.envoy.drain_listeners().await?;
    upload.send("34").await?;
    ensure!(upload.read_response().await?.text() == "1234");
    ensure!(arrived(&pair.shadow, "/late").await?.text() == "1234");
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_responses_total", &[]) == 2, "{stats}");
    Ok(())
}

/// Two Envoys share the listeners for a while, each with limits and counters of its own; Envoy adds the first one's counters
/// to those of the second as far as they meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_restart_takes_over_under_load() -> Result<()> {
    let mut pair = Pair::on(Wire::Http1, ONE, |bootstrap| bootstrap.hot_restart().drain_seconds(1)).await?;
    let first = pair.envoy.pid();
    let load = Load::on(&pair);
    pair.envoy.await_stats(|stats| total(stats, "shadow_sent_total", "one") > 100, "load").await?;
    pair.envoy.hot_restart().await?;
    ensure!(pair.envoy.pid() != first);
    let before = pair.shadow.count();
    pair.shadow.await_count(before + 100).await?;
    let requests = load.end().await?;
    let stats = pair.envoy.settled().await?;
    pair.envoy.no_traps()?;
    ensure!(requests == pair.primary.count() as u64, "{requests} requests, {} came", pair.primary.count());
    ensure!(pair.shadow.count() as u64 == requests, "{} copies of {requests}", pair.shadow.count());
    ensure!(total(&stats, "shadow_in_flight", "one") == 0, "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

/// Only what is asked by the calendar notices: deadlines, tokens and ticks have another clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_moves_schedules_and_nothing_else() -> Result<()> {
    let at = |seconds: i64| {
        let now = std::time::SystemTime::now();
        let apart = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { now - apart } else { now + apart };
        humantime::format_rfc3339_seconds(time).to_string()
    };
    let plugin = json!({"mirrors": [
        {"name": "one", "cluster": "shadow", "timeout": "2s"},
        {"name": "today", "cluster": "shadow", "active": {"from": at(-1800), "until": at(1800)}},
    ]});
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), Bootstrap::own_clock).await?;
    let sent = |stats: &Stats| total(stats, "shadow_sent_total", "today");
    let load = Load::on(&pair);
    for ahead in [3600, 0, -3600, 0] {
        pair.envoy.set_clock(ahead)?;
        let before = pair.envoy.stats().await?;
        let inactive = |stats: &Stats| {
            stats.counter("shadow_skipped_total", &[("mirror", "today"), ("reason", "inactive")])
        };
        let moved = |stats: &Stats| match ahead {
            0 => sent(stats) > sent(&before) + 50,
            _ => inactive(stats) > inactive(&before) + 50,
        };
        pair.envoy.await_stats(moved, "the schedule to notice").await?;
    }
    let requests = load.end().await?;
    let stats = pair.ends_well().await?;
    let answers = stats.counter("shadow_responses_total", &[("mirror", "one"), ("side", "shadow")]);
    ensure!(answers == requests, "{requests} requests, {answers} answers:\n{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_ends_at_once_with_copies_in_flight() -> Result<()> {
    with_one_worker_and_two(ends_at_once).await
}

async fn ends_at_once(workers: u32) -> Result<()> {
    let pair = dynamic(workers, ONE).await?;
    pair.shadow.respond_with(|_| Reply::hang());
    for _ in 0..8 {
        pair.http1().request(Request::post("/", "body").header("connection", "close")).await?;
    }
    pair.shadow.await_count(8).await?;
    let start = Instant::now();
    let log = pair.envoy.shutdown().await?;
    ensure!(start.elapsed() < Duration::from_secs(4), "it took {:?}", start.elapsed());
    for sign in ["panicked", "Function: proxy_on_", "Caught", "assert failure"] {
        ensure!(!log.contains(sign), "{log}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listeners_share_a_vm_and_end_apart() -> Result<()> {
    with_one_worker_and_two(share_and_end_apart).await
}

async fn share_and_end_apart(workers: u32) -> Result<()> {
    let edit = |bootstrap: Bootstrap| {
        let bootstrap = bootstrap.dynamic_listeners().concurrency(workers).drain_seconds(1);
        bootstrap.extra_listener("equal", ONE).extra_listener("other", EVERYTHING)
    };
    let mut pair = Pair::on(Wire::Http1, ONE, edit).await?;
    ask_each(&pair, 3).await?;
    let stats = pair.ends_well().await?;
    for (mirror, copies) in [("one", 6), ("shadow", 3)] {
        let answered = [("mirror", mirror), ("side", "shadow")];
        ensure!(stats.counter("shadow_responses_total", &answered) == copies, "{stats}");
    }
    // The equal one goes on with what the first gives up.
    let update = pair.envoy.update(|bootstrap| bootstrap.plugin(MORE)).await?;
    ensure!(update == Update::Accepted);
    pair.envoy.await_stats(drained, "the first to drain").await?;
    ask_each(&pair, 3).await?;
    let stats = pair.ends_well().await?;
    for (mirror, copies) in [("one", 9), ("shadow", 6), ("more", 3)] {
        ensure!(total(&stats, "shadow_sent_total", mirror) == copies, "{stats}");
    }
    Ok(())
}

async fn ask_each(pair: &Pair, times: usize) -> Result<()> {
    for listener in [INGRESS, "equal", "other"] {
        for _ in 0..times {
            // A connection each, for every worker to get some.
            Http1::new(pair.envoy.address_of(listener)).get("/").await?;
        }
    }
    Ok(())
}

/// The same module as other code: with a custom section, which says nothing, at its end.
pub async fn other_module() -> Result<(tempfile::TempDir, PathBuf)> {
    let mut code = fs::read(tokio::task::spawn_blocking(harness::wasm::module).await??)?;
    // Section 0, its size, the length of its name, the name.
    code.extend_from_slice(b"\x00\x06\x05other");
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("other.wasm");
    fs::write(&file, code)?;
    Ok((directory, file))
}
