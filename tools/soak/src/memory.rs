// SPDX-License-Identifier: Apache-2.0
//! A long run at a steady rate: whether Envoy's memory grows, and whether the gauges drift. In the second half the
//! configuration changes again and again.

mod fit;

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::fit::Line;
use crate::books;
use crate::campaign::Campaign;
use crate::load::{self, Load};
use crate::options::Memory;
use crate::progress::Progress;
use crate::report::{Finding, Section, Table};
use crate::stage::{Stage, uploads};

/// How often memory is looked at, over the whole run.
const SAMPLES: u32 = 240;
/// Of each half the first part is left out of the fit: what is made once is made there.
const SETTLING: f64 = 0.3;
/// A shorter run shows caches filling up: no more than this many KiB/min.
const LONG: Duration = Duration::from_secs(600);
const FILLING_UP: f64 = 20_480.0;
/// A slope has to be this many standard errors above what is allowed.
const ERRORS: f64 = 3.0;
/// In turns. The third is the first again.
const PLUGINS: [&str; 3] = [
    r#"{"mirrors": [
        {"name": "all", "cluster": "works"},
        {"name": "slow", "cluster": "slow", "percentage": 20, "compare": {"body": "bytes", "log_per_minute": 1}},
        {"name": "hangs", "cluster": "hangs", "percentage": 1, "timeout": "500ms", "breaker": "off"},
        {"name": "dead", "cluster": "dead", "percentage": 1}
    ]}"#,
    r#"{"mirrors": [
        {"name": "all", "cluster": "works", "redact": {"json": ["/user/email"], "query": ["a"]}},
        {"name": "other", "cluster": "slow", "percentage": 10, "sample_by": {"header": "x-soak-user"}}
    ]}"#,
    r#"{"max_buffered_bytes": 100000, "mirrors": [
        {"name": "all", "cluster": "works", "headers": {"remove": ["cookie"]}, "limits": {"requests_per_second": 500}}
    ]}"#,
];

struct Sample {
    minutes: f64,
    kib: f64,
    in_flight: u64,
    buffered: u64,
}

pub async fn run(campaign: &Campaign, options: &Memory) -> Result<Section> {
    let mut section = Section::new("memory");
    let [first, ..] = PLUGINS;
    let mut stage = Stage::start(2, first, campaign.module.as_deref()).await?;
    let client = load::client(stage.envoy.address());
    let half = options.duration / 2;
    let start = Instant::now();

    let load = Load::start(&client, options.rate, &uploads(false));
    let progress = Progress::new("memory, steady", SAMPLES.into());
    let mut steady = Vec::new();
    sample(campaign, options, &stage, start, half, &mut steady, &progress).await?;
    let mut tally = load.stop().await;

    // A connection each: those of a replaced listener are closed.
    let rate = options.rate / 4.0;
    let load = Load::start(&client, rate, &uploads(true));
    let every = options.change_every.unwrap_or((options.duration / 100).max(Duration::from_secs(1)));
    let mut changing = Vec::new();
    let mut changes = 0;
    while start.elapsed() < options.duration && !campaign.stop.is_cancelled() {
        changes += 1;
        let plugin = PLUGINS.get(changes % PLUGINS.len()).copied().unwrap_or(first);
        stage.envoy.update(|bootstrap| bootstrap.plugin(plugin)).await?;
        let until = (start.elapsed() + every).min(options.duration);
        sample(campaign, options, &stage, start, until, &mut changing, &progress).await?;
    }
    tally.add(&load.stop().await);
    drop(progress);

    section.figure("requests", tally.total());
    section.figure("of these, failed", tally.failed());
    section.figure("requests per second, second half", rate);
    section.figure("configurations", changes);
    section.figure("P99 of the primary in ms", tally.quantile(0.99));
    section.tables.push(Table {
        header: vec![
            "half",
            "samples",
            "first MiB",
            "last MiB",
            "slope KiB/min",
            "standard error",
            "in flight, most",
            "buffered, most",
        ],
        rows: Vec::new(),
    });
    judge(campaign, options, &mut section, "steady", &steady);
    judge(campaign, options, &mut section, "configurations change", &changing);
    if tally.failed() > 0 {
        section.find(Finding {
            what: format!("{} requests failed", tally.failed()),
            details: format!("{:?}", tally.outcomes),
            repeat: repeat(options),
        });
    }
    stage.drained().await?;
    books::check(&mut section, &stage.envoy, &repeat(options)).await;
    stage.envoy.shutdown().await?;
    Ok(section.ended(campaign.stop.is_cancelled()))
}

/// Until this long after the start.
async fn sample(
    campaign: &Campaign,
    options: &Memory,
    stage: &Stage,
    start: Instant,
    until: Duration,
    samples: &mut Vec<Sample>,
    progress: &Progress,
) -> Result<()> {
    let mut ticks = interval(options.duration / SAMPLES);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while start.elapsed() < until {
        tokio::select! {
            () = campaign.stop.cancelled() => return Ok(()),
            () = tokio::time::sleep_until(start + until) => return Ok(()),
            _ = ticks.tick() => {}
        }
        let stats = stage.envoy.stats().await?;
        let sample = Sample {
            minutes: start.elapsed().as_secs_f64() / 60.0,
            kib: stage.envoy.rss_bytes()? as f64 / 1024.0,
            in_flight: stats.gauge("shadow_in_flight", &[]),
            buffered: stats.gauge("shadow_buffered_bytes", &[]),
        };
        progress.inc(&format!("{:.1} MiB, {} in flight", sample.kib / 1024.0, sample.in_flight));
        samples.push(sample);
    }
    Ok(())
}

fn judge(campaign: &Campaign, options: &Memory, section: &mut Section, half: &str, samples: &[Sample]) {
    let settled = samples.get((samples.len() as f64 * SETTLING) as usize..).unwrap_or_default();
    let line = Line::through(settled.iter().map(|sample| (sample.minutes, sample.kib)));
    let mib = |sample: Option<&Sample>| json!(sample.map_or(f64::NAN, |sample| sample.kib / 1024.0));
    let row = vec![
        json!(half),
        json!(samples.len()),
        mib(samples.first()),
        mib(samples.last()),
        json!(line.slope),
        json!(line.error),
        json!(samples.iter().map(|sample| sample.in_flight).max()),
        json!(samples.iter().map(|sample| sample.buffered).max()),
    ];
    section.tables.iter_mut().for_each(|table| table.rows.push(row.clone()));
    let allowed = if options.duration >= LONG { options.allow } else { FILLING_UP };
    if !campaign.stop.is_cancelled() && line.slope - ERRORS * line.error > allowed {
        section.find(Finding {
            what: format!("memory grows by {:.0} ± {:.0} KiB/min ({half})", line.slope, line.error),
            details: format!("{row:?}"),
            repeat: repeat(options),
        });
    }
}

fn repeat(options: &Memory) -> String {
    let duration = humantime::format_duration(options.duration).to_string().replace(' ', "");
    format!("cargo soak memory --duration {duration} --rate {}", options.rate)
}
