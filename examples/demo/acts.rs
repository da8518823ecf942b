// SPDX-License-Identifier: Apache-2.0
//! The first five acts of the demo: what a mirror does.

use std::time::Duration;

use anyhow::Result;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use harness::client::{Http1, Latencies, Request, burst, pace};
use harness::recording::Recorded;

use crate::promises::Promises;
use crate::stage::{Stage, TIMEOUT};

const SAMPLED: usize = 4000;
const RATE: f64 = 150.0;
const PERIOD: Duration = Duration::from_secs(3);
/// What slow means for v2: longer than the mirror waits.
const SLOWNESS: Duration = Duration::from_millis(1500);

pub async fn one_request(stage: &Stage, promises: &mut Promises) -> Result<()> {
    heading(1, "One request, and its copy");
    let request = Request::post("/search?q=lamp", "{\"q\": \"lamp\"}")
        .authority("search.example:80")
        .header("content-type", "application/json");
    let response = stage.client().request(request).await?;
    let primary = stage.v1.upstream.await_one().await?;
    let shadow = stage.v2.upstream.await_one().await?;

    let mut table = table(&["", "client sent and got", "v1 (primary) saw", "v2 (shadow) saw"]);
    let mut row = |what: &str, client: &str, of: fn(&Recorded) -> String| {
        table.add_row([what, client, &of(&primary), &of(&shadow)]);
    };
    row("request", "POST /search?q=lamp", |seen| format!("{} {}", seen.method, seen.path));
    row("authority", "search.example:80", |seen| seen.authority.clone().unwrap_or_default());
    row("x-shadow-mirror", "", |seen| seen.header("x-shadow-mirror").unwrap_or_default().to_owned());
    row("body", "{\"q\": \"lamp\"}", Recorded::text);
    row("answer", &format!("{} {}", response.status, response.text().trim()), |_| String::new());
    println!("{table}");

    promises
        .check("the client got v1's answer", response.status == 200 && response.text().contains("\"v1\""));
    promises.check("the copy has the same method, path and body", {
        let parts = |seen: &Recorded| (seen.method.clone(), seen.path.clone(), seen.body.clone());
        parts(&primary) == parts(&shadow)
    });
    promises.check(
        "the copy's authority has -shadow before the port",
        shadow.authority.as_deref() == Some("search.example-shadow:80"),
    );
    promises.check(
        "the copy is marked, the request is not",
        shadow.header("x-shadow-mirror") == Some("v2") && primary.header("x-shadow-mirror").is_none(),
    );
    Ok(())
}

pub async fn ten_percent(stage: &Stage, promises: &mut Promises) -> Result<()> {
    heading(2, "Ten per cent of the traffic");
    let (v1_before, v2_before) = (stage.v1.upstream.count(), stage.v2.upstream.count());
    let traffic =
        burst(&stage.tenth(), SAMPLED, 16, |number| Request::get(format!("/search?q={number}"))).await;
    let stats = stage.envoy.settled().await?;
    let sent = stats.counter("shadow_sent_total", &[("mirror", "tenth")]);
    let (v1, v2) = (stage.v1.upstream.count() - v1_before, stage.v2.upstream.count() - v2_before);

    let mut table = table(&["requests", "answered by v1", "seen by v2", "share", "shadow_sent_total"]);
    let share = format!("{:.1} %", v2 as f64 * 100.0 / SAMPLED as f64);
    table.add_row([SAMPLED.to_string(), v1.to_string(), v2.to_string(), share, sent.to_string()]);
    println!("{table}");

    promises.check("every request was answered by v1", traffic.all_succeeded().is_ok() && v1 == SAMPLED);
    let expected = SAMPLED as f64 * 0.1;
    let deviation = (expected * 0.9).sqrt();
    promises.check(
        format!("v2 saw about a tenth: {expected:.0} ± {:.0} (five standard deviations)", 5.0 * deviation),
        (v2 as f64 - expected).abs() <= 5.0 * deviation,
    );
    promises.check("the metric counts exactly what v2 saw", sent == v2 as u64);
    Ok(())
}

pub async fn bodies(stage: &Stage, promises: &mut Promises) -> Result<()> {
    heading(3, "POST bodies");
    let mut table = table(&["body", "v1 got", "v2 got", "same bytes"]);
    let mut intact = true;
    for (what, size) in [("4 KiB", 4 << 10), ("64 KiB", 64 << 10), ("1 MiB", 1 << 20)] {
        let body: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        let path = format!("/index/{size}");
        stage.client().request(Request::post(&path, body.clone())).await?;
        let primary = stage.v1.upstream.await_where(|seen| seen.path == path).await?;
        let shadow = stage.v2.upstream.await_where(|seen| seen.path == path).await?;
        let same = primary.body == body && shadow.body == body;
        intact &= same;
        let bytes = |seen: &Recorded| format!("{} bytes", seen.body.len());
        table.add_row([what, &bytes(&primary), &bytes(&shadow), if same { "yes" } else { "no" }]);
    }
    println!("{table}");
    promises.check("bodies are copied byte for byte", intact);
    Ok(())
}

