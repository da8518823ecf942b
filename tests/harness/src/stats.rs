// SPDX-License-Identifier: Apache-2.0

//! What Envoy counted at one moment: the filter's metrics by the labels that Prometheus shows, Envoy's own by their
//! names. Owns looking them up and the equations of a mirror; refuses to wait for anything.

mod equations;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result};
use exposition::Sample;

/// A snapshot of Envoy's statistics.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// The filter's, as in Prometheus' text.
    shadow: Vec<Sample>,
    /// All counters and gauges by Envoy's names.
    envoy: BTreeMap<String, u64>,
}

/// A histogram, or several added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub count: u64,
    pub sum: f64,
    /// Upper bound (the last is infinite) and how many values are not above it, as Prometheus counts.
    pub buckets: Vec<(f64, u64)>,
}

impl Stats {
    /// Reads the answers of `/stats/prometheus` and `/stats`. Either may be empty.
    pub fn parse(prometheus: &str, names: &str) -> Result<Self> {
        let shadow = prometheus
            .lines()
            .filter(|line| line.starts_with("shadow_"))
            .map(|line| Sample::parse(line).with_context(|| format!("not a sample: {line}")))
            .collect::<Result<_>>()?;
        let envoy = names
            .lines()
            .filter_map(|line| line.rsplit_once(": "))
            .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
            .collect();
        Ok(Self { shadow, envoy })
    }

    /// A counter or gauge of the filter: the sum over all label sets that contain `labels`, 0 if there is none.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.matching(name, labels).map(|sample| sample.value as u64).sum()
    }

    /// The same under the name that fits a gauge.
    pub fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.counter(name, labels)
    }

    /// Whether there is such a metric, be it 0.
    pub fn exists(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let count = format!("{name}_count");
        self.matching(name, labels).next().is_some() || self.matching(&count, labels).next().is_some()
    }

    /// A histogram of the filter, added up over all label sets that contain `labels`.
    pub fn histogram(&self, name: &str, labels: &[(&str, &str)]) -> Histogram {
        let total = |suffix: &str| -> f64 {
            let name = format!("{name}_{suffix}");
            self.matching(&name, labels).map(|sample| sample.value).sum()
        };
        let mut buckets: Vec<(f64, u64)> = Vec::new();
        for sample in self.matching(&format!("{name}_bucket"), labels) {
            let bound = match sample.labels.get("le").map(String::as_str) {
                Some("+Inf") | None => f64::INFINITY,
                Some(bound) => bound.parse().unwrap_or(f64::NAN),
            };
            match buckets.iter_mut().find(|(known, _)| *known == bound) {
                Some((_, count)) => *count += sample.value as u64,
                None => buckets.push((bound, sample.value as u64)),
            }
        }
        buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        Histogram { count: total("count") as u64, sum: total("sum"), buckets }
    }

    /// A counter or gauge by Envoy's name, as `cluster.shadow.upstream_rq_total`; 0 if there is none.
    pub fn envoy(&self, name: &str) -> u64 {
        self.envoy.get(name).copied().unwrap_or(0)
    }

    /// The mirrors that have any metric.
    pub fn mirrors(&self) -> BTreeSet<&str> {
        self.shadow.iter().filter_map(|sample| sample.labels.get("mirror").map(String::as_str)).collect()
    }

    /// Why a mirror made no copy, and how often; only what happened.
    pub fn skipped(&self, mirror: &str) -> BTreeMap<String, u64> {
        self.by_reason("shadow_skipped_total", mirror)
    }

    /// How a mirror's copies failed, and how often; only what happened.
    pub fn failed(&self, mirror: &str) -> BTreeMap<String, u64> {
        self.by_reason("shadow_failed_total", mirror)
    }

    /// Whether every mirror's counters add up, which they do at rest.
    pub fn check_equations(&self) -> Result<()> {
        equations::check(self)
    }

    fn by_reason(&self, name: &str, mirror: &str) -> BTreeMap<String, u64> {
        let mut reasons = BTreeMap::new();
        for sample in self.matching(name, &[("mirror", mirror)]) {
            if let Some(reason) = sample.labels.get("reason").filter(|_| sample.value > 0.0) {
                *reasons.entry(reason.clone()).or_default() += sample.value as u64;
            }
        }
        reasons
    }

    fn matching(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Sample> {
        self.shadow.iter().filter(move |sample| sample.name == name && sample.has(labels))
    }

    /// What has to stand still for the filter to be at rest: everything but gauges.
    pub(crate) fn totals(&self) -> Vec<&Sample> {
        let counts = |sample: &&Sample| sample.name.ends_with("_total") || sample.name.ends_with("_count");
        self.shadow.iter().filter(counts).collect()
    }
}

/// The filter's metrics, one a line, without the buckets of histograms.
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sample in self.shadow.iter().filter(|sample| !sample.name.ends_with("_bucket")) {
            writeln!(f, "  {sample}")?;
        }
        Ok(())
    }
}
