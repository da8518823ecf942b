// SPDX-License-Identifier: Apache-2.0
//! What is printed, in milliseconds.

use std::time::Duration;

use comfy_table::Table;

use super::{Row, Sample};
use crate::spread::Spread;
use crate::table::{spread, table};

/// A value of a sample.
type Value = fn(&Sample) -> f64;

pub fn waits(rows: &[Row]) -> Table {
    quantiles(
        rows,
        [
            |sample| sample.waits.p50,
            |sample| sample.waits.p99,
            |sample| sample.waits.p999,
            |sample| sample.waits.max,
        ],
    )
}

pub fn turns(rows: &[Row]) -> Table {
    quantiles(
        rows,
        [
            |sample| sample.turns.p50,
            |sample| sample.turns.p99,
            |sample| sample.turns.p999,
            |sample| sample.turns.max,
        ],
    )
}

fn quantiles(rows: &[Row], values: [Value; 4]) -> Table {
    let mut table = table(&["the other client's listener has", "P50", "P99", "P99.9", "longest"]);
    for row in rows {
        let cells = values.map(|value| spread(&Spread::of(row.samples.iter().map(value)), 2));
        table.add_row([row.case.to_owned()].into_iter().chain(cells));
    }
    table
}

pub fn done(rows: &[Row], window: Duration) -> Table {
    let mut table = table(&["the other client's listener has", "8 MiB", "32 KiB", "long path"]);
    let values: [Value; 3] = [
        |sample| sample.done.large as f64,
        |sample| sample.done.many as f64,
        |sample| sample.done.paths as f64,
    ];
    for row in rows {
        let cells = values.map(|value| {
            let rates = row.samples.iter().map(|sample| value(sample) / window.as_secs_f64());
            spread(&Spread::of(rates), 1)
        });
        table.add_row([row.case.to_owned()].into_iter().chain(cells));
    }
    table
}
