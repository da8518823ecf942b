// SPDX-License-Identifier: Apache-2.0
//! What of the measurements is a finding.

use anyhow::Result;
use serde_json::{Value, json};

use super::fault::{Change, Crowd, Fault};
use super::measure::{Measured, median};
use super::rig::{Group, Rig};
use crate::books;
use crate::campaign::Campaign;
use crate::options::Faults;
use crate::report::{Finding, Section, Table};

pub fn table() -> Table {
    let header = vec![
        "fault", "requests", "not 200", "without", "P50 ms", "without", "P99 ms", "without", "native",
        "noise",
    ];
    Table { header, rows: Vec::new() }
}

/// A thousand requests at once are three thousand copies at once: this many times what another fault may add.
const THOUSAND: f64 = 4.0;

/// What the filter may add to the P99 in milliseconds. Several faults may add up.
pub fn allowed(options: &Faults, group: &Group) -> f64 {
    let weight = |fault: &&Fault| match fault.crowd() {
        Some(Crowd::ThousandAtOnce) => THOUSAND,
        _ => 1.0,
    };
    options.allow * group.iter().map(weight).sum::<f64>()
}

pub fn latency_and_answers(
    section: &mut Section,
    campaign: &Campaign,
    options: &Faults,
    group: &Group,
    measured: &Measured,
) {
    let Measured { with, without, native } = measured;
    let row: Vec<Value> = vec![
        json!(super::name(group).replace(" + ", "\n")),
        json!(with.all.total() + without.all.total()),
        json!(with.all.failed() + with.crowd_failed),
        json!(without.all.failed() + without.crowd_failed),
        json!(with.all.quantile(0.5)),
        json!(without.all.quantile(0.5)),
        json!(median(&with.p99)),
        json!(median(&without.p99)),
        if native.p99.is_empty() { json!("") } else { json!(median(&native.p99)) },
        json!(measured.noise()),
    ];
    section.tables.iter_mut().for_each(|table| table.rows.push(row.clone()));
    let repeat = repeat(campaign, group);
    if measured.is_slower(allowed(options, group)) {
        section.find(Finding {
            what: format!("the primary is slower under {}", super::name(group)),
            details: format!(
                "P99 in ms by rounds, with the filter {:.1?}, without {:.1?}, by Envoy's own mirroring {:.1?}; P50 {:.2} and {:.2}",
                with.p99,
                without.p99,
                native.p99,
                with.all.quantile(0.5),
                without.all.quantile(0.5)
            ),
            repeat: repeat.clone(),
        });
    }
    let (failed, expected) =
        (with.all.failed() + with.crowd_failed, without.all.failed() + without.crowd_failed);
    // Three standard deviations, and a few where something fails without the filter too.
    let chance = if expected == 0 { 0.0 } else { 3.0 * ((failed + expected) as f64).sqrt() + 3.0 };
    if failed as f64 > expected as f64 + chance {
        section.find(Finding {
            what: format!("requests fail with the filter under {}", super::name(group)),
            details: format!("with {:?}, without {:?}", with.all.outcomes, without.all.outcomes),
            repeat,
        });
    }
}

/// At rest, for all groups of one Envoy.
pub async fn books(section: &mut Section, campaign: &Campaign, groups: &[Group], rig: Rig) -> Result<()> {
    let has = |change| groups.iter().flatten().any(|fault| fault.change() == Some(change));
    let repeat = groups.first().map(|group| repeat(campaign, group)).unwrap_or_default();
    let anew = [Change::ResetCounters, Change::Module, Change::FilterRemoved, Change::HotRestart];
    if anew.into_iter().any(has) {
        // Counters start anew while copies are under way, or copies end with their module or their Envoy.
        section.check("the module trapped", rig.envoy.no_traps(), &repeat);
        let stats = rig.envoy.settled().await?;
        section.check("a gauge does not return to 0", books::gauges(&stats), &repeat);
    } else {
        books::check(section, &rig.envoy, &repeat).await;
        if has(Change::Clock) {
            section.check("the clock does not jump", rig.clock_jumped().await, &repeat);
        }
    }
    rig.envoy.shutdown().await.map(drop)
}

/// Over all faults.
pub fn summary(section: &mut Section) {
    let Some(table) = section.tables.first() else { return };
    let column = |at: usize| -> Vec<f64> {
        table.rows.iter().filter_map(|row| row.get(at).and_then(Value::as_f64)).collect()
    };
    let (requests, with, without, native, noise) = (column(1), column(6), column(7), column(8), column(9));
    let added: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with - without).collect();
    section.figure("requests", requests.iter().sum::<f64>() as u64);
    section.figure("P99 in ms, median over all faults, with the filter", median(&with));
    section.figure("without", median(&without));
    section.figure("with Envoy's own mirroring", median(&native));
    section.figure("added to the P99 in ms, median over all faults", median(&added));
    section.figure("most", added.iter().copied().fold(f64::MIN, f64::max));
    section.figure("noise of the P99 without the filter in ms, median", median(&noise));
}

fn repeat(campaign: &Campaign, group: &Group) -> String {
    match group.as_slice() {
        [one] => format!("cargo soak faults --only {}", one.name),
        _ => format!("cargo soak faults --seed {}", campaign.seed),
    }
}
