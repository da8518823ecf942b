// SPDX-License-Identifier: Apache-2.0
//! Limits and breakers that hold for all workers of an Envoy: eight workers, load that is spread unevenly over them, and
//! changes of the configuration meanwhile.

mod counting;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use harness::client::{Request, burst, pace};
use harness::upstream::Upstream;
use harness::{Bootstrap, Envoy, Stats, Update};
use serde_json::{Value, json};

use self::counting::Counting;
use crate::bench::Pair;

const WORKERS: u32 = 8;

/// An Envoy with eight workers and a shadow that counts what it has at the same time.
async fn pair(keys: Value, delay: Duration) -> Result<(Pair, Counting)> {
    let (primary, shadow) = (Upstream::http1().await?, Counting::start(delay).await?);
    let bootstrap = Bootstrap::shipped().primary(primary.addr()).shadow(shadow.address);
    let bootstrap = bootstrap.plugin(plugin(&keys)).concurrency(WORKERS).dynamic_listeners().drain_seconds(1);
    let bootstrap = bootstrap.edit_cluster("shadow", |cluster| {
        let limits = &mut cluster["circuit_breakers"]["thresholds"][0];
        for limit in ["max_connections", "max_pending_requests", "max_requests"] {
            limits[limit] = 100_000.into();
        }
    });
    let envoy = Envoy::start(bootstrap).await?;
    Ok((Pair { envoy, primary, shadow: Upstream::http1().await? }, shadow))
}

fn plugin(keys: &Value) -> String {
    let mut mirror = json!({"cluster": "shadow", "name": "m", "breaker": "off", "timeout": "60s"});
    for (key, value) in keys.as_object().into_iter().flatten() {
        mirror[key] = value.clone();
    }
    json!({"mirrors": [mirror]}).to_string()
}

/// Much on one connection, which is one worker's, and the rest on many.
async fn uneven(pair: &Pair, count: usize) -> Result<()> {
    let (http2, http1) = (pair.http2(), pair.http1());
    let (one, many) = tokio::join!(
        burst(&http2, count / 2, 32, |_| Request::get("/one")),
        burst(&http1, count / 2, 32, |_| Request::get("/many")),
    );
    one.all_succeeded()?;
    many.all_succeeded()
}

