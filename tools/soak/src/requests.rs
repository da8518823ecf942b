// SPDX-License-Identifier: Apache-2.0
//! Generated requests, each to a listener with the filter and to one without. What the primary sees of it and what the
//! client gets back must be the same, byte for byte.
//!
//! A difference is looked for again. One that is always there is a finding. One that does not come back is counted: where
//! a connection breaks, or an answer comes early, two listeners without a filter differ too. These are a finding if the
//! side with the filter fails clearly more often than the other one.

mod answer;
mod case;
mod exchange;
mod generate;
mod judge;
mod rig;
mod seen;

use std::cmp::Ordering;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use anyhow::{Context, Result};
use proptest::strategy::ValueTree;
use tokio::task::JoinSet;

use self::case::{Case, ID};
use self::judge::{Clients, Difference, always_differs, differs, shrink};
use self::rig::Rig;
use crate::books;
use crate::campaign::Campaign;
use crate::options::Requests;
use crate::progress::Progress;
use crate::report::{Finding, Section};

/// Repeated differences that are made smaller; more have the same cause.
const SHRUNK: usize = 3;
/// Differences that are looked for again at the same time.
const LOOKERS: usize = 4;

pub async fn run(campaign: &Campaign, options: &Requests) -> Result<Section> {
    let mut section = Section::new("requests");
    if let Some(number) = options.only {
        let workers = options.workers.first().copied().unwrap_or(1);
        one(campaign, &mut section, workers, number).await?;
        return Ok(section.ended(false));
    }
    let share = options.count.div_ceil(options.workers.len().max(1) as u64);
    let mut done = 0;
    for (index, &workers) in options.workers.iter().enumerate() {
        if campaign.stop.is_cancelled() {
            break;
        }
        let first = index as u64 * share;
        done +=
            phase(campaign, options, &mut section, workers, first..options.count.min(first + share)).await?;
    }
    section.figure("requests, each with and without the filter", done);
    Ok(section.ended(campaign.stop.is_cancelled()))
}

/// What the senders share.
struct Phase {
    rig: Rig,
    seed: u64,
    next: AtomicU64,
    end: u64,
    done: AtomicU64,
    progress: Progress,
}

async fn phase(
    campaign: &Campaign,
    options: &Requests,
    section: &mut Section,
    workers: u32,
    numbers: std::ops::Range<u64>,
) -> Result<u64> {
    let rig = Rig::start(workers, campaign.module.as_deref()).await?;
    for side in rig.sides(false) {
        exchange::serves(side).await?;
    }
    let progress = Progress::new(&format!("requests, {workers} workers"), numbers.end - numbers.start);
    let phase = Arc::new(Phase {
        rig,
        seed: campaign.seed,
        next: AtomicU64::new(numbers.start),
        end: numbers.end,
        done: AtomicU64::new(0),
        progress,
    });
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for _ in 0..options.parallel.max(1) {
        let (phase, stop) = (phase.clone(), campaign.stop.clone());
        senders.spawn(async move {
            let clients = Clients::of(&phase.rig);
            let mut different = Vec::new();
            while !stop.is_cancelled() {
                let number = phase.next.fetch_add(1, Relaxed);
                if number >= phase.end {
                    break;
                }
                let case = generate::tree(phase.seed, number).current();
                if let Some(difference) = differs(&phase.rig, &clients, &case).await {
                    different.push((number, difference));
                }
                phase.done.fetch_add(1, Relaxed);
                phase.progress.inc("");
            }
            different
        });
    }
    let different: Vec<(u64, Difference)> = senders.join_all().await.into_iter().flatten().collect();
    let seconds = start.elapsed().as_secs_f64();
    let done = phase.done.load(Relaxed);
    section.figure(format!("{workers} workers: requests"), done);
    section.figure(format!("{workers} workers: per second"), (done as f64 / seconds).round());
    let repeated = look_again(&phase, different).await;
    report(campaign, section, &phase.rig, repeated).await;
    close(campaign, section, &phase.rig).await;
    Ok(done)
}

/// An exchange that differed, and whether it does so each time.
struct Suspect {
    number: u64,
    case: Case,
    first: Difference,
    always: Option<Difference>,
}

/// A few at a time: less goes on than when they differed.
async fn look_again(phase: &Arc<Phase>, different: Vec<(u64, Difference)>) -> Vec<Suspect> {
    let mut lookers = JoinSet::new();
    for share in different.chunks(different.len().div_ceil(LOOKERS).max(1)) {
        let (phase, share) = (phase.clone(), share.to_vec());
        lookers.spawn(async move {
            let clients = Clients::of(&phase.rig);
            let mut suspects = Vec::new();
            for (number, first) in share {
                let case = generate::tree(phase.seed, number).current();
                let always = always_differs(&phase.rig, &clients, &case).await;
                suspects.push(Suspect { number, case, first, always });
            }
            suspects
        });
    }
    lookers.join_all().await.into_iter().flatten().collect()
}

