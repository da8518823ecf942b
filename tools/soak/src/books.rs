// SPDX-License-Identifier: Apache-2.0
//! What has to hold of the filter's metrics and of Envoy's log when everything is at rest.

use anyhow::{Result, ensure};
use harness::{Envoy, Stats};

use crate::report::Section;

/// Waits for rest, then checks for traps, the equations of every mirror, and the gauges. Returns the last statistics.
pub async fn check(section: &mut Section, envoy: &Envoy, repeat: &str) -> Option<Stats> {
    // First, because a module that trapped never comes to rest.
    section.check("the module trapped", envoy.no_traps(), repeat);
    let stats = match envoy.settled().await {
        Ok(stats) => stats,
        Err(error) => {
            section.check("the filter does not come to rest", Err(error), repeat);
            return envoy.stats().await.ok();
        }
    };
    section.check("the books do not add up", stats.check_equations(), repeat);
    section.check("a gauge does not return to 0", gauges(&stats), repeat);
    Some(stats)
}

/// Nothing in flight, nothing held.
pub fn gauges(stats: &Stats) -> Result<()> {
    for gauge in ["shadow_in_flight", "shadow_buffered_bytes"] {
        let value = stats.gauge(gauge, &[]);
        ensure!(value == 0, "{gauge} is {value} at rest:\n{stats}");
    }
    Ok(())
}
