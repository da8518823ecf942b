// SPDX-License-Identifier: Apache-2.0
//! What is measured: one Envoy, rendered from the shipped bootstrap, with a listener for each scenario; a primary and a
//! shadow.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use harness::{Bootstrap, Envoy, Stats, wasm};
use tokio::time::sleep;

use crate::cpu::Placement;
use crate::nginx::Nginx;
use crate::scenario::{Build, Mirroring, Scenario, Wire};

const PATIENCE: Duration = Duration::from_secs(5);
/// How often, and how long apart, counts are looked at that should stand still.
const LOOKS: usize = 3;
const PAUSE: Duration = Duration::from_millis(10);

/// The modules that listeners may run.
#[derive(Clone)]
pub struct Modules {
    current: PathBuf,
    idle: PathBuf,
    before: Option<PathBuf>,
}

pub struct Rig {
    pub envoy: Envoy,
    pub primary: Nginx,
    pub shadow: Nginx,
    pub placement: Placement,
    workers: u32,
}

/// What Envoy counted so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Requests of the scenario's listener.
    pub requests: u64,
    /// Copies that were sent to either shadow cluster.
    pub copies: u64,
    /// Copies that the clusters' circuit breakers refused.
    pub overflow: u64,
    /// Copies on their way.
    active: u64,
}

impl Modules {
    /// Builds what is not built. Before anything is pinned: compilers like all processors.
    pub fn build(before: Option<PathBuf>) -> Result<Self> {
        if let Some(before) = before.as_ref().filter(|before| !before.is_file()) {
            bail!("--compare {}: no such file; cargo wasm builds one", before.display());
        }
        Ok(Self { current: wasm::module()?, idle: wasm::idle()?, before })
    }
}

impl Rig {
    pub async fn start(
        scenarios: &[Scenario],
        modules: &Modules,
        workers: u32,
        placement: &Placement,
    ) -> Result<Self> {
        let (primary, shadow) = (Nginx::start()?, Nginx::start()?);
        let mut bootstrap = Bootstrap::shipped()
            .concurrency(workers)
            .log_level("warning")
            .module(&modules.current)
            .primary(primary.http1)
            .cluster(Wire::Http1.cluster(), shadow.http1)
            .cluster_http2(Wire::Http2.cluster(), shadow.http2)
            // Nothing of Envoy's own shall fall into some measurements and not into others. Counters are read live.
            .stats_flush_seconds(299)
            .max_headers(200);
        for scenario in scenarios {
            bootstrap = listener(bootstrap, scenario, modules)?;
        }
        let envoy = Envoy::start(bootstrap).await?;
        placement.pin_envoy(envoy.pid())?;
        Ok(Self { envoy, primary, shadow, placement: placement.clone(), workers })
    }

    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// What Envoy counted, once no copy is on its way.
    pub async fn counts(&self, scenario: &Scenario) -> Result<Counts> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = self.counts_now(scenario).await?;
        let mut looks = 0;
        // A copy that waits in the filter for its tick is not active yet.
        while looks < LOOKS {
            if Instant::now() > deadline {
                bail!("copies still left {} s after the last request: {last:?}", PATIENCE.as_secs());
            }
            sleep(PAUSE).await;
            let now = self.counts_now(scenario).await?;
            looks = if now == last && now.active == 0 { looks + 1 } else { 0 };
            last = now;
        }
        Ok(last)
    }

    async fn counts_now(&self, scenario: &Scenario) -> Result<Counts> {
        let text = self.envoy.admin_get("/stats?filter=downstream_rq_total").await?
            + &self.envoy.admin_get("/stats?filter=upstream_rq_").await?;
        Ok(Counts::of(&Stats::parse("", &text)?, scenario))
    }
}

impl Counts {
    fn of(stats: &Stats, scenario: &Scenario) -> Self {
        let clusters = |counter: &str| {
            let name = |wire: Wire| format!("cluster.{}.{counter}", wire.cluster());
            Wire::BOTH.iter().map(|wire| stats.envoy(&name(*wire))).sum()
        };
        Self {
            requests: stats.envoy(&format!("http.{}.downstream_rq_total", scenario.name)),
            copies: clusters("upstream_rq_total"),
            overflow: clusters("upstream_rq_pending_overflow"),
            active: clusters("upstream_rq_active"),
        }
    }

    pub fn since(self, before: Self) -> Self {
        Self {
            requests: self.requests - before.requests,
            copies: self.copies - before.copies,
            overflow: self.overflow - before.overflow,
            active: self.active,
        }
    }
}

fn listener(bootstrap: Bootstrap, scenario: &Scenario, modules: &Modules) -> Result<Bootstrap> {
    let name = &scenario.name;
    Ok(match scenario.mirroring {
        Mirroring::None => bootstrap.unfiltered_listener(name, &[]),
        Mirroring::Native { wire, mirrors } => {
            bootstrap.unfiltered_listener(name, &vec![wire.cluster(); mirrors])
        }
        Mirroring::Idle => bootstrap.extra_listener(name, "{}").module_on(name, &modules.idle),
        Mirroring::Filter { build: Build::Current, .. } => bootstrap.extra_listener(name, scenario.plugin()),
        Mirroring::Filter { build: Build::Before, .. } => {
            let module = modules.before.as_ref().context("--compare names the other module")?;
            bootstrap.extra_listener(name, scenario.plugin()).module_on(name, module)
        }
    })
}
