// SPDX-License-Identifier: Apache-2.0
//! The load generator: nghttp2's h2load over HTTP/1.1, one thread.
//!
//! It paces each connection by itself. Connections that all begin at once would send in step, and every request of
//! a burst waits for those before it; so they begin one by one, spread over the time between two requests of one.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::process::Command;
use tokio::time::timeout;

use crate::work::Work;

/// On top of the time that a run should take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Longest pause between the beginnings of two connections that is looked at.
const MAX_STEP_MS: u32 = 40;

/// One finished run.
#[derive(Debug, Default)]
pub struct Run {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests per second over the whole run.
    pub per_second: f64,
    /// At a fixed rate: the requests per second once all connections were there.
    pub steady_per_second: f64,
    /// At a fixed rate: the latencies of that time in µs, in ascending order.
    pub latencies: Vec<u64>,
}

/// Whether the tool is there at all.
pub fn require() -> Result<()> {
    let version = std::process::Command::new("h2load").arg("--version").output();
    version.map(drop).context("run h2load; apt-get install nghttp2-client")
}

/// Sends for about `seconds` at the rate of the work.
pub async fn at_rate(work: &Work, to: SocketAddr, seconds: f64, directory: &Path) -> Result<Run> {
    let log = directory.join("h2load.log");
    // h2load appends.
    fs::remove_file(&log).ok();
    let each = (work.rate * seconds / work.connections as f64).ceil();
    let requests = each as usize * work.connections;
    let per_connection = work.rate / work.connections as f64;
    let step = step_ms(work);
    let mut command = command(work, to, directory)?;
    command.args(["-n", &requests.to_string(), "--rps", &per_connection.to_string()]);
    command.args(["-r", "1", "--rate-period", &format!("{step}ms")]);
    command.arg(format!("--log-file={}", log.display()));
    let mut run = finish(command, seconds).await?;
    if run.requests != requests as u64 {
        bail!("{} of {requests} requests were answered", run.requests);
    }
    let ramp = Duration::from_millis(u64::from(step)) * u32::try_from(work.connections)?;
    run.read_log(&fs::read_to_string(&log).context("read h2load's log")?, ramp)?;
    Ok(run)
}

/// Sends as fast as answers come, for some seconds.
pub async fn at_most(work: &Work, to: SocketAddr, seconds: f64, directory: &Path) -> Result<Run> {
    let mut command = command(work, to, directory)?;
    command.args(["-D", &format!("{}ms", (seconds * 1000.0) as u64)]);
    finish(command, seconds).await
}

/// Sends so many requests, as fast as answers come.
pub async fn count(work: &Work, to: SocketAddr, requests: u64, directory: &Path) -> Result<Run> {
    let mut command = command(work, to, directory)?;
    command.args(["-n", &requests.to_string()]);
    // Nothing that is measured here is slower than 500 requests per second.
    finish(command, requests as f64 / 500.0).await
}

fn command(work: &Work, to: SocketAddr, directory: &Path) -> Result<Command> {
    let mut command = Command::new("h2load");
    command.args(["--h1", "-c", &work.connections.to_string()]);
    for line in work.header_lines() {
        command.args(["-H", &line]);
    }
    let mut path = "search?q=lamp&page=3";
    if let Some(size) = work.body {
        path = "orders";
        let file = directory.join("body");
        fs::write(&file, vec![b'x'; size])?;
        command.arg("-d").arg(file);
    }
    command.arg(format!("http://{to}/{path}"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    Ok(command)
}

async fn finish(mut command: Command, seconds: f64) -> Result<Run> {
    let patience = Duration::from_secs_f64(seconds * 2.0) + PATIENCE;
    let output = timeout(patience, command.output())
        .await
        .with_context(|| format!("h2load did not end within {} s", patience.as_secs()))?
        .context("run h2load; apt-get install nghttp2-client")?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("h2load failed:\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    parse(&text).with_context(|| format!("understand h2load, which said:\n{text}"))
}

/// `finished in 2.00s, 3004.67 req/s, …`; `requests: 6000 total, … 6000 succeeded, 0 failed, 0 errored, 0 timeout`.
fn parse(text: &str) -> Result<Run> {
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    let number = |line: &str, unit: &str| {
        let part = line.split(',').find_map(|part| part.trim().strip_suffix(unit))?;
        part.trim().parse::<f64>().ok()
    };
    let finished = line("finished in ").ok_or_else(|| anyhow!("no line \"finished in\""))?;
    let requests = line("requests: ").ok_or_else(|| anyhow!("no line \"requests\""))?;
    let count = |unit| number(requests, unit).ok_or_else(|| anyhow!("no number of requests {unit}"));
    let bad = count("failed")? + count("errored")? + count("timeout")?;
    if bad > 0.0 {
        bail!("{bad} requests failed");
    }
    let per_second = number(finished, "req/s").ok_or_else(|| anyhow!("no rate"))?;
    Ok(Run { requests: count("succeeded")? as u64, per_second, ..Run::default() })
}

impl Run {
    /// Lines of start (µs), status, latency (µs). Leaves out the time in which connections are still few.
    fn read_log(&mut self, log: &str, ramp: Duration) -> Result<()> {
        let mut rows = log.lines().map(row).collect::<Option<Vec<_>>>().context("understand h2load's log")?;
        rows.sort_unstable();
        let ends = (rows.first().map_or(0, |row| row.0), rows.last().map_or(0, |row| row.0));
        let ramp = u64::try_from(ramp.as_micros())?;
        let (from, until) = (ends.0 + ramp, ends.1.saturating_sub(ramp));
        if from >= until {
            bail!(
                "a measurement of {} ms is too short for {} ms of ramp",
                (ends.1 - ends.0) / 1000,
                ramp / 1000
            );
        }
        let steady = rows.iter().filter(|(start, _)| (from..until).contains(start));
        self.latencies = steady.map(|(_, latency)| *latency).collect();
        self.latencies.sort_unstable();
        self.steady_per_second = self.latencies.len() as f64 / ((until - from) as f64 / 1e6);
        Ok(())
    }

    /// A percentile of the latencies, in µs.
    pub fn latency(&self, percent: usize) -> f64 {
        let index = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(index).map_or(f64::NAN, |latency| *latency as f64)
    }
}

fn row(line: &str) -> Option<(u64, u64)> {
    let mut fields = line.split('\t');
    let start = fields.next()?.parse().ok()?;
    fields.next()?.starts_with('2').then_some(())?;
    Some((start, fields.next()?.parse().ok()?))
}

/// The pause between the beginnings of two connections, in whole ms, that spreads them best over the time between two
/// requests of one connection. The shortest of equally good ones.
fn step_ms(work: &Work) -> u32 {
    let interval = work.connections as f64 / work.rate * 1000.0;
    let widest_gap = |step: u32| {
        let mut phases: Vec<f64> =
            (0..work.connections).map(|index| index as f64 * f64::from(step) % interval).collect();
        phases.sort_by(f64::total_cmp);
        let around = phases.first().copied().unwrap_or(0.0) + interval;
        phases.iter().zip(phases.iter().skip(1).chain([&around])).map(|(a, b)| b - a).fold(0.0, f64::max)
    };
    // Rounded, so that a difference of nothing does not make a ramp ten times as long.
    let gap_us = |step: &u32| (widest_gap(*step) * 1000.0).round() as u64;
    let longest = MAX_STEP_MS.min((1200 / work.connections as u32).max(1));
    (1..=longest).min_by_key(gap_us).unwrap_or(1)
}