fn sent(stats: &Stats) -> u64 {
    stats.counter("shadow_sent_total", &[("mirror", "m")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_have_no_more_copies_at_a_time_than_the_limit() -> Result<()> {
    let limits = json!({"limits": {"max_in_flight": 64}});
    let (mut pair, shadow) = pair(limits.clone(), Duration::from_millis(100)).await?;
    shadow.hang(true);
    uneven(&pair, 600).await?;
    ensure!(shadow.most() <= 64, "{} at a time", shadow.most());
    // Other configurations, old copies still in flight.
    for round in 0..3 {
        let mut next = limits.clone();
        next["path"] = json!({"prefix": "/", "replacement": format!("/{round}/")});
        ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(plugin(&next))).await? == Update::Accepted);
        uneven(&pair, 600).await?;
        ensure!(shadow.most() <= 64, "{} at a time", shadow.most());
    }
    ensure!(shadow.now() >= 60, "{} of 64 are used", shadow.now());
    shadow.hang(false);
    let start = Instant::now();
    let before = shadow.all();
    while start.elapsed() < Duration::from_secs(3) {
        uneven(&pair, 400).await?;
    }
    let copies = shadow.all() - before;
    println!("{} at a time; {copies} copies of 100 ms in {:?}", shadow.most(), start.elapsed());
    ensure!(shadow.most() <= 64, "{} at a time", shadow.most());
    // A shadow with 64 places for 100 ms takes 640 a second.
    ensure!(copies > 640, "{copies} copies");
    let stats = pair.ends_well().await?;
    ensure!(sent(&stats) == shadow.all() as u64, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_make_no_more_copies_than_the_rate() -> Result<()> {
    let keys = json!({"limits": {"requests_per_second": 40, "burst": 20}});
    let (pair, shadow) = pair(keys, Duration::ZERO).await?;
    let start = Instant::now();
    let (http2, http1) = (pair.http2(), pair.http1());
    let (one, many) = tokio::join!(
        pace(&http2, 300.0, Duration::from_secs(4), |_| Request::get("/one")),
        pace(&http1, 300.0, Duration::from_secs(4), |_| Request::get("/many")),
    );
    one.all_succeeded()?;
    many.all_succeeded()?;
    let most = 20.0 + 40.0 * start.elapsed().as_secs_f64();
    let stats = pair.ends_well().await?;
    println!("{} copies, {most:.0} at most", shadow.all());
    ensure!(shadow.all() as f64 <= most, "{} copies, {most} at most", shadow.all());
    ensure!(shadow.all() as f64 >= 0.85 * most, "{} copies, {most} at most\n{stats}", shadow.all());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_permit_goes_round_eight_workers() -> Result<()> {
    let (pair, shadow) = pair(json!({"limits": {"max_in_flight": 1}}), Duration::from_millis(5)).await?;
    for _ in 0..3 {
        uneven(&pair, 1000).await?;
    }
    ensure!(shadow.most() == 1, "{} at a time", shadow.most());
    // Now and then a request, each on a connection of its own and so on one worker or another.
    let before = shadow.all();
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(900)).await;
        pair.http1().request(Request::get("/").header("connection", "close")).await?;
    }
    let stats = pair.ends_well().await?;
    ensure!(shadow.all() - before == 10, "{} of 10\n{stats}", shadow.all() - before);
    println!("{} copies, one at a time", shadow.all());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_of_a_module_that_was_replaced_come_back() -> Result<()> {
    let keys = json!({"limits": {"max_in_flight": 16}, "timeout": "3s"});
    let (mut pair, shadow) = pair(keys, Duration::ZERO).await?;
    shadow.hang(true);
    uneven(&pair, 200).await?;
    let (_directory, module) = crate::lifecycle::other_module().await?;
    ensure!(pair.envoy.update(|bootstrap| bootstrap.module(&module)).await? == Update::Accepted);
    // Those that Envoy has cut are given up when they must have ended: after timeout and two seconds.
    let start = Instant::now();
    let mut used = 0;
    while used < 14 {
        ensure!(start.elapsed() < Duration::from_secs(10), "{used} of 16 are used by the new one");
        uneven(&pair, 100).await?;
        used = shadow.now();
        ensure!(shadow.most() <= 16, "{} at a time", shadow.most());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("after {:?}", start.elapsed());
    shadow.hang(false);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_workers_have_one_breaker() -> Result<()> {
    let keys = json!({"breaker": {"consecutive_failures": 10, "cooldown": "3s"}});
    let (pair, shadow) = pair(keys, Duration::ZERO).await?;
    uneven(&pair, 400).await?;
    shadow.refuse(true);
    pair.http2().get("/").await?;
    uneven(&pair, 400).await?;
    pair.envoy.await_log("the breaker opens after 10 failures in a row").await?;
    // All have heard of it by then.
    tokio::time::sleep(Duration::from_millis(600)).await;
    let before = shadow.all();
    let opened = Instant::now();
    while opened.elapsed() < Duration::from_millis(1500) {
        uneven(&pair, 100).await?;
    }
    ensure!(shadow.all() == before, "{} copies while it is open", shadow.all() - before);
    let stats = pair.envoy.stats().await?;
    println!("{} workers' breakers are open", stats.gauge("shadow_breaker_open", &[]));
    // One probe for all, which fails, and then nothing for two cooldowns.
    while opened.elapsed() < Duration::from_secs(6) {
        uneven(&pair, 100).await?;
    }
    ensure!(shadow.all() == before + 1, "{} probes", shadow.all() - before);
    shadow.refuse(false);
    pair.envoy.await_stats(|_| opened.elapsed() > Duration::from_secs(9), "the cooldown").await?;
    while pair.envoy.log_count("the breaker closes") == 0 {
        ensure!(opened.elapsed() < Duration::from_secs(20), "it does not close");
        uneven(&pair, 16).await?;
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    let stats = pair.ends_well().await?;
    ensure!(stats.gauge("shadow_breaker_open", &[]) == 0, "{stats}");
    Ok(())
}