pub async fn trouble(stage: &Stage, promises: &mut Promises) -> Result<()> {
    heading(4, "v2 in trouble");
    println!("{RATE:.0} requests per second for {} s each; times are the client's.", PERIOD.as_secs());
    let mut table = table(&["", "answers", "P50", "P99", "slowest"]);
    let baseline = run(&mut table, "not mirrored", stage.unmirrored()).await;
    let healthy = run(&mut table, "mirrored, v2 well", stage.client()).await;
    stage.v2.slow_down(SLOWNESS);
    let slow = run(&mut table, "mirrored, v2 answers after 1.5 s", stage.client()).await;
    stage.v2.upstream.stop().await?;
    let down = run(&mut table, "mirrored, v2 down", stage.client()).await;
    println!("{table}");

    let stats = stage.envoy.settled().await?;
    let failed = stats.failed("v2");
    let mut reasons = self::table(&["shadow_failed_total", "copies"]);
    failed.iter().for_each(|(reason, count)| {
        reasons.add_row([reason, &count.to_string()]);
    });
    println!("{reasons}");

    let all = [&baseline, &healthy, &slow, &down];
    promises.check("every request was answered, whatever v2 did", all.iter().all(|run| run.is_some()));
    let latencies: Vec<Latencies> = all.into_iter().flatten().copied().collect();
    promises.check(
        format!(
            "no client waited for v2: P99 is far below the {} s that the mirror waits",
            TIMEOUT.as_secs()
        ),
        latencies.len() == 4 && latencies.iter().all(|run| run.p99 < TIMEOUT / 4),
    );
    let count = |reason: &str| failed.get(reason).copied().unwrap_or(0);
    promises.check("slow copies are counted as timeout", count("timeout") > 0);
    promises.check("copies to a dead v2 are counted as unreachable", count("unreachable") > 0);
    Ok(())
}

/// Sends the traffic of one row and adds it. Gives its latencies if every request was answered well.
async fn run(table: &mut Table, what: &str, client: Http1) -> Option<Latencies> {
    println!("  {what} …");
    let traffic = pace(&client, RATE, PERIOD, |number| Request::get(format!("/search?q={number}"))).await;
    let latencies = traffic.latencies();
    let answers = format!("{} × 200", traffic.statuses().get(&200).copied().unwrap_or(0));
    let millis = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    let times = [latencies.p50, latencies.p99, latencies.max].map(millis);
    let cells = [answers].into_iter().chain(times);
    let mut row = vec![Cell::new(what)];
    row.extend(cells.map(|cell| Cell::new(cell).set_alignment(CellAlignment::Right)));
    table.add_row(row);
    traffic.all_succeeded().is_ok().then_some(latencies)
}

pub async fn metrics(stage: &Stage, promises: &mut Promises) -> Result<()> {
    heading(5, "The metrics, and that they add up");
    let stats = stage.envoy.settled().await?;
    let mut table = table(&["", "mirror v2", "mirror tenth"]);
    let mirrors = ["v2", "tenth"];
    let mut row = |what: &str, of: &dyn Fn(&str) -> u64| {
        let values = mirrors.map(|mirror| Cell::new(of(mirror)).set_alignment(CellAlignment::Right));
        table.add_row([Cell::new(what)].into_iter().chain(values));
    };
    for name in ["shadow_requests_total", "shadow_skipped_total", "shadow_sent_total"] {
        row(name, &|mirror| stats.counter(name, &[("mirror", mirror)]));
    }
    for side in ["primary", "shadow"] {
        row(&format!("shadow_responses_total{{side=\"{side}\"}}"), &|mirror| {
            stats.counter("shadow_responses_total", &[("mirror", mirror), ("side", side)])
        });
    }
    row("shadow_failed_total", &|mirror| stats.counter("shadow_failed_total", &[("mirror", mirror)]));
    row("shadow_in_flight", &|mirror| stats.gauge("shadow_in_flight", &[("mirror", mirror)]));
    println!("{table}");

    let equations = stats.check_equations();
    promises.check(
        "requests = Σ skipped + sent + failed{unknown_cluster, rejected}, and sent = Σ responses{shadow} + failed{unreachable, timeout, reset} + in_flight",
        equations.is_ok(),
    );
    if let Err(error) = equations {
        println!("{error:#}");
    }
    promises.check("the filter never failed", stage.envoy.no_traps().is_ok());
    Ok(())
}

pub fn heading(number: usize, title: &str) {
    println!("\n── {number}. {title}");
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}
