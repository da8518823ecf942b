// SPDX-License-Identifier: Apache-2.0
//! What mirroring costs Envoy: shadow-filter and Envoy's own, side by side.
//!
//! What is compared is processor time of the Envoy process for each request, latency at the client, and requests per second
//! at most, for the same load on listeners of the same Envoy. h2load makes the load, nginx answers it.

mod budget;
mod cpu;
mod group;
mod h2load;
mod hold_up;
mod machine;
mod measure;
mod memory;
mod nginx;
mod options;
mod plot;
mod report;
mod rig;
mod rounds;
mod scenario;
mod spread;
mod table;
mod work;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;

use self::cpu::Placement;
use self::machine::Machine;
use self::options::{Options, Part};
use self::report::Report;
use self::rig::{Modules, Rig};
use self::rounds::{Pace, Task};
use self::scenario::Scenario;
use self::work::{Curve, Work};

// One thread: all processes that this one starts inherit the processors it is pinned to, and live no longer than it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    if options.hold_up {
        return hold_up(&options).await;
    }
    h2load::require()?;
    let scenarios = chosen(&options)?;
    let modules = Modules::build(options.compare.clone())?;
    let placement = Placement::for_workers(options.workers as usize)?;
    let machine = Machine::describe(options.workers, &placement);
    placement.pin_self()?;
    let mut report = Report::new(machine);
    let files = tempfile::Builder::new().prefix("shadow-filter-load-").tempdir()?;

    measure(&options, &scenarios, &modules, &placement, files.path(), &mut report).await?;

    report.print();
    if let Some(file) = &options.json {
        report.write_json(file)?;
    }
    if let Some(file) = &options.plot {
        plot::draw(&report, file)?;
    }
    Ok(if options.check && !report.passes() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn hold_up(options: &Options) -> Result<ExitCode> {
    // Before anything is pinned, and while nothing is measured.
    harness::wasm::module()?;
    let placement = Placement::for_workers(1)?;
    let machine = Machine::describe(1, &placement);
    placement.pin_self()?;
    let result = hold_up::measure(options.rounds(), &placement, machine).await?;
    result.print();
    if let Some(file) = &options.json {
        std::fs::write(file, serde_json::to_string_pretty(&result)?)
            .with_context(|| format!("write {}", file.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    options: &Options,
    scenarios: &[Scenario],
    modules: &Modules,
    placement: &Placement,
    files: &Path,
    report: &mut Report,
) -> Result<()> {
    let curves = match options.measures(Part::Curves) {
        true => Curve::all(options.compare.is_some()),
        false => Vec::new(),
    };
    let mut listeners = scenarios.to_vec();
    for scenario in curves.iter().flat_map(|curve| &curve.points).flat_map(|point| &point.scenarios) {
        if !listeners.contains(scenario) {
            listeners.push(scenario.clone());
        }
    }
    eprintln!("starting Envoy with {} listeners, and nginx", listeners.len());
    let rig = Rig::start(&listeners, modules, options.workers, placement).await?;
    rounds::warm_up(&rig, &listeners, files).await?;

    let main = [Task { work: Work::MAIN, scenarios }];
    if options.measures(Part::Main) {
        let pace = Pace::Fixed { seconds: options.seconds() };
        report.main = rounds::run(&rig, "main", &main, pace, options.rounds(), files).await?.pop();
    }
    if options.measures(Part::Saturation) {
        let pace = Pace::Most { seconds: 1.5 };
        report.saturation =
            rounds::run(&rig, "saturation", &main, pace, options.rounds().min(3), files).await?.pop();
    }
    let points = curves.iter().flat_map(|curve| &curve.points);
    let tasks: Vec<Task> =
        points.map(|point| Task { work: point.work, scenarios: &point.scenarios }).collect();
    if !tasks.is_empty() {
        let pace = Pace::Fixed { seconds: 1.2 };
        let mut groups = rounds::run(&rig, "curves", &tasks, pace, options.rounds().min(3), files).await?;
        for curve in curves {
            let rest = groups.split_off(curve.points.len());
            report.curves.push((curve, std::mem::replace(&mut groups, rest)));
        }
    }
    rig.envoy.no_traps()?;
    drop(rig);

    if options.measures(Part::Memory) {
        report.memory = memory::measure(modules, options.workers, placement, files).await?;
    }
    Ok(())
}

/// The scenarios of the main table that were asked for, and those that they are measured against.
fn chosen(options: &Options) -> Result<Vec<Scenario>> {
    let all = Scenario::main(options.compare.is_some());
    for only in &options.only {
        if !all.iter().any(|scenario| scenario.name.starts_with(only)) {
            let names: Vec<&str> = all.iter().map(|scenario| &*scenario.name).collect();
            bail!("--only {only}: no such scenario; there are {}", names.join(", "));
        }
    }
    let wanted = |scenario: &Scenario| {
        let name = scenario.name.replacen("before-", "filter-", 1);
        let named = |only: &String| scenario.name.starts_with(only) || name.starts_with(only);
        options.only.is_empty() || scenario.is_reference() || options.only.iter().any(named)
    };
    Ok(all.into_iter().filter(wanted).collect())
}
