// SPDX-License-Identifier: Apache-2.0
//! Every way in which a copy fails, provoked for real and counted under its reason, while clients notice nothing.
//!
//! An Envoy takes 16 mirrors, so that one is enough for a table of failures: each mirror has a shadow of its own.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::client::{Request, burst};
use harness::upstream::{BlackHole, FullBacklog, Refusing, Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::json;

use crate::bench::{Pair, Wire};

/// What each mirror is sent.
const REQUESTS: usize = 3;
/// Of every mirror here: what a copy without an answer takes.
const TIMEOUT: &str = "700ms";
/// Headers and a start of the body.
const BEGINNING: u64 = 100;

/// What became of all copies of a mirror.
enum End {
    Failed(&'static str),
    Answered(&'static str),
    /// The shadow closes its connection after each answer. A copy that Envoy has put on it just then gets none.
    AnsweredAndClosed,
}
use End::{Answered, AnsweredAndClosed, Failed};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http1_shadow_fails_in_every_way() -> Result<()> {
    let cases = [
        ("reset", Reply::reset(), Failed("unreachable")),
        ("close", Reply::close(), Failed("unreachable")),
        ("garbled", Reply::garbled(), Failed("unreachable")),
        ("half-a-head", Reply::raw("HTTP/1.1 200 OK\r\nx-half: "), Failed("timeout")),
        ("hang", Reply::hang(), Failed("timeout")),
        ("reset-in-body", body().reset_after(BEGINNING), Failed("reset")),
        ("close-in-body", body().close_after(BEGINNING), Failed("reset")),
        ("stall-in-body", body().stall_after(BEGINNING), Failed("reset")),
        ("reset-in-chunks", body().chunked().reset_after(BEGINNING), Failed("reset")),
        ("over-the-limit", Reply::huge(2), Failed("reset")),
        ("within-the-limit", Reply::status(200).body_of_size(1_000_000), Answered("2xx")),
        ("own-503", Reply::status(503), Answered("5xx")),
        ("own-504", Reply::status(504).body("upstream request timeout"), Answered("5xx")),
        ("redirect", Reply::status(302).header("location", "/"), Answered("3xx")),
        ("missing", Reply::status(404), Answered("4xx")),
        ("fine", Reply::status(200), Answered("2xx")),
    ];
    each_ends_so(Wire::Http1, cases).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_http2_shadow_fails_in_every_way() -> Result<()> {
    let cases = [
        ("reset", Reply::reset(), Failed("unreachable")),
        ("close", Reply::close(), Failed("unreachable")),
        ("garbled", Reply::garbled(), Failed("unreachable")),
        ("reset-stream", Reply::reset_stream(2), Failed("unreachable")),
        ("refused-stream", Reply::refused_stream(), Failed("unreachable")),
        ("goaway", Reply::goaway(0), Failed("unreachable")),
        ("hang", Reply::hang(), Failed("timeout")),
        ("reset-in-body", body().reset_after(BEGINNING), Failed("reset")),
        ("close-in-body", body().close_after(BEGINNING), Failed("reset")),
        ("stall-in-body", body().stall_after(BEGINNING), Failed("reset")),
        ("reset-stream-in-body", body().reset_stream_after(BEGINNING, 2), Failed("reset")),
        ("over-the-limit", Reply::huge(2), Failed("reset")),
        ("own-503", Reply::status(503), Answered("5xx")),
        ("own-504", Reply::status(504), Answered("5xx")),
        ("last-of-connection", body().connection_close(), AnsweredAndClosed),
        ("fine", Reply::status(200), Answered("2xx")),
    ];
    each_ends_so(Wire::Http2, cases).await
}

fn body() -> Reply {
    Reply::status(200).body_of_size(10_000)
}

/// Sends the same requests to a mirror for each case and looks at what became of them.
async fn each_ends_so<const N: usize>(wire: Wire, cases: [(&'static str, Reply, End); N]) -> Result<()> {
    let mut shadows = Vec::new();
    let mut clusters = Vec::new();
    let mut ends = Vec::new();
    for (name, reply, end) in cases {
        let shadow = match wire {
            Wire::Http1 => Upstream::http1().await?,
            Wire::Http2 => Upstream::http2().await?,
        };
        shadow.respond_with(move |_| reply.clone());
        clusters.push((name, shadow.addr()));
        shadows.push(shadow);
        ends.push((name, end));
    }
    let pair = Pair::on(Wire::Http1, &mirrors(ends.iter().map(|(name, _)| *name)), |mut bootstrap| {
        for (name, address) in clusters {
            bootstrap = match wire {
                Wire::Http1 => bootstrap.cluster(name, address),
                Wire::Http2 => bootstrap.cluster_http2(name, address),
            };
        }
        bootstrap
    })
    .await?;
    clients_are_served(&pair).await?;
    end_so(&pair, &ends).await?;
    for (shadow, (name, _)) in shadows.iter().zip(&ends) {
        // Not each of them did: a connection that breaks takes others with it.
        ensure!(shadow.find(|copy| copy.complete).is_some(), "no copy came to {name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shadow_that_is_no_server_fails_by_its_reason() -> Result<()> {
    let (refusing, black_hole, backlog) =
        (Refusing::new()?, BlackHole::new().await?, FullBacklog::new().await?);
    let ends = [
        ("refusing", Failed("unreachable")),
        ("refusing-http2", Failed("unreachable")),
        ("black-hole", Failed("timeout")),
        ("black-hole-http2", Failed("timeout")),
        // Its `connect_timeout` of 1 s is longer than the mirror's timeout.
        ("full-backlog", Failed("timeout")),
        ("no-endpoint", Failed("rejected")),
        ("nowhere", Failed("unknown_cluster")),
    ];
    let pair = Pair::on(Wire::Http1, &mirrors(ends.iter().map(|(name, _)| *name)), |bootstrap| {
        bootstrap
            .cluster("refusing", refusing.addr())
            .cluster_http2("refusing-http2", refusing.addr())
            .cluster("black-hole", black_hole.addr())
            .cluster_http2("black-hole-http2", black_hole.addr())
            .cluster("full-backlog", backlog.addr())
            .cluster("no-endpoint", refusing.addr())
            .no_endpoints("no-endpoint")
    })
    .await?;
    clients_are_served(&pair).await?;
    end_so(&pair, &ends).await?;
    let log = "mirror nowhere, cluster nowhere: Envoy does not have this cluster";
    ensure!(
        pair.envoy.log_count(log) == 1,
        "{} lines say that a cluster is unknown",
        pair.envoy.log_count(log)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_circuit_breaker_rejects_copies_until_it_closes() -> Result<()> {
    let (slow, slow_http2) = (Upstream::http1().await?, Upstream::http2().await?);
    for shadow in [&slow, &slow_http2] {
        shadow.respond_with(|_| Reply::hang());
    }
    let pair = Pair::on(Wire::Http1, &mirrors(["http1", "http2"].into_iter()), |bootstrap| {
        bootstrap
            .cluster("http1", slow.addr())
            .edit_cluster("http1", |cluster| threshold(cluster, ["max_connections", "max_pending_requests"]))
            .cluster_http2("http2", slow_http2.addr())
            .edit_cluster("http2", |cluster| threshold(cluster, ["max_requests"]))
    })
    .await?;
    let client = pair.http1();
    for request in 0..6 {
        ensure!(client.get("/").await?.is_success());
        if request == 0 {
            // Until there is a connection the first copy itself is what waits for one.
            slow.await_started(1).await?;
        }
    }
    let stats = pair.ends_well().await?;
    // One on the only connection and one that waits for it; one stream.
    for (mirror, sent) in [("http1", 2), ("http2", 1)] {
        let expected = BTreeMap::from([("rejected".to_owned(), 6 - sent), ("timeout".to_owned(), sent)]);
        ensure!(stats.failed(mirror) == expected, "{mirror}: {:?}", stats.failed(mirror));
    }
    for shadow in [&slow, &slow_http2] {
        shadow.respond_with(|_| Reply::status(200));
    }
    client.get("/again").await?;
    pair.envoy
        .await_stats(
            |stats| stats.counter("shadow_responses_total", &[("side", "shadow")]) == 2,
            "copies again",
        )
        .await?;
    pair.ends_well().await?;
    Ok(())
}

fn threshold<const N: usize>(cluster: &mut serde_yaml_ng::Value, keys: [&str; N]) {
    let thresholds = &mut cluster["circuit_breakers"]["thresholds"][0];
    for key in keys {
        thresholds[key] = 1.into();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_go_out_once_their_cluster_is_known() -> Result<()> {
    let (primary, shadow) = (Upstream::http1().await?, Upstream::http1().await?);
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("clusters.json");
    let deliver = |clusters: serde_json::Value| -> Result<()> {
        let new = file.with_extension("new");
        fs::write(&new, json!({"version_info": "1", "resources": clusters}).to_string())?;
        fs::rename(&new, &file).context("deliver clusters")
    };
    deliver(json!([]))?;
    let source = json!({
        "cds_config": {"resource_api_version": "V3", "path_config_source": {"path": file}},
    });
    let bootstrap = Bootstrap::shipped().primary(primary.addr()).plugin(mirrors(["late"].into_iter())).edit(
        |bootstrap| {
            bootstrap["dynamic_resources"] = serde_yaml_ng::to_value(source).unwrap();
            bootstrap["node"] = serde_yaml_ng::to_value(json!({"id": "n", "cluster": "c"})).unwrap();
        },
    );
    let envoy = Envoy::start(bootstrap).await?;
    let client = harness::client::Http1::new(envoy.address());
    client.get("/early").await?;
    envoy
        .await_log("mirror late, cluster late: Envoy does not have this cluster: copies fail until it has")
        .await?;

    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": shadow.addr().port()}});
    deliver(json!([{
        "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
        "name": "late",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": "late",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
    }]))?;
    envoy.await_stats(|stats| stats.envoy("cluster_manager.cluster_added") == 3, "the cluster").await?;
    client.get("/late").await?;
    ensure!(shadow.await_one().await?.path == "/late");
    envoy.await_log("mirror late, cluster late: Envoy has this cluster now").await?;
    let stats = envoy.settled().await?;
    ensure!(stats.failed("late") == BTreeMap::from([("unknown_cluster".to_owned(), 1)]));
    stats.check_equations()?;
    envoy.no_traps()
}

/// One mirror for each cluster.
fn mirrors<'a>(clusters: impl Iterator<Item = &'a str>) -> String {
    let mirrors: Vec<_> = clusters.map(|cluster| json!({"cluster": cluster, "timeout": TIMEOUT})).collect();
    json!({ "mirrors": mirrors }).to_string()
}

/// Sends the requests, one after the other on one worker; each is answered by the primary and before any timeout.
async fn clients_are_served(pair: &Pair) -> Result<()> {
    pair.primary.respond_with(|request| Reply::status(200).body(request.body.clone()));
    let start = Instant::now();
    let traffic = burst(&pair.http1(), REQUESTS, 1, |i| Request::post("/", format!("body {i}"))).await;
    traffic.all_succeeded()?;
    for answered in &traffic.answered {
        ensure!(answered.response.text() == format!("body {}", answered.index));
    }
    ensure!(start.elapsed() < Duration::from_secs(5), "{:?} for {REQUESTS} requests", start.elapsed());
    ensure!(pair.primary.count() == REQUESTS, "the primary got {} requests", pair.primary.count());
    Ok(())
}

async fn end_so(pair: &Pair, ends: &[(&str, End)]) -> Result<()> {
    let stats = pair.ends_well().await?;
    let all = REQUESTS as u64;
    for (mirror, end) in ends {
        let (failed, answered) = match end {
            AnsweredAndClosed => {
                let failed: u64 = stats.failed(mirror).values().sum();
                let answers = stats.counter(
                    "shadow_responses_total",
                    &[("mirror", mirror), ("class", "2xx"), ("side", "shadow")],
                );
                ensure!(failed <= 1 && failed + answers == all, "{mirror}: {:?}", stats.failed(mirror));
                continue;
            }
            Failed(reason) => (BTreeMap::from([((*reason).to_owned(), all)]), None),
            Answered(class) => (BTreeMap::new(), Some(*class)),
        };
        ensure!(stats.failed(mirror) == failed, "{mirror} failed {:?}, not {failed:?}", stats.failed(mirror));
        let mut labels = vec![("mirror", *mirror), ("side", "shadow")];
        let answers = stats.counter("shadow_responses_total", &labels);
        ensure!(answers == answered.map_or(0, |_| all), "{mirror}: {answers} answers");
        if let Some(class) = answered {
            labels.push(("class", class));
            ensure!(stats.counter("shadow_responses_total", &labels) == all, "{mirror}: not {class}");
        }
    }
    Ok(())
}
