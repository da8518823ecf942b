// SPDX-License-Identifier: Apache-2.0
//! What Envoy says of the turns of its worker's event loop.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use harness::Envoy;
use serde::Serialize;
use tokio::time::sleep;

/// Until then Envoy has merged what it flushed.
const MERGED: Duration = Duration::from_millis(200);
const STATS: &str = "/stats?filter=worker_0.dispatcher.loop_duration_us";

/// In milliseconds, of the time since the look before. Envoy has two digits of each.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Turns {
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Turns {
    /// Begins a new time: the bootstrap has Envoy flush statistics when it is asked for them.
    pub async fn begin(envoy: &Envoy) -> Result<()> {
        envoy.admin_get(STATS).await.map(drop)
    }

    /// Of the time that was begun.
    pub async fn read(envoy: &Envoy) -> Result<Self> {
        // What a look flushes is merged after its answer.
        Self::begin(envoy).await?;
        sleep(MERGED).await;
        let text = envoy.admin_get(STATS).await?;
        let line = text
            .lines()
            .find(|line| line.contains("loop_duration_us: "))
            .with_context(|| format!("no turns of the event loop in {text:?}"))?;
        let at = |name| quantile(line, name).ok_or_else(|| anyhow!("no {name} in {line}"));
        Ok(Self { p50: at("P50")?, p99: at("P99")?, p999: at("P99.9")?, max: at("P100")? })
    }
}

/// `P50(1.5,2.3)`: in this interval, and ever since.
fn quantile(line: &str, name: &str) -> Option<f64> {
    let values = line.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('('))?;
    let micros: f64 = values.split(',').next()?.parse().ok()?;
    Some(micros / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_interval() {
        let line = "a.loop_duration_us: P0(1,2) P50(1500,3) P99(nan,4) P99.9(27.5,5) P100(30,6)";
        assert_eq!(quantile(line, "P50"), Some(1.5));
        assert_eq!(quantile(line, "P99.9"), Some(0.0275));
        assert!(quantile(line, "P99").is_some_and(f64::is_nan));
        assert_eq!(quantile(line, "P95"), None);
    }
}
