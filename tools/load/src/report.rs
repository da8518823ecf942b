// SPDX-License-Identifier: Apache-2.0
//! All that one run found out: printed, written as JSON, judged.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::budget::{self, Verdict};
use crate::group::Group;
use crate::machine::Machine;
use crate::measure::MAX_STRANGERS;
use crate::memory::Memory;
use crate::spread::Spread;
use crate::table;
use crate::work::{Curve, Work};

pub struct Report {
    machine: Machine,
    pub main: Option<Group>,
    pub saturation: Option<Group>,
    /// With a group for each of the curve's points.
    pub curves: Vec<(Curve, Vec<Group>)>,
    pub memory: Vec<Memory>,
}

impl Report {
    pub fn new(machine: Machine) -> Self {
        Self { machine, main: None, saturation: None, curves: Vec::new(), memory: Vec::new() }
    }

    pub fn print(&self) {
        let Machine { cores, processor, kernel, envoy, workers, placement } = &self.machine;
        println!("\n{cores} cores of {processor}, Linux {kernel}");
        println!("Envoy {envoy}, {workers} worker(s); {placement}");
        println!("Medians over rounds, quartiles in brackets.");
        if let Some(main) = &self.main {
            let Work { rate, headers, connections, .. } = Work::MAIN;
            println!("\nGET with {headers} headers, {rate} requests/s over {connections} connections");
            println!("{}", table::main(main, self.saturation.as_ref()));
            println!("At that rate {}.", table::busy(main));
            if let Some(scopes) = table::scopes(main) {
                println!("\nlimits.scope, one copy of each request");
                println!("{scopes}");
            }
            if main.rows.iter().any(|row| row.scenario.name.starts_with("before-")) {
                println!("\nBefore (--compare) and after (these sources)");
                println!("{}", table::before_and_after(main));
            }
        }
        if let Some(saturation) = &self.saturation {
            println!("At most {}.", table::busy(saturation));
        }
        for (curve, groups) in &self.curves {
            let rate = curve.points.first().map_or(0.0, |point| point.work.rate);
            println!("\nBy {}, {rate} requests/s", curve.axis);
            println!("{}", table::curve(curve, groups));
        }
        if !self.memory.is_empty() {
            println!("\nResident memory of Envoy\n{}", table::memory(&self.memory));
        }
        let verdicts = self.verdicts();
        if !verdicts.is_empty() {
            println!("\nBudgets\n{}", table::budgets(&verdicts));
        }
        let doubts = self.doubts();
        if !doubts.is_empty() {
            println!("\nIn doubt:\n  {}", doubts.join("\n  "));
        }
    }

    /// Whether every budget was measured and held, and nothing is in doubt.
    pub fn passes(&self) -> bool {
        let verdicts = self.verdicts();
        !verdicts.is_empty() && verdicts.iter().all(|verdict| verdict.held) && self.doubts().is_empty()
    }

    pub fn write_json(&self, file: &Path) -> Result<()> {
        let curve = |(curve, groups): &(Curve, Vec<Group>)| {
            let points = curve.points.iter().zip(groups);
            let points: Vec<Value> =
                points.map(|(point, group)| json!({"x": point.x, "scenarios": group.to_json()})).collect();
            json!({"name": curve.name, "axis": curve.axis, "points": points})
        };
        let report = json!({
            "machine": self.machine,
            "main": self.main.as_ref().map(Group::to_json),
            "saturation": self.saturation.as_ref().map(Group::to_json),
            "curves": self.curves.iter().map(curve).collect::<Vec<_>>(),
            "memory": self.memory,
            "budgets": self.verdicts(),
            "doubts": self.doubts(),
        });
        let text = serde_json::to_string_pretty(&report)?;
        fs::write(file, text).with_context(|| format!("write {}", file.display()))
    }

    fn verdicts(&self) -> Vec<Verdict> {
        self.main.as_ref().map(budget::judge).unwrap_or_default()
    }

    fn doubts(&self) -> Vec<String> {
        let curves = self.curves.iter().flat_map(|(_, groups)| groups);
        let groups = self.main.iter().chain(&self.saturation).chain(curves);
        let noise = self.main.iter().filter_map(noise);
        noise.chain(groups.flat_map(Group::doubts)).collect()
    }
}

fn noise(group: &Group) -> Option<String> {
    let samples = group.rows.iter().flat_map(|row| &row.samples);
    let strangers = Spread::of(samples.map(|sample| sample.strangers_busy)).median;
    (strangers > MAX_STRANGERS).then(|| {
        format!("the machine is not quiet: other processes took {:.0} % of a core", strangers * 100.0)
    })
}
