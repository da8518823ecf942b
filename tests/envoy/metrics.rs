// SPDX-License-Identifier: Apache-2.0
//! The filter's metrics as an operator's Prometheus sees them: names and labels, what they count and how soon.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use harness::client::{Http1, Raw, Request, burst};
use harness::upstream::{Reply, Upstream};
use harness::{Bootstrap, Envoy};
use serde_json::json;

use crate::bench::{EVERYTHING, Pair, Wire};

const SKIP_REASONS: [&str; 15] = [
    "loop",
    "upgrade",
    "inactive",
    "unmatched",
    "unsampled",
    "dry_run",
    "aborted",
    "body_too_large",
    "memory",
    "unredactable",
    "in_flight",
    "rate",
    "breaker",
    "no_target",
    "headers_too_large",
];
const FAIL_REASONS: [&str; 6] = ["unknown_cluster", "rejected", "unreachable", "timeout", "reset", "cut"];
const SHADOW_SIDE: [(&str, &str); 1] = [("side", "shadow")];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_metric_is_there_from_the_start_with_its_labels() -> Result<()> {
    let pair =
        Pair::with(r#"{"mirrors": [{"name": "v2", "cluster": "shadow"}, {"cluster": "a|b"}]}"#).await?;
    let prometheus = pair.envoy.prometheus().await?;
    let mut expected =
        vec!["shadow_buffered_bytes{}".to_owned(), r#"shadow_config_invalid{plugin="shadow"}"#.to_owned()];
    for mirror in [r#"mirror="v2""#, r#"mirror="a_b""#] {
        for metric in ["shadow_requests_total", "shadow_sent_total", "shadow_in_flight"] {
            expected.push(format!("{metric}{{{mirror}}}"));
        }
        let reasons = |metric: &str, reason| format!(r#"{metric}{{{mirror},reason="{reason}"}}"#);
        expected.extend(SKIP_REASONS.map(|reason| reasons("shadow_skipped_total", reason)));
        expected.extend(FAIL_REASONS.map(|reason| reasons("shadow_failed_total", reason)));
        for side in ["primary", "shadow"] {
            expected.extend(["1xx", "2xx", "3xx", "4xx", "5xx"].map(|class| {
                // Prometheus does not care for the order of labels; Envoy's is that of the name.
                format!(r#"shadow_responses_total{{{mirror},side="{side}",class="{class}"}}"#)
            }));
        }
    }
    let lines: Vec<BTreeMap<_, _>> = prometheus.lines().filter_map(sample).collect();
    for text in expected {
        ensure!(lines.contains(&sample(&text).unwrap()), "no {text} in\n{prometheus}");
    }
    pair.envoy.no_traps()
}

/// Name and labels of a sample, in an order of their own; the name is under "".
fn sample(line: &str) -> Option<BTreeMap<String, String>> {
    let (name, rest) = line.split_once('{')?;
    let labels = rest.split_once('}')?.0.split(',').filter_map(|label| label.split_once('='));
    let labels = labels.map(|(label, value)| (label.to_owned(), value.to_owned()));
    Some(labels.chain([(String::new(), name.to_owned())]).collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counts_and_durations_are_those_of_both_answers() -> Result<()> {
    let pair = Pair::with(r#"{"mirrors": [{"name": "v2", "cluster": "shadow"}]}"#).await?;
    pair.primary.respond_with(|_| Reply::status(201).delay(Duration::from_millis(60)));
    pair.shadow.respond_with(|_| Reply::status(404).delay(Duration::from_millis(300)));
    for _ in 0..4 {
        // The connection ends with the answer, long before the shadow's comes.
        let request = Request::get("/").header("connection", "close");
        ensure!(pair.http1().request(request).await?.status == 201);
    }
    let stats = pair.ends_well().await?;
    let names = pair.envoy.admin_get("/stats").await?;
    for line in [
        "wasmcustom.mirror=.=v2;.;shadow_requests_total: 4",
        "wasmcustom.mirror=.=v2;.;shadow_sent_total: 4",
        "wasmcustom.mirror=.=v2;.;reason=.=timeout;.;shadow_failed_total: 0",
        "wasmcustom.mirror=.=v2;.;side=.=primary;.;class=.=2xx;.;shadow_responses_total: 4",
        "wasmcustom.mirror=.=v2;.;side=.=shadow;.;class=.=4xx;.;shadow_responses_total: 4",
        "wasmcustom.mirror=.=v2;.;shadow_in_flight: 0",
        "wasmcustom.plugin=.=shadow;.;shadow_config_invalid: 0",
    ] {
        ensure!(names.lines().any(|found| found == line), "no line {line}");
    }
    for (side, delay) in [("primary", 60_000.0), ("shadow", 300_000.0)] {
        let histogram = stats.histogram("shadow_duration_microseconds", &[("mirror", "v2"), ("side", side)]);
        let bounds: Vec<f64> = histogram.buckets.iter().map(|(bound, _)| *bound).collect();
        let finite = &bounds[..bounds.len() - 1];
        ensure!(finite.first() == Some(&100.0) && finite.last() == Some(&6e7), "{bounds:?}");
        let widest = finite.windows(2).map(|pair| pair[1] / pair[0]).fold(1.0, f64::max);
        ensure!(widest <= 1.25, "a bucket ends at {widest} times its beginning: {bounds:?}");
        ensure!(histogram.count == 4);
        for (bound, count) in &histogram.buckets {
            // Envoy's histograms know a value to about 5 %; the machine may be late by any time.
            let possible = if *bound < delay * 0.9 { 0 } else { 4 };
            ensure!(*count <= possible, "{side}: {count} took at most {bound} µs");
        }
        let mean = histogram.sum / 4.0;
        ensure!((delay * 0.9..delay + 250_000.0).contains(&mean), "{side} took {mean} µs");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_skip_has_its_reason() -> Result<()> {
    // More than 1 MiB.
    let many: BTreeMap<String, String> = (0..1000).map(|i| (format!("x-{i}"), "v".repeat(1100))).collect();
    let plugin = json!({
        "max_buffered_bytes": 20_000,
        "mirrors": [
            {"name": "plain", "cluster": "shadow"},
            {"name": "off", "cluster": "shadow", "percentage": 0},
            {"name": "small", "cluster": "shadow", "body": {"max_bytes": 10}},
            {"name": "many", "cluster": "shadow", "headers": {"set": many}},
            {"name": "one", "cluster": "hanging", "limits": {"max_in_flight": 1}, "timeout": "1h"},
        ],
    });
    let hanging = Upstream::http1().await?;
    hanging.respond_with(|_| Reply::hang());
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| {
        bootstrap.concurrency(1).cluster("hanging", hanging.addr())
    })
    .await?;
    let client = pair.http1();
    client.get("/first").await?;
    hanging.await_started(1).await?;
    client.request(Request::post("/small", "x".repeat(11))).await?;
    client.request(Request::post("/big", "x".repeat(30_000))).await?;
    client.request(Request::get("/loop").header("x-shadow-mirror", "v1")).await?;
    let mut raw = Raw::connect(pair.envoy.address()).await?;
    raw.send("GET /ws HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n").await?;
    raw.read_response().await?;
    let mut raw = Raw::connect(pair.envoy.address()).await?;
    raw.send("POST /gone HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n123").await?;
    pair.primary.await_started(6).await?;
    raw.close();

    let refused = [("loop", 1), ("upgrade", 1), ("aborted", 1), ("memory", 1)];
    let stats = pair
        .envoy
        .await_stats(
            |stats| refused.iter().all(|(reason, _)| stats.skipped("plain").contains_key(*reason)),
            "skips",
        )
        .await?;
    let is = |mirror: &str, expected: &[(&str, u64)]| {
        let expected = expected.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        ensure!(stats.skipped(mirror) == expected, "{mirror}: {:?}, not {expected:?}", stats.skipped(mirror));
        Ok(())
    };
    is("plain", &refused)?;
    is("off", &[("unsampled", 6)])?;
    is("small", &[("loop", 1), ("upgrade", 1), ("aborted", 1), ("body_too_large", 2)])?;
    is("many", &[&refused[..], &[("headers_too_large", 2)]].concat())?;
    is("one", &[&refused[..], &[("in_flight", 1)]].concat())?;
    // One in flight is part of the second equation.
    stats.check_equations()?;
    ensure!(stats.gauge("shadow_in_flight", &[("mirror", "one")]) == 1);
    hanging.stop().await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.failed("one") == BTreeMap::from([("unreachable".to_owned(), 1)]));
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_add_up_and_counts_come_within_a_second() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;
    let close = |_| Request::get("/").header("connection", "close");
    burst(&pair.http1(), 200, 8, close).await.all_succeeded()?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[]) == 200 && pair.shadow.count() == 200);
    for worker in 0..2 {
        let connections = per_worker(&pair.envoy.admin_get("/stats?filter=worker_").await?, worker);
        ensure!(connections > 0, "worker {worker} got no connection");
    }
    // The last look that does not see it has to begin within a second of the event, however slow the looks are.
    for round in 0..4 {
        let sent = 200 + round + 1;
        pair.http1().get("/").await?;
        pair.shadow.await_count(usize::try_from(sent)?).await?;
        let event = Instant::now();
        loop {
            let asked = event.elapsed();
            let stats = pair.envoy.stats().await?;
            let answers = stats.counter("shadow_responses_total", &SHADOW_SIDE);
            if stats.counter("shadow_sent_total", &[]) == sent && answers == sent {
                break;
            }
            ensure!(asked < Duration::from_secs(1), "not counted {asked:?} after the event:\n{stats}");
        }
    }
    Ok(())
}

fn per_worker(stats: &str, worker: usize) -> u64 {
    let name = format!("worker_{worker}.downstream_cx_total");
    let counts = stats.lines().filter(|line| line.starts_with("listener.") && line.contains(&name));
    counts.filter_map(|line| line.rsplit_once(": ")?.1.parse::<u64>().ok()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gauges_rise_with_what_is_held_and_return_to_zero() -> Result<()> {
    let plugin = r#"{"mirrors": [{"cluster": "shadow", "timeout": "1h", "limits": {"max_in_flight": 3}}]}"#;
    let pair = Pair::on(Wire::Http1, plugin, |bootstrap| bootstrap.concurrency(1)).await?;
    pair.shadow.respond_with(|_| Reply::hang());

    let mut uploads = Vec::new();
    for _ in 0..5 {
        let mut upload = Raw::connect(pair.envoy.address()).await?;
        upload.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 20000\r\n\r\n").await?;
        upload.send("x".repeat(10_000)).await?;
        uploads.push(upload);
    }
    let held = |stats: &harness::Stats| stats.gauge("shadow_buffered_bytes", &[]);
    let stats = pair.envoy.await_stats(|stats| held(stats) >= 50_000, "the uploads to be held").await?;
    ensure!(held(&stats) < 200_000, "{} bytes for 50,000", held(&stats));
    for upload in &mut uploads {
        upload.send("x".repeat(10_000)).await?;
        ensure!(upload.read_response().await?.is_success());
    }
    // Three are in flight and hold their bodies; two were skipped.
    let in_flight = |stats: &harness::Stats| stats.gauge("shadow_in_flight", &[("mirror", "shadow")]);
    let stats = pair.envoy.await_stats(|stats| in_flight(stats) == 3, "three copies in flight").await?;
    ensure!(stats.skipped("shadow") == BTreeMap::from([("in_flight".to_owned(), 2)]), "{stats}");
    ensure!((60_000..100_000).contains(&held(&stats)), "{} bytes for 60,000", held(&stats));
    stats.check_equations()?;

    pair.shadow.stop().await?;
    pair.envoy.await_stats(|stats| in_flight(stats) == 0 && held(stats) == 0, "gauges at rest").await?;
    pair.shadow.respond_with(|_| Reply::status(200));
    pair.shadow.restart().await?;
    pair.http1().get("/after").await?;
    pair.shadow.await_where(|request| request.path == "/after").await?;
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn held_uploads_cost_no_more_than_the_budget() -> Result<()> {
    const UPLOADS: usize = 100;
    const MIB: usize = 1 << 20;
    let plugin = json!({
        "max_buffered_bytes": 4 * MIB,
        "mirrors": [{"cluster": "shadow", "body": {"max_bytes": 2 * MIB}}],
    });
    // What Envoy itself holds for a primary that reads slowly is not what is looked for.
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| {
        bootstrap
            .edit_listener(|listener| listener["per_connection_buffer_limit_bytes"] = 32_768.into())
            .edit_cluster("primary", |cluster| cluster["per_connection_buffer_limit_bytes"] = 32_768.into())
    })
    .await?;
    pair.http1().get("/warm").await?;
    pair.shadow.await_count(1).await?;
    let before = pair.envoy.rss_bytes()?;
    let piece = "x".repeat(MIB);
    let mut uploads = Vec::new();
    for _ in 0..UPLOADS {
        let mut upload = Raw::connect(pair.envoy.address()).await?;
        upload.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", MIB + 1)).await?;
        upload.send(&piece).await?;
        uploads.push(upload);
    }
    let skipped = |stats: &harness::Stats| stats.skipped("shadow").get("memory").copied().unwrap_or(0);
    // Two workers hold up to 4 MiB each.
    let stats = pair.envoy.await_stats(|stats| skipped(stats) >= 92, "uploads over the budget").await?;
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) <= 8 * MIB as u64);
    let grown = pair.envoy.rss_bytes()?.saturating_sub(before);
    ensure!(grown < 40 * MIB as u64, "Envoy grew by {grown} bytes");
    for upload in &mut uploads {
        upload.send("x").await?;
        ensure!(upload.read_response().await?.is_success());
    }
    let stats = pair.ends_well().await?;
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0);
    let whole = pair.primary.find_all(|request| request.body.len() == MIB + 1).len();
    ensure!(whole == UPLOADS, "{whole} bodies came whole to the primary");
    Ok(())
}

/// The factor of DESIGN.md: what is counted is held by the module once, a second time while a buffer grows, and a third time by Envoy, which
/// copies what it is handed. A VM's memory never shrinks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_uploads_at_once_cost_three_times_the_budget_at_most() -> Result<()> {
    const UPLOADS: usize = 60;
    const MIB: usize = 1 << 20;
    const BUDGET: usize = 32 * MIB;
    const WORKERS: u64 = 2;
    let plugin = json!({
        "max_buffered_bytes": BUDGET,
        "mirrors": [{"cluster": "shadow", "body": {"max_bytes": 8 * MIB}, "timeout": "30s"}],
    });
    let pair = Pair::on(Wire::Http1, &plugin.to_string(), |bootstrap| {
        bootstrap
            .concurrency(u32::try_from(WORKERS).unwrap_or(2))
            .edit_listener(|listener| listener["per_connection_buffer_limit_bytes"] = 32_768.into())
            .edit_cluster("primary", |cluster| cluster["per_connection_buffer_limit_bytes"] = 32_768.into())
    })
    .await?;
    // The shadow takes bodies and does not answer, so that copies stay charged.
    pair.shadow
        .respond_with(|request| if request.path == "/warm" { Reply::status(200) } else { Reply::hang() });
    pair.http1().get("/warm").await?;
    pair.shadow.await_count(1).await?;
    let before = pair.envoy.rss_bytes()?;
    let body = bytes::Bytes::from(vec![b'x'; 8 * MIB]);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..UPLOADS {
        let (http1, body) = (pair.http1(), body.clone());
        clients.spawn(async move { http1.request(harness::client::Request::post("/", body)).await });
    }
    let mut most = 0;
    while !clients.is_empty() {
        tokio::select! {
            answer = clients.join_next() => {
                if let Some(answer) = answer {
                    ensure!(answer??.is_success());
                }
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => most = most.max(pair.envoy.rss_bytes()?),
        }
    }
    most = most.max(pair.envoy.rss_bytes()?);
    let grown = most.saturating_sub(before) / MIB as u64;
    let budget = WORKERS * (BUDGET / MIB) as u64;
    println!("Envoy grew by {grown} MiB for {budget} MiB of budget");
    ensure!(grown <= 3 * budget + 32, "Envoy grew by {grown} MiB");
    let stats = pair.envoy.stats().await?;
    ensure!(stats.skipped("shadow").contains_key("memory"), "the budget was never reached:\n{stats}");
    pair.envoy.no_traps()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_plugin_is_told_by_its_name() -> Result<()> {
    let primary = Upstream::http1().await?;
    let bootstrap = Bootstrap::shipped()
        .primary(primary.addr())
        .plugin(EVERYTHING)
        .extra_listener("broken", r#"{"mirrors": 7}"#)
        .strict(false)
        .edit(|bootstrap| {
            let listener = &mut bootstrap["static_resources"]["listeners"][1]["filter_chains"][0];
            let filter = &mut listener["filters"][0]["typed_config"]["http_filters"][0];
            filter["typed_config"]["config"]["name"] = "broken plugin".into();
        });
    let envoy = Envoy::start(bootstrap).await?;
    for listener in ["ingress", "broken"] {
        ensure!(Http1::new(envoy.address_of(listener)).get("/").await?.is_success());
    }
    let stats = envoy.settled().await?;
    ensure!(stats.gauge("shadow_config_invalid", &[("plugin", "broken plugin")]) == 1, "{stats}");
    ensure!(stats.exists("shadow_config_invalid", &[("plugin", "shadow")]));
    ensure!(stats.gauge("shadow_config_invalid", &[("plugin", "shadow")]) == 0);
    ensure!(stats.counter("shadow_requests_total", &[]) == 1, "both mirror:\n{stats}");
    stats.check_equations()?;
    envoy.no_traps()
}
