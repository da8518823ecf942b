// SPDX-License-Identifier: Apache-2.0
//! Named faults of the shadow, the primary, Envoy and clients: each alone, then ten at random at the same time. The
//! primary's answers and their latencies are held against those of a listener without the filter; the books have to add
//! up when it is over.

mod changes;
mod crowd;
mod discovery;
mod fault;
mod judge;
mod measure;
mod primaries;
mod rig;
mod shadows;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::changes::Changes;
use self::fault::{ALL, Change, Fault};
use self::measure::{Measured, Pace, measure};
use self::rig::{Group, Rig};
use crate::campaign::Campaign;
use crate::options::Faults;
use crate::progress::Progress;
use crate::report::{Section, Table};

/// Faults of a combination.
const TEN: usize = 10;
/// The shortest window in which Envoy restarts: it takes some seconds for that, while requests have to go on.
const RESTART: Duration = Duration::from_secs(2);
/// Rounds that are added where the first ones look slow.
const MORE: u32 = 3;

pub async fn run(campaign: &Campaign, options: &Faults) -> Result<Section> {
    let mut section = Section::new("faults");
    let chosen = chosen(options)?;
    section.figure("faults", chosen.len());
    section.tables.push(judge::table());
    if options.list {
        section.tables.clear();
        let rows = chosen.iter().map(|fault| vec![json!(fault.name)]).collect();
        section.tables.push(Table { header: vec!["fault"], rows });
        return Ok(section.ended(false));
    }
    // What is done to Envoy has one of its own; the others share one.
    let (of_envoy, others): (Vec<_>, Vec<_>) = chosen.iter().partition(|fault| fault.change().is_some());
    let mut rigs: Vec<Vec<Group>> = vec![others.into_iter().map(|fault| vec![fault]).collect()];
    rigs.extend(of_envoy.into_iter().map(|fault| vec![vec![fault]]));
    let mut random = campaign.random(2);
    if options.only.is_empty() {
        rigs.extend((0..options.combinations).map(|_| vec![ten(&mut random)]));
    }
    let groups = rigs.iter().map(Vec::len).sum::<usize>();
    let progress = Progress::new("faults", groups as u64);
    for groups in rigs.into_iter().filter(|groups| !groups.is_empty()) {
        if campaign.stop.is_cancelled() {
            break;
        }
        on_one_envoy(campaign, options, &mut section, &groups, &progress).await?;
    }
    drop(progress);
    judge::summary(&mut section);
    Ok(section.ended(campaign.stop.is_cancelled()))
}

fn chosen(options: &Faults) -> Result<Vec<&'static Fault>> {
    let named = |fault: &&Fault| options.only.iter().any(|only| fault.name.contains(only.as_str()));
    let chosen: Vec<_> = ALL.iter().filter(|fault| options.only.is_empty() || named(fault)).collect();
    if chosen.is_empty() {
        bail!("no fault has such a name; --list shows them");
    }
    Ok(chosen)
}

/// At random. Listeners that drain for good or are replaced for each other do not go together.
fn ten(random: &mut fastrand::Rng) -> Group {
    let mut all: Vec<&'static Fault> = ALL.iter().collect();
    random.shuffle(&mut all);
    let mut group = Group::new();
    for fault in all {
        let alone = [
            Change::Drain,
            Change::FilterRemoved,
            Change::Module,
            Change::Configuration,
            Change::ResetCounters,
            Change::HotRestart,
        ];
        let is_alone = |fault: &Fault| fault.change().is_some_and(|change| alone.contains(&change));
        let clashes = is_alone(fault) && group.iter().any(|other| is_alone(other));
        if group.len() < TEN && !clashes && fault.change() != Some(Change::ResetCounters) {
            group.push(fault);
        }
    }
    group
}

async fn on_one_envoy(
    campaign: &Campaign,
    options: &Faults,
    section: &mut Section,
    groups: &[Group],
    progress: &Progress,
) -> Result<()> {
    let mut rig = Rig::start(groups, campaign.module.as_deref()).await.context("start Envoy")?;
    for (index, group) in groups.iter().enumerate() {
        if campaign.stop.is_cancelled() {
            break;
        }
        let restarts = group.iter().any(|fault| fault.change() == Some(Change::HotRestart));
        let window = if restarts { options.window.max(RESTART) } else { options.window };
        let pace = Pace { rate: options.rate, rounds: options.rounds, window };
        let mut measured = Measured::default();
        under(&mut rig, index, group, &pace, &mut measured).await.with_context(|| name(group))?;
        if measured.is_slower(judge::allowed(options, group)) {
            // A few short windows may have met what else this machine does.
            let more = Pace { rounds: pace.rounds * MORE, ..pace };
            under(&mut rig, index, group, &more, &mut measured).await.with_context(|| name(group))?;
        }
        judge::latency_and_answers(section, campaign, options, group, &measured);
        progress.inc(&name(group));
    }
    judge::books(section, campaign, groups, rig).await
}

/// With the faults going on all the time.
async fn under(
    rig: &mut Rig,
    index: usize,
    group: &Group,
    pace: &Pace,
    measured: &mut Measured,
) -> Result<()> {
    rig.primaries.behave(group);
    let mut changes = Changes::of(group).await?;
    let addresses = rig.addresses(index, group);
    let over = CancellationToken::new();
    let measuring = async {
        // Also if it failed, or the others would go on.
        let _over = over.clone().drop_guard();
        measure(measured, group, &addresses, pace).await
    };
    let Rig { envoy, primaries, discovery, .. } = rig;
    let (measured, refused, changed) = tokio::join!(
        measuring,
        primaries.refuse(group, over.cancelled()),
        changes.go_on(envoy, discovery, &over),
    );
    refused.context("the primary")?;
    changed.context("Envoy")?;
    primaries.behave(&[]);
    measured
}

fn name(group: &Group) -> String {
    let names: Vec<&str> = group.iter().map(|fault| fault.name).collect();
    names.join(" + ")
}
