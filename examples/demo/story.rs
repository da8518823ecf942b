// SPDX-License-Identifier: Apache-2.0
//! The last act: v2 is slower where nobody looked, the verdict says so, v2 is fixed, the verdict changes.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::client::{Request, pace};
use harness::{Stats, wasm};
use serde_json::Value;

use crate::acts::heading;
use crate::catalogue::Code;
use crate::promises::Promises;
use crate::stage::{CANDIDATE, Stage};

const RATE: f64 = 300.0;
const PERIOD: Duration = Duration::from_secs(14);
/// Some 4,000 samples settle neither P99.9 nor 0.1 points of slow requests, and the mean less exactly.
const FEW_SAMPLES: [&str; 6] =
    ["--max-p999-ratio", "1000", "--max-slow-increase", "1", "--max-mean-ratio", "2"];
/// Characters of the longest bar.
const BAR: usize = 36;

pub async fn promotion(stage: &Stage, promises: &mut Promises) -> Result<()> {
    heading(6, "Is v2 ready? The catalogue's rewrite, mirrored and compared");
    let verdict = Verdict::build()?;
    stage.v2.slow_down(Duration::ZERO);
    stage.v2.upstream.restart().await?;

    println!(
        "v2 answers from its cache as fast as v1. Where an item is not there it asks for each part of it."
    );
    stage.v2.run(Code::V2);
    verdict.save_baseline(stage)?;
    traffic(stage, promises).await?;
    let stats = stage.envoy.settled().await?;
    curves(&stats);
    differences(stage, promises)?;
    let (code, said) = verdict.of(stage)?;
    println!("\n$ cargo verdict {}\n{said}", FEW_SAMPLES.join(" "));
    promises.check("the verdict on v2 is REJECT, for its latency and its answers", {
        code == Some(1) && said.contains("REJECT") && said.contains("P99")
    });

    println!("\nv2 is fixed: one query for all parts, and prices as they are.");
    stage.v2.run(Code::V2Fixed);
    verdict.save_baseline(stage)?;
    traffic(stage, promises).await?;
    stage.envoy.settled().await?;
    let (code, said) = verdict.of(stage)?;
    println!("\n$ cargo verdict {}\n{said}", FEW_SAMPLES.join(" "));
    promises.check("the verdict on the fixed v2 is PROMOTE", code == Some(0) && said.contains("PROMOTE"));
    Ok(())
}

async fn traffic(stage: &Stage, promises: &mut Promises) -> Result<()> {
    println!("  {RATE:.0} requests per second for {} s, all copied …", PERIOD.as_secs());
    let traffic = pace(&stage.candidate(), RATE, PERIOD, |id| Request::get(format!("/items/{id}"))).await;
    let p99 = traffic.latencies().p99;
    promises.check(
        format!("users were answered by v1 all the while, P99 {:.0} ms", p99.as_secs_f64() * 1000.0),
        traffic.all_succeeded().is_ok()
            && traffic.answered.iter().all(|answered| answered.response.text().contains("v1")),
    );
    Ok(())
}

/// The two distributions of latencies, one bucket in a line.
fn curves(stats: &Stats) {
    let shares = ["primary", "shadow"].map(|side| {
        let labels = [("mirror", CANDIDATE), ("side", side)];
        let histogram = stats.histogram("shadow_duration_microseconds", &labels);
        let all = histogram.count.max(1) as f64;
        let mut below = 0;
        let mut lines: Vec<(f64, f64)> = Vec::new();
        for (bound, count) in histogram.buckets {
            let share = (count - below) as f64 / all;
            below = count;
            let line = coarse(bound);
            match lines.last_mut().filter(|(last, _)| *last == line) {
                Some((_, sum)) => *sum += share,
                None => lines.push((line, share)),
            }
        }
        lines
    });
    let [primary, shadow] = &shares;
    println!("\n  shadow_duration_microseconds\n  {:>11}  {:<width$}  v2", "up to", "v1", width = BAR + 8);
    for ((bound, one), (_, other)) in primary.iter().zip(shadow) {
        if *one > 0.0 || *other > 0.0 {
            let [one, other] = [one, other].map(|share| bar(*share));
            println!("  {:>8} ms  {one:<width$}  {other}", bound / 1000.0, width = BAR + 8);
        }
    }
}

/// The line of a bucket: three lines for each power of ten.
fn coarse(bound: f64) -> f64 {
    let ends = (2..9).flat_map(|power| [1.0, 2.0, 5.1].map(|first: f64| first * 10f64.powi(power)));
    ends.into_iter().find(|end| bound <= *end * 1.0001).unwrap_or(f64::INFINITY)
}

fn bar(share: f64) -> String {
    let length = (share * BAR as f64).ceil() as usize;
    if share > 0.0 { format!("{} {:.1} %", "█".repeat(length), share * 100.0) } else { String::new() }
}

/// What the filter found, from Envoy's log.
fn differences(stage: &Stage, promises: &mut Promises) -> Result<()> {
    let log = stage.envoy.log();
    let lines = log.lines().filter_map(|line| Some(line.split_once("shadow difference ")?.1.trim()));
    let found = lines.map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    println!("\n  The first differences in Envoy's log:");
    for difference in found.iter().take(3) {
        println!("  {difference}");
    }
    let is_price = |found: &Value| found.pointer("/differences/0/at").is_some_and(|at| at == "/price");
    promises.check(
        "the filter found the rounded prices, and nothing else that differs",
        !found.is_empty() && found.iter().all(is_price),
    );
    Ok(())
}

/// What `cargo verdict` runs.
struct Verdict {
    program: PathBuf,
    baseline: tempfile::TempDir,
}

impl Verdict {
    fn build() -> Result<Self> {
        let built = wasm::cargo()
            .args(["build", "--quiet", "--package", "shadow-filter-cli"])
            .current_dir(harness::root())
            .status()
            .context("run cargo")?;
        ensure!(built.success(), "cargo build --package shadow-filter-cli failed");
        let program = wasm::target_dir().join("debug/shadow-filter");
        Ok(Self { program, baseline: tempfile::tempdir()? })
    }

    fn command(&self, stage: &Stage) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "verdict",
            "--mirror",
            CANDIDATE,
            "--envoy",
            &format!("http://{}", stage.envoy.admin()),
        ]);
        command
    }

    fn save_baseline(&self, stage: &Stage) -> Result<()> {
        let saved = self.command(stage).arg("--save-baseline").arg(self.file()).output()?;
        ensure!(saved.status.success(), "{}", String::from_utf8_lossy(&saved.stderr));
        Ok(())
    }

    /// Exit code and words of the verdict since the baseline.
    fn of(&self, stage: &Stage) -> Result<(Option<i32>, String)> {
        let output = self.command(stage).args(FEW_SAMPLES).arg("--baseline").arg(self.file()).output()?;
        ensure!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok((output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned()))
    }

    fn file(&self) -> PathBuf {
        self.baseline.path().join("baseline.json")
    }
}