/// What comes back is made smaller.
async fn report(campaign: &Campaign, section: &mut Section, rig: &Rig, suspects: Vec<Suspect>) {
    let (mut unrepeated, mut repeated) = (Vec::new(), 0);
    for Suspect { number, case, first, always } in suspects {
        let Some(difference) = always else {
            unrepeated.push((number, case, first));
            continue;
        };
        repeated += 1;
        let (case, difference) = match repeated <= SHRUNK {
            true => shrink(rig, campaign.seed, number, difference).await,
            false => (case, difference),
        };
        section.find(finding(campaign, rig, number, "always differs", &case, &difference));
    }
    let races = unrepeated.iter().filter(|(_, case, _)| case.is_race()).count();
    let worse = |side| unrepeated.iter().filter(|(_, _, difference)| difference.worse() == side).count();
    let (with, without) = (worse(Ordering::Greater), worse(Ordering::Less));
    let workers = rig.workers;
    section.figure(format!("{workers} workers: differed once, not again"), unrepeated.len());
    section.figure(format!("{workers} workers: of these, races by their shape"), races);
    section.figure(
        format!("{workers} workers: of these, failed with the filter / without"),
        format!("{with} / {without}"),
    );
    // Three standard deviations of a fair coin, and a few.
    if with as f64 > without as f64 + 3.0 * ((with + without) as f64).sqrt() + 3.0 {
        let failed = unrepeated.iter().filter(|(_, _, difference)| difference.worse() == Ordering::Greater);
        for (number, case, difference) in failed.take(SHRUNK) {
            section.find(finding(campaign, rig, *number, "differs at times", case, difference));
        }
    }
    if campaign.verbose {
        for (number, case, difference) in &unrepeated {
            eprintln!("{number} differed once: {difference:#?} {case:?}");
        }
    }
}

fn finding(
    campaign: &Campaign,
    rig: &Rig,
    number: u64,
    how: &str,
    case: &Case,
    difference: &Difference,
) -> Finding {
    let Difference { end, with, without } = difference;
    let head = exchange::head(case, number);
    Finding {
        what: format!("what the {end} sees of request {number} {how} ({} workers)", rig.workers),
        details: format!(
            "case: {case:#?}\nas HTTP/1.1: {}\nwith the filter:\n{with}\nwithout:\n{without}",
            head.escape_ascii()
        ),
        repeat: format!(
            "cargo soak requests --seed {} --only {number} --workers {}",
            campaign.seed, rig.workers
        ),
    }
}

/// At rest.
async fn close(campaign: &Campaign, section: &mut Section, rig: &Rig) {
    let repeat = format!("cargo soak requests --seed {} --workers {}", campaign.seed, rig.workers);
    let Some(stats) = books::check(section, &rig.envoy, &repeat).await else { return };
    let sent = |mirror| stats.counter("shadow_sent_total", &[("mirror", mirror)]);
    let (sent, came) = (sent("works") + sent("looks") + sent("looks-control"), rig.works.count() as u64);
    // The mirror "chooses" may send there too.
    let most = sent + stats.counter("shadow_sent_total", &[("mirror", "chooses")]);
    section.figure(format!("{} workers: copies received", rig.workers), came);
    if !(sent..=most).contains(&came) {
        section.find(Finding {
            what: "copies were counted as sent and did not come".to_owned(),
            details: format!("{came} copies came, and {sent} to {most} were sent:\n{stats}"),
            repeat,
        });
    }
}

async fn one(campaign: &Campaign, section: &mut Section, workers: u32, number: u64) -> Result<()> {
    let rig = Rig::start(workers, campaign.module.as_deref()).await?;
    let case = generate::tree(campaign.seed, number).current();
    println!("request {number}, sent with {ID}:\n{case:#?}");
    let clients = Clients::of(&rig);
    let difference = differs(&rig, &clients, &case).await;
    match always_differs(&rig, &clients, &case).await {
        Some(difference) => {
            let (case, difference) = shrink(&rig, campaign.seed, number, difference).await;
            section.find(finding(campaign, &rig, number, "always differs", &case, &difference));
        }
        None => {
            let how = if difference.is_some() { "differed once, not again" } else { "does not differ" };
            section.figure(format!("request {number}"), how);
        }
    }
    close(campaign, section, &rig).await;
    rig.envoy.shutdown().await.map(drop).context("end Envoy")
}
