// SPDX-License-Identifier: Apache-2.0
//! How long the filter keeps a worker from its other connections, at the worst that is known.
//!
//! Envoy has one worker. One client sends what costs the filter most, another asks a listener without a filter on the same
//! worker, at a steady rate: it waits for whatever the worker does. Envoy itself says how long each turn of the worker's
//! event loop took.

mod heavy;
mod probe;
mod stage;
mod table;
mod turns;

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use self::heavy::{Done, Heavy};
use self::probe::Waits;
use self::stage::{Case, Stage};
use self::turns::Turns;
use crate::cpu::Placement;
use crate::machine::Machine;

/// Length of a window. Some 5,000 requests of the probe: five are beyond its 99.9th percentile.
const WINDOW: Duration = Duration::from_secs(5);
/// Before the first one, for V8 to optimise what is run.
const WARM_UP: Duration = Duration::from_secs(3);

/// What one case was like in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    pub waits: Waits,
    pub turns: Turns,
    pub done: Done,
}

/// All rounds of one case.
#[derive(Debug, Serialize)]
pub struct Row {
    pub case: &'static str,
    pub samples: Vec<Sample>,
}

#[derive(Debug, Serialize)]
pub struct HoldUp {
    pub machine: Machine,
    pub rows: Vec<Row>,
}

pub async fn measure(rounds: u32, placement: &Placement, machine: Machine) -> Result<HoldUp> {
    let stage = Stage::start(placement).await?;
    let mut rows: Vec<Row> =
        Case::ALL.iter().map(|case| Row { case: case.name(), samples: Vec::new() }).collect();
    for case in Case::ALL {
        window(&stage, case, WARM_UP).await?;
    }
    let start = Instant::now();
    for round in 0..rounds as usize {
        // Each round begins with another case.
        for step in 0..Case::ALL.len() {
            let at = (round + step) % Case::ALL.len();
            if let (Some(case), Some(row)) = (Case::ALL.get(at), rows.get_mut(at)) {
                row.samples.push(window(&stage, *case, WINDOW).await.with_context(|| case.name())?);
            }
        }
        eprintln!("hold-up: round {} of {rounds}, {:.0} s", round + 1, start.elapsed().as_secs_f64());
    }
    stage.has_worked().await?;
    Ok(HoldUp { machine, rows })
}

async fn window(stage: &Stage, case: Case, length: Duration) -> Result<Sample> {
    Turns::begin(&stage.envoy).await?;
    let heavy = stage.listener(case).map(Heavy::start);
    let waits = probe::wait(stage.probe(), length).await?;
    let done = match heavy {
        Some(heavy) => heavy.stop().await?,
        None => Done::default(),
    };
    let turns = Turns::read(&stage.envoy).await?;
    ensure!(waits.count > 0, "the probe was not answered");
    stage.rest().await?;
    Ok(Sample { waits, turns, done })
}

impl HoldUp {
    pub fn print(&self) {
        let Machine { cores, processor, kernel, envoy, placement, .. } = &self.machine;
        println!("{cores} cores of {processor}, Linux {kernel}");
        println!("Envoy {envoy}, 1 worker; {placement}");
        println!("Medians over rounds of {} s, quartiles in brackets; ms.", WINDOW.as_secs());
        println!("\nHow long a client without a mirror waits for an answer that the worker makes itself");
        println!("{}", table::waits(&self.rows));
        println!(
            "\nHow long a turn of the worker's event loop takes, by Envoy (dispatcher.loop_duration_us)"
        );
        println!("{}", table::turns(&self.rows));
        println!("\nMeanwhile, requests a second of the other client");
        println!("{}", table::done(&self.rows, WINDOW));
    }
}
