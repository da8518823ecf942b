// SPDX-License-Identifier: Apache-2.0
//! Generated plugin configurations, applied one after the other while requests go on. Valid ones are taken, invalid ones
//! are refused, no request fails, and in the end everything adds up and nothing is held.
//!
//! One in five is a configuration of before, and now and then one whose copies hang comes and goes several times: the
//! host keeps what ends under a name made of the configuration.

mod generate;
mod keys;
mod schema;

use std::time::Duration;

use anyhow::Result;
use harness::Update;
use proptest::strategy::ValueTree;

use self::generate::Configuration;
use self::schema::Schema;
use crate::books;
use crate::campaign::Campaign;
use crate::load::{self, Load};
use crate::options::Configurations;
use crate::progress::Progress;
use crate::report::{Finding, Section};
use crate::stage::{Stage, uploads};

const FIRST: &str = r#"{"mirrors": [{"name": "first", "cluster": "works"}]}"#;
const LAST: &str = r#"{"mirrors": [{"name": "last", "cluster": "works"}]}"#;
/// Its copies outlive the listener.
const HANGS: &str =
    r#"{"mirrors": [{"name": "held", "cluster": "hangs", "timeout": "6s", "breaker": "off"}]}"#;
/// After so many configurations that one comes and goes, so many times.
const FLIPS_AFTER: u64 = 100;
const FLIPS: usize = 2;
/// The second time it has to begin after the first one has drained, which takes a second, and end before its copies do.
const HANGING: Duration = Duration::from_millis(300);
const BETWEEN: Duration = Duration::from_millis(1_500);
/// Of earlier configurations, one of the latest is applied again.
const LATEST: usize = 3;
/// The longest timeout of a generated configuration, and some.
const TIMEOUTS: Duration = Duration::from_millis(3_500);
const SHRINKING: usize = 60;

pub async fn run(campaign: &Campaign, options: &Configurations) -> Result<Section> {
    let mut section = Section::new("configurations");
    let schema = Schema::shipped()?;
    let mut stage = Stage::start(options.workers, FIRST, campaign.module.as_deref()).await?;
    let numbers = options.only.map_or(0..options.count, |only| only..only + 1);
    let client = load::client(stage.envoy.address());
    let load = Load::start(&client, options.rate, &uploads(true));
    let progress = Progress::new("configurations", numbers.end - numbers.start);
    let mut random = campaign.random(1);
    let mut earlier: Vec<Configuration> = Vec::new();
    let (mut taken, mut refused, mut again, mut flips) = (0_u64, 0_u64, 0_u64, 0_u64);

    for number in numbers {
        if campaign.stop.is_cancelled() {
            break;
        }
        let next = tokio::time::Instant::now() + options.every;
        let before = earlier.len().checked_sub(1 + random.usize(..LATEST)).and_then(|at| earlier.get(at));
        let configuration = match before.filter(|_| options.only.is_none() && random.u8(..5) == 0) {
            Some(before) => {
                again += 1;
                before.clone()
            }
            None => generate::tree(schema.clone(), campaign.seed, number).current(),
        };
        let update = apply(&mut stage, &configuration.text).await?;
        match update {
            Update::Accepted => taken += 1,
            Update::Rejected => refused += 1,
        }
        if let Some(wrong) = judge(update, &configuration) {
            let smallest = shrink(&mut stage, &schema, campaign.seed, number).await?.unwrap_or(configuration);
            section.find(Finding {
                what: format!("configuration {number} is {wrong}"),
                details: format!(
                    "error in it: {:?}\n{}\nEnvoy's log ends:\n{}",
                    smallest.error,
                    smallest.text,
                    last_lines(&stage.envoy.log())
                ),
                repeat: format!("cargo soak configurations --seed {} --only {number}", campaign.seed),
            });
        } else if configuration.error.is_none() {
            earlier.push(configuration);
        }
        section.check("the module trapped", stage.envoy.no_traps(), &repeat(campaign, options));
        progress.inc("");
        tokio::time::sleep_until(next).await;
        if options.only.is_none() && number % FLIPS_AFTER == FLIPS_AFTER / 2 {
            flip(&mut stage).await?;
            flips += 1;
        }
    }

    let requests = load.stop().await;
    drop(progress);
    section.figure("configurations taken", taken);
    section.figure("configurations refused", refused);
    section.figure("of all, applied again", again);
    section.figure("times that a configuration with hanging copies came and went", flips);
    section.figure("requests meanwhile", requests.total());
    section.figure("P99 of the primary in ms", requests.quantile(0.99));
    if requests.failed() > 0 {
        section.find(Finding {
            what: format!("{} requests failed while configurations changed", requests.failed()),
            details: format!("{:?}", requests.outcomes),
            repeat: repeat(campaign, options),
        });
    }
    close(campaign, options, &mut section, stage).await?;
    Ok(section.ended(campaign.stop.is_cancelled()))
}

