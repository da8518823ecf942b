// SPDX-License-Identifier: Apache-2.0
//! The order in which things are measured: in rounds, every scenario once in each, every round beginning elsewhere.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::group::Group;
use crate::h2load;
use crate::measure::{self, Sample};
use crate::rig::Rig;
use crate::scenario::Scenario;
use crate::work::Work;

/// Enough for connections to be there and for V8 to have optimised what is run.
const WARM_UP: u64 = 2000;

/// How a sample is taken.
#[derive(Clone, Copy)]
pub enum Pace {
    Fixed { seconds: f64 },
    Most { seconds: f64 },
}

/// One kind of work under several scenarios.
pub struct Task<'a> {
    pub work: Work,
    pub scenarios: &'a [Scenario],
}

pub async fn warm_up(rig: &Rig, scenarios: &[Scenario], files: &Path) -> Result<()> {
    for scenario in scenarios {
        h2load::count(&Work::MAIN, rig.envoy.address_of(&scenario.name), WARM_UP, files).await?;
    }
    Ok(())
}

/// One group for each task.
pub async fn run(
    rig: &Rig,
    title: &str,
    tasks: &[Task<'_>],
    pace: Pace,
    rounds: u32,
    files: &Path,
) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = tasks.iter().map(|task| Group::of(task.scenarios)).collect();
    let cases: Vec<(usize, usize)> = tasks
        .iter()
        .enumerate()
        .flat_map(|(task, Task { scenarios, .. })| (0..scenarios.len()).map(move |row| (task, row)))
        .collect();
    let start = Instant::now();
    for round in 0..rounds as usize {
        // Strides that are no divisor of the number of cases let each follow upon different ones.
        let mut order = cases.clone();
        order.rotate_left(round * cases.len() / rounds as usize);
        if round % 2 == 1 {
            order.reverse();
        }
        for (task, row) in order {
            let (Some(Task { work, scenarios }), Some(group)) = (tasks.get(task), groups.get_mut(task))
            else {
                continue;
            };
            let (Some(scenario), Some(row)) = (scenarios.get(row), group.rows.get_mut(row)) else { continue };
            row.samples.push(take(rig, scenario, work, pace, files).await?);
        }
        let spent = start.elapsed().as_secs_f64();
        let left = spent / (round + 1) as f64 * (rounds as usize - round - 1) as f64;
        eprintln!("{title}: round {} of {rounds}, {spent:.0} s, {left:.0} s to go", round + 1);
    }
    Ok(groups)
}

async fn take(rig: &Rig, scenario: &Scenario, work: &Work, pace: Pace, files: &Path) -> Result<Sample> {
    let sample = match pace {
        Pace::Fixed { seconds } => measure::at_rate(rig, scenario, work, seconds, files).await?,
        Pace::Most { seconds } => measure::at_most(rig, scenario, work, seconds, files).await?,
    };
    for doubt in &sample.doubts {
        eprintln!("  in doubt: {}: {doubt}", scenario.name);
    }
    Ok(sample)
}
