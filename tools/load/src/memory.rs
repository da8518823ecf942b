// SPDX-License-Identifier: Apache-2.0
//! Resident memory before and after a million requests, each scenario in an Envoy of its own.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::cpu::Placement;
use crate::h2load;
use crate::rig::{Modules, Rig};
use crate::scenario::{Build, Scenario, Wire};
use crate::work::Work;

const WARM_UP: u64 = 20_000;
const REQUESTS: u64 = 1_000_000;

#[derive(Debug, Serialize)]
pub struct Memory {
    pub scenario: String,
    pub started_bytes: u64,
    pub warm_bytes: u64,
    pub requests: u64,
    pub after_bytes: u64,
}

pub async fn measure(
    modules: &Modules,
    workers: u32,
    placement: &Placement,
    files: &Path,
) -> Result<Vec<Memory>> {
    let mut all = Vec::new();
    for scenario in [Scenario::native(Wire::Http2, 1), Scenario::filter(Build::Current, Wire::Http2, 1)] {
        eprintln!("memory: a million requests through {}", scenario.name);
        all.push(of(scenario, modules, workers, placement, files).await?);
    }
    Ok(all)
}

async fn of(
    scenario: Scenario,
    modules: &Modules,
    workers: u32,
    placement: &Placement,
    files: &Path,
) -> Result<Memory> {
    let rig = Rig::start(std::slice::from_ref(&scenario), modules, workers, placement).await?;
    let to = rig.envoy.address_of(&scenario.name);
    let started_bytes = rig.envoy.rss_bytes()?;
    h2load::count(&Work::MAIN, to, WARM_UP, files).await?;
    let warm_bytes = rig.envoy.rss_bytes()?;
    h2load::count(&Work::MAIN, to, REQUESTS, files).await?;
    let counts = rig.counts(&scenario).await?;
    ensure!(
        counts.copies == counts.requests,
        "{} made {} copies of {} requests",
        scenario.name,
        counts.copies,
        counts.requests
    );
    let after_bytes = rig.envoy.rss_bytes()?;
    rig.envoy.no_traps()?;
    Ok(Memory { scenario: scenario.name, started_bytes, warm_bytes, requests: REQUESTS, after_bytes })
}