async fn flip(stage: &mut Stage) -> Result<()> {
    for (plugin, time) in [(HANGS, HANGING), (FIRST, BETWEEN)].repeat(FLIPS) {
        apply(stage, plugin).await?;
        tokio::time::sleep(time).await;
    }
    Ok(())
}

async fn apply(stage: &mut Stage, plugin: &str) -> Result<Update> {
    stage.envoy.update(|bootstrap| bootstrap.plugin(plugin)).await
}

/// What is wrong with what Envoy did.
fn judge(update: Update, configuration: &Configuration) -> Option<&'static str> {
    match (update, configuration.error) {
        (Update::Rejected, None) => Some("valid, and refused"),
        (Update::Accepted, Some(_)) => Some("invalid, and taken"),
        (Update::Accepted, None) | (Update::Rejected, Some(_)) => None,
    }
}

/// The smallest configuration found that is still wrong.
async fn shrink(stage: &mut Stage, schema: &Schema, seed: u64, number: u64) -> Result<Option<Configuration>> {
    let mut tree = generate::tree(schema.clone(), seed, number);
    let mut smallest = None;
    let mut tries = 0;
    while tries < SHRINKING && tree.simplify() {
        loop {
            tries += 1;
            let configuration = tree.current();
            let update = apply(stage, &configuration.text).await?;
            if judge(update, &configuration).is_some() {
                smallest = Some(configuration);
                break;
            }
            if tries >= SHRINKING || !tree.complicate() {
                return Ok(smallest);
            }
        }
    }
    Ok(smallest)
}

/// With a configuration that has nothing to do with what was before.
async fn close(
    campaign: &Campaign,
    options: &Configurations,
    section: &mut Section,
    mut stage: Stage,
) -> Result<()> {
    apply(&mut stage, LAST).await?;
    stage.drained().await?;
    tokio::time::sleep(TIMEOUTS).await;
    let repeat = repeat(campaign, options);
    if let Some(stats) = books::check(section, &stage.envoy, &repeat).await {
        section.figure("copies sent", stats.counter("shadow_sent_total", &[]));
        section.figure("copies skipped", stats.counter("shadow_skipped_total", &[]));
        section.figure("copies failed", stats.counter("shadow_failed_total", &[]));
        let open = stats.gauge("shadow_breaker_open", &[]);
        if open > 0 {
            section.find(Finding {
                what: format!("{open} breakers are open for mirrors that are gone"),
                details: stats.to_string(),
                repeat,
            });
        }
    }
    stage.envoy.shutdown().await.map(drop)
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines.iter().skip(lines.len().saturating_sub(5)).map(|line| format!("{line}\n")).collect()
}

fn repeat(campaign: &Campaign, options: &Configurations) -> String {
    let Configurations { count, workers, .. } = options;
    format!("cargo soak configurations --seed {} --count {count} --workers {workers}", campaign.seed)
}
