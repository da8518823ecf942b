// SPDX-License-Identifier: Apache-2.0
//! What is printed: medians, with the quartiles behind them, in Markdown.

use comfy_table::{CellAlignment, Table, presets};

use crate::budget::Verdict;
use crate::group::Group;
use crate::measure::Sample;
use crate::memory::Memory;
use crate::scenario::Wire;
use crate::spread::Spread;
use crate::work::Curve;

pub fn main(group: &Group, saturation: Option<&Group>) -> Table {
    let mut table = table(&[
        "scenario",
        "CPU µs/request",
        "added µs",
        "of native",
        "P50 µs",
        "P99 µs",
        "requests/s at most",
    ]);
    for row in &group.rows {
        let name = &row.scenario.name;
        let most = saturation.and_then(|group| group.row(name)).map(|row| row.spread(|s| s.per_second));
        table.add_row([
            name.clone(),
            spread(&row.spread(|sample| sample.cpu_us), 1),
            group.added(name).filter(|_| name != "none").map_or(String::new(), |added| spread(&added, 1)),
            group.ratio(row).map_or(String::new(), |ratio| spread(&ratio, 2)),
            spread(&row.spread(|sample| sample.p50_us), 0),
            spread(&row.spread(|sample| sample.p99_us), 0),
            most.map_or(String::new(), |most| spread(&most, 0)),
        ]);
    }
    table
}

/// Limits that all workers share against those of each worker, within a round.
pub fn scopes(group: &Group) -> Option<Table> {
    let mut table = table(&["scenario", "worker µs", "envoy µs", "envoy − worker µs"]);
    for wire in Wire::BOTH {
        let (shared, alone) = (format!("filter-100-{wire}"), format!("filter-worker-{wire}"));
        let difference = group.paired([&*shared, &*alone], |[shared, alone]| shared.cpu_us - alone.cpu_us)?;
        let of = |name: &str| group.row(name).map(|row| spread(&row.spread(|sample| sample.cpu_us), 1));
        table.add_row([
            wire.to_string(),
            of(&alone).unwrap_or_default(),
            of(&shared).unwrap_or_default(),
            format!("{} ± {:.1}", spread(&difference, 1), difference.notch()),
        ]);
    }
    Some(table)
}

/// Each filter of these sources against the same of `--compare`, within a round.
pub fn before_and_after(group: &Group) -> Table {
    let mut table =
        table(&["scenario", "before µs", "after µs", "after − before µs", "added: after / before"]);
    for after in &group.rows {
        let name = &after.scenario.name;
        let before = name.replacen("filter-", "before-", 1);
        let Some(row) = group.row(&before).filter(|row| row.scenario.name != *name) else { continue };
        let difference = group.paired([name, &before], |[after, before]| after.cpu_us - before.cpu_us);
        let ratio = group.paired([name, &before, "none"], |[after, before, none]| {
            (after.cpu_us - none.cpu_us) / (before.cpu_us - none.cpu_us)
        });
        table.add_row([
            name.clone(),
            spread(&row.spread(|sample| sample.cpu_us), 1),
            spread(&after.spread(|sample| sample.cpu_us), 1),
            difference.map_or(String::new(), |difference| spread(&difference, 1)),
            ratio.map_or(String::new(), |ratio| spread(&ratio, 3)),
        ]);
    }
    table
}

pub fn curve(curve: &Curve, groups: &[Group]) -> Table {
    let mut table = table(&[curve.axis, "scenario", "CPU µs/request", "added µs", "of native", "P99 µs"]);
    for (point, group) in curve.points.iter().zip(groups) {
        for row in &group.rows {
            let name = &row.scenario.name;
            table.add_row([
                point.x.to_string(),
                name.clone(),
                spread(&row.spread(|sample| sample.cpu_us), 1),
                group.added(name).filter(|_| name != "none").map_or(String::new(), |added| spread(&added, 1)),
                group.ratio(row).map_or(String::new(), |ratio| spread(&ratio, 2)),
                spread(&row.spread(|sample| sample.p99_us), 0),
            ]);
        }
    }
    table
}

pub fn memory(all: &[Memory]) -> Table {
    let mut table = table(&["scenario", "started MiB", "warm MiB", "after a million requests MiB"]);
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    for one in all {
        table.add_row([
            one.scenario.clone(),
            mib(one.started_bytes),
            mib(one.warm_bytes),
            mib(one.after_bytes),
        ]);
    }
    table
}

pub fn budgets(verdicts: &[Verdict]) -> Table {
    let mut table = table(&["budget", "found", "at most", ""]);
    for verdict in verdicts {
        let Verdict { budget, found, allowed, held } = verdict;
        let held = if *held { "held" } else { "EXCEEDED" };
        table.add_row([budget.as_str(), found, allowed, held]);
    }
    table
}

/// Where the processors' time went: who was the bottleneck, and who was not.
pub fn busy(group: &Group) -> String {
    let range = |value: fn(&Sample) -> f64| {
        let medians = Spread::of(group.rows.iter().map(|row| row.spread(value).median * 100.0));
        format!("{:.0} to {:.0} %", medians.min, medians.max)
    };
    format!(
        "Envoy's workers were {} busy and {} waiting for a processor, h2load was {} busy, both nginx {} of a core, and what else runs here {}",
        range(|sample| sample.worker_busy),
        range(|sample| sample.worker_waiting),
        range(|sample| sample.h2load_busy),
        range(|sample| sample.nginx_busy),
        range(|sample| sample.strangers_busy),
    )
}

pub fn spread(spread: &Spread, decimals: usize) -> String {
    let Spread { median, q1, q3, .. } = spread;
    format!("{median:.decimals$} [{q1:.decimals$} – {q3:.decimals$}]")
}

pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
