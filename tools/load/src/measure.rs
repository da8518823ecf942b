// SPDX-License-Identifier: Apache-2.0
//! One measurement, and what has to hold for it to mean something: the rate was reached, and every copy was sent.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::cpu;
use crate::h2load::{self, Run};
use crate::rig::{Counts, Rig};
use crate::scenario::Scenario;
use crate::work::Work;

/// How much of the offered rate must have been reached.
const MIN_RATE: f64 = 0.97;
/// How much of the time (h2load's start and end included) Envoy's workers must have had work: else what they did was not
/// the most that they can do.
const MIN_WORKERS: f64 = 0.8;
/// How busy the processors of load generator and upstreams may be before they are in the way.
const MAX_OTHERS: f64 = 0.85;
/// How much of a processor others may take before the machine is not quiet.
pub const MAX_STRANGERS: f64 = 0.15;
/// How far from its mean chance may be, in standard deviations.
const CHANCE: f64 = 5.0;
/// Envoy's name for its workers' threads.
const WORKER: &str = "wrk:worker";

#[derive(Clone, Debug, Default, Serialize)]
pub struct Sample {
    /// Processor time of the Envoy process for each request.
    pub cpu_us: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub requests: u64,
    pub offered_per_second: f64,
    pub per_second: f64,
    pub copies: u64,
    /// Share of one processor that Envoy's workers took, on average of the workers.
    pub worker_busy: f64,
    /// Likewise the time in which they could have run, but others ran.
    pub worker_waiting: f64,
    /// Share of one processor.
    pub h2load_busy: f64,
    pub nginx_busy: f64,
    /// Of processes that are none of these, in processors: the noise of the machine.
    pub strangers_busy: f64,
    /// What was not as it should be.
    pub doubts: Vec<String>,
}

/// At the fixed rate of the work.
pub async fn at_rate(
    rig: &Rig,
    scenario: &Scenario,
    work: &Work,
    seconds: f64,
    files: &Path,
) -> Result<Sample> {
    let to = rig.envoy.address_of(&scenario.name);
    let (mut sample, run) = watched(rig, scenario, work, h2load::at_rate(work, to, seconds, files)).await?;
    sample.offered_per_second = work.rate;
    sample.per_second = run.steady_per_second;
    sample.p50_us = run.latency(50);
    sample.p99_us = run.latency(99);
    let reached = sample.per_second / work.rate;
    if reached < MIN_RATE {
        sample.doubts.push(format!("only {:.0} % of the offered rate was reached", reached * 100.0));
    }
    Ok(sample)
}

/// As fast as Envoy can.
pub async fn at_most(
    rig: &Rig,
    scenario: &Scenario,
    work: &Work,
    seconds: f64,
    files: &Path,
) -> Result<Sample> {
    let to = rig.envoy.address_of(&scenario.name);
    let (mut sample, run) = watched(rig, scenario, work, h2load::at_most(work, to, seconds, files)).await?;
    sample.per_second = run.per_second;
    let wanted = sample.worker_busy + sample.worker_waiting;
    if wanted < MIN_WORKERS {
        sample.doubts.push(format!("Envoy's workers had work for only {:.0} % of the time", wanted * 100.0));
    }
    Ok(sample)
}

async fn watched(
    rig: &Rig,
    scenario: &Scenario,
    work: &Work,
    load: impl Future<Output = Result<Run>>,
) -> Result<(Sample, Run)> {
    let before = rig.counts(scenario).await?;
    let start = Times::now(rig)?;
    let run = load.await.with_context(|| format!("measure {} under {work:?}", scenario.name))?;
    let spent = Times::now(rig)?.since(&start);
    let counts = rig.counts(scenario).await?.since(before);
    let of_wall = |time: Duration| time.as_secs_f64() / spent.wall.as_secs_f64();
    let mut sample = Sample {
        cpu_us: spent.envoy.as_secs_f64() * 1e6 / counts.requests as f64,
        requests: counts.requests,
        copies: counts.copies,
        worker_busy: of_wall(spent.workers) / f64::from(rig.workers()),
        worker_waiting: of_wall(spent.waiting) / f64::from(rig.workers()),
        h2load_busy: of_wall(spent.h2load),
        nginx_busy: of_wall(spent.nginx),
        strangers_busy: of_wall(spent.machine.saturating_sub(spent.envoy + spent.nginx + spent.h2load)),
        ..Sample::default()
    };
    sample.doubts.extend(copies_missing(scenario, work, counts));
    let others = (sample.h2load_busy + sample.nginx_busy) / rig.placement.others() as f64;
    if others > MAX_OTHERS {
        let percent = others * 100.0;
        sample.doubts.push(format!("load generator and upstreams took {percent:.0} % of their processors"));
    }
    Ok((sample, run))
}

fn copies_missing(scenario: &Scenario, work: &Work, counts: Counts) -> Option<String> {
    let requests = counts.requests as f64;
    let expected = requests * scenario.copies();
    let share = scenario.copies().fract();
    // A request that the load generator cuts off at the end may leave no copy.
    let cut_off = work.connections as f64 * scenario.copies().ceil();
    let chance = match scenario.is_sampled() {
        true => CHANCE * (requests * share * (1.0 - share)).sqrt(),
        false => 0.0,
    };
    let off = (counts.copies as f64 - expected).abs();
    if counts.overflow > 0 {
        return Some(format!("circuit breakers refused {} copies", counts.overflow));
    }
    (off > cut_off + chance)
        .then(|| format!("{} copies of {} requests, expected {expected:.0}", counts.copies, counts.requests))
}

/// Who had used how much of the processors, at one moment.
struct Times {
    at: Instant,
    envoy: Duration,
    workers: Duration,
    waiting: Duration,
    nginx: Duration,
    h2load: Duration,
    machine: Duration,
}

struct Spent {
    wall: Duration,
    envoy: Duration,
    workers: Duration,
    waiting: Duration,
    nginx: Duration,
    h2load: Duration,
    machine: Duration,
}

impl Times {
    fn now(rig: &Rig) -> Result<Self> {
        let envoy = rig.envoy.pid();
        let (workers, waiting) = cpu::of_threads(envoy, WORKER)?;
        Ok(Self {
            at: Instant::now(),
            envoy: cpu::of_process(envoy)?,
            workers,
            waiting,
            nginx: cpu::of_process(rig.primary.pid())? + cpu::of_process(rig.shadow.pid())?,
            h2load: cpu::of_ended_children()?,
            machine: cpu::of_machine()?,
        })
    }

    fn since(&self, before: &Self) -> Spent {
        Spent {
            wall: self.at - before.at,
            envoy: self.envoy - before.envoy,
            workers: self.workers - before.workers,
            waiting: self.waiting - before.waiting,
            nginx: self.nginx - before.nginx,
            h2load: self.h2load - before.h2load,
            machine: self.machine - before.machine,
        }
    }
}
