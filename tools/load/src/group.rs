// SPDX-License-Identifier: Apache-2.0
//! Scenarios that were measured under the same work, in the same rounds. Owns every comparison: always within a round,
//! then the median over the rounds, so that what slows a whole round down does not tell.

use serde_json::{Value, json};

use crate::measure::Sample;
use crate::scenario::Scenario;
use crate::spread::Spread;

pub struct Group {
    pub rows: Vec<Row>,
}

pub struct Row {
    pub scenario: Scenario,
    /// One for each round.
    pub samples: Vec<Sample>,
}

impl Row {
    pub fn spread(&self, value: impl Fn(&Sample) -> f64) -> Spread {
        Spread::of(self.samples.iter().map(value))
    }
}

impl Group {
    pub fn of(scenarios: &[Scenario]) -> Self {
        let row = |scenario: &Scenario| Row { scenario: scenario.clone(), samples: Vec::new() };
        Self { rows: scenarios.iter().map(row).collect() }
    }

    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.scenario.name == name)
    }

    /// A value made of one round's samples of several scenarios; `None` if one was not measured.
    pub fn paired<const N: usize>(
        &self,
        names: [&str; N],
        value: impl Fn([&Sample; N]) -> f64,
    ) -> Option<Spread> {
        let rows: Vec<&Row> = names.iter().map(|name| self.row(name)).collect::<Option<_>>()?;
        let rounds = rows.iter().map(|row| row.samples.len()).min().unwrap_or(0);
        let of_round = |round: usize| {
            let samples = rows.iter().filter_map(|row| row.samples.get(round)).collect::<Vec<_>>();
            samples.try_into().ok().map(&value)
        };
        Some(Spread::of((0..rounds).filter_map(of_round)))
    }

    /// Processor time per request on top of the same Envoy without mirroring.
    pub fn added(&self, name: &str) -> Option<Spread> {
        self.paired([name, "none"], |[ours, none]| ours.cpu_us - none.cpu_us)
    }

    /// What a scenario adds, as a share of what Envoy's own mirroring adds.
    pub fn ratio(&self, row: &Row) -> Option<Spread> {
        let native = row.scenario.counterpart()?;
        self.paired([&row.scenario.name, &native, "none"], |[ours, native, none]| {
            (ours.cpu_us - none.cpu_us) / (native.cpu_us - none.cpu_us)
        })
    }

    /// What was in doubt, with the scenario and the round.
    pub fn doubts(&self) -> Vec<String> {
        let of_row = |row: &Row| {
            let name = row.scenario.name.clone();
            let rounds = row.samples.iter().enumerate();
            let all = rounds.flat_map(move |(round, sample)| {
                let name = name.clone();
                sample.doubts.iter().map(move |doubt| format!("{name}, round {}: {doubt}", round + 1))
            });
            all.collect::<Vec<_>>()
        };
        self.rows.iter().flat_map(of_row).collect()
    }

    pub fn to_json(&self) -> Value {
        let row = |row: &Row| {
            json!({
                "scenario": row.scenario.name,
                "copies_per_request": row.scenario.copies(),
                "cpu_us": row.spread(|sample| sample.cpu_us),
                "added_us": self.added(&row.scenario.name),
                "ratio": self.ratio(row),
                "p50_us": row.spread(|sample| sample.p50_us),
                "p99_us": row.spread(|sample| sample.p99_us),
                "per_second": row.spread(|sample| sample.per_second),
                "samples": row.samples,
            })
        };
        self.rows.iter().map(row).collect()
    }
}
