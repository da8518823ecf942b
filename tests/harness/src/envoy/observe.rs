// SPDX-License-Identifier: Apache-2.0

//! Statistics of a running Envoy: reading them, waiting for them, and the signs of a module that trapped.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, sleep};

use super::{Envoy, PATIENCE, PAUSE};
use crate::stats::Stats;

/// The filter tells Envoy within 1 s what it counted: who has seen no change for longer has seen everything.
const AT_REST: Duration = Duration::from_millis(1_300);
/// Nothing else says so: Envoy has no counter of traps, and a bypassed filter's requests succeed.
const SIGNS_OF_A_TRAP: [&str; 4] = [
    "Function: proxy_on_",
    "panicked at",
    "wasm_fail_stream",
    "Attempted call to restricted proxy-wasm capability",
];

impl Envoy {
    pub async fn stats(&self) -> Result<Stats> {
        let prometheus = self.admin_get("/stats/prometheus?filter=^wasmcustom").await?;
        Stats::parse(&prometheus, &self.admin_get("/stats").await?)
    }

    /// Sets a key of the runtime, in a bootstrap with an admin layer.
    pub async fn set_runtime(&self, key: &str, value: &str) -> Result<()> {
        self.admin.post(&format!("/runtime_modify?{key}={value}")).await?;
        Ok(())
    }

    /// All of `/stats/prometheus`.
    pub async fn prometheus(&self) -> Result<String> {
        self.admin_get("/stats/prometheus").await
    }

    /// Waits until `condition` holds. `what` completes "waited for …"; the error shows the filter's metrics and the log.
    pub async fn await_stats(&self, condition: impl Fn(&Stats) -> bool, what: &str) -> Result<Stats> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let stats = self.stats().await?;
            if condition(&stats) {
                return Ok(stats);
            }
            self.give_up_after(deadline, what, &stats)?;
            sleep(PAUSE).await;
        }
    }

    /// Waits until nothing is in flight and every counter has stood still for longer than the filter may keep a count
    /// to itself.
    pub async fn settled(&self) -> Result<Stats> {
        let deadline = Instant::now() + 3 * PATIENCE;
        let mut last = self.stats().await?;
        let mut since = Instant::now();
        loop {
            sleep(PAUSE * 5).await;
            let now = self.stats().await?;
            let at_rest = now.gauge("shadow_in_flight", &[]) == 0 && now.totals() == last.totals();
            if !at_rest {
                since = Instant::now();
            } else if since.elapsed() > AT_REST {
                return Ok(now);
            }
            self.give_up_after(deadline, "the filter to be at rest", &now)?;
            last = now;
        }
    }

    /// An error if the module trapped, panicked or called what it may not, ever since the start.
    pub fn no_traps(&self) -> Result<()> {
        let signs = self.process.log().lines_with(&SIGNS_OF_A_TRAP);
        if !signs.is_empty() {
            bail!("the module trapped:\n{}", signs.join("\n"));
        }
        Ok(())
    }

    fn give_up_after(&self, deadline: Instant, what: &str, stats: &Stats) -> Result<()> {
        if Instant::now() > deadline {
            bail!(
                "waited for {what} in vain; the filter's metrics:\n{stats}Envoy's log ends:\n{}",
                self.process.log().tail(),
            );
        }
        Ok(())
    }
}
