// SPDX-License-Identifier: Apache-2.0
//! The filter's metrics at one moment, or what they grew by between two. Owns their form on disk and their differences.

mod json;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::series::{Labels, Metric};
use super::statistics::{Bucket, Histogram};
use super::tally::{Counts, Side, Tally};

/// One number of the filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub metric: Metric,
    pub labels: Labels,
    /// Of a histogram, the ends of a bucket in microseconds; the highest may have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<(u64, Option<u64>)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading(BTreeMap<Key, f64>);

impl Reading {
    /// Reads what an Envoy says at `/stats/prometheus` or at `/stats?format=json`, whichever it is.
    pub fn parse(answer: &str) -> Result<Self> {
        if answer.trim_start().starts_with('{') { json::parse(answer) } else { Ok(text::parse(answer)) }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn add(&mut self, key: Key, value: f64) {
        *self.0.entry(key).or_default() += value;
    }

    /// Takes another in, such as that of another Envoy.
    pub fn merge(&mut self, other: &Self) {
        for (key, value) in &other.0 {
            self.add(key.clone(), *value);
        }
    }

    /// What was counted since an earlier reading of the same Envoy, and whether Envoy began anew in between: what it has
    /// now was counted since then.
    pub fn since(&self, earlier: &Self) -> (Self, bool) {
        let shrank = |(key, value): (&Key, &f64)| {
            !key.metric.is_gauge() && *value > self.0.get(key).copied().unwrap_or(0.0)
        };
        if earlier.0.iter().any(shrank) {
            return (self.clone(), true);
        }
        let less = |(key, value): (&Key, &f64)| {
            let before = if key.metric.is_gauge() { 0.0 } else { earlier.0.get(key).copied().unwrap_or(0.0) };
            (key.clone(), value - before)
        };
        (Self(self.0.iter().map(less).collect()), false)
    }

    pub fn mirrors(&self) -> BTreeSet<String> {
        self.0.keys().filter_map(|key| key.labels.get("mirror").cloned()).collect()
    }

    /// Copies that were sent, of all mirrors.
    pub fn sent(&self) -> u64 {
        self.0.iter().filter(|(key, _)| key.metric == Metric::Sent).map(|(_, value)| whole(*value)).sum()
    }

    /// The numbers of one mirror. An error if its histograms came in buckets that do not fit each other.
    pub fn tally(&self, mirror: &str) -> Result<Tally> {
        let by = |metric: Metric, label: &str, also: Option<(&str, &str)>| -> Counts {
            let mut counts = Counts::new();
            for (key, value) in self.of(mirror, metric) {
                let fits =
                    also.is_none_or(|(key_of, wanted)| key.labels.get(key_of).is_some_and(|is| is == wanted));
                if let Some(name) = key.labels.get(label).filter(|_| fits) {
                    *counts.entry(name.clone()).or_default() += whole(*value);
                }
            }
            counts
        };
        let sum = |metric: Metric| self.of(mirror, metric).map(|(_, value)| whole(*value)).sum();
        let side = |name: &str| -> Result<Side> {
            Ok(Side {
                classes: by(Metric::Responses, "class", Some(("side", name))),
                durations: self.durations(mirror, name)?,
            })
        };
        Ok(Tally {
            mirror: mirror.to_owned(),
            requests: sum(Metric::Requests),
            sent: sum(Metric::Sent),
            skipped: by(Metric::Skipped, "reason", None),
            failed: by(Metric::Failed, "reason", None),
            primary: side("primary")?,
            shadow: side("shadow")?,
            comparisons: by(Metric::Comparisons, "result", None),
            differences: by(Metric::Differences, "kind", None),
            in_flight: sum(Metric::InFlight),
            breaker_open: sum(Metric::BreakerOpen),
        })
    }

    fn of(&self, mirror: &str, metric: Metric) -> impl Iterator<Item = (&Key, &f64)> {
        let is = move |key: &Key| key.labels.get("mirror").is_some_and(|name| name == mirror);
        self.0.iter().filter(move |(key, _)| key.metric == metric && is(key))
    }

    fn durations(&self, mirror: &str, side: &str) -> Result<Histogram> {
        let mut counts: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for (key, value) in self.of(mirror, Metric::Duration) {
            let of_side = key.labels.get("side").is_some_and(|name| name == side);
            if let Some((lower, upper)) = key.bucket.filter(|_| of_side) {
                *counts.entry((lower, upper.unwrap_or(u64::MAX))).or_default() += whole(*value);
            }
        }
        let ends = |micros: u64| if micros == u64::MAX { f64::INFINITY } else { micros as f64 / 1000.0 };
        let mut reached = 0;
        let mut buckets = Vec::new();
        for ((lower, upper), count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            if lower < reached {
                bail!(
                    "the histograms of mirror {mirror} came in different buckets, and cannot be added up; give every Envoy \
                     the same histogram_bucket_settings, or ask for a verdict on each"
                );
            }
            reached = upper;
            buckets.push(Bucket { lower: ends(lower), upper: ends(upper), count });
        }
        Ok(Histogram { buckets, beyond: 0 })
    }
}

/// Prometheus' increase is seldom whole. Sums of what no filter has ever counted are no numbers to trip over.
fn whole(value: f64) -> u64 {
    const MOST: f64 = (1_u64 << 50) as f64;
    value.clamp(0.0, MOST).round() as u64
}

/// Buckets as Prometheus counts them, each with all below it, become buckets with ends. `series` gives for each label set its
/// upper ends in milliseconds and counts.
pub fn add_cumulative(reading: &mut Reading, labels: &Labels, mut ends: Vec<(f64, f64)>) {
    ends.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut lower, mut below) = (0, 0.0_f64);
    for (end, count) in ends {
        let upper = end.is_finite().then(|| micros(end));
        let bucket = Some((lower, upper));
        // Prometheus' increase may let a bucket shrink by a hair.
        reading
            .add(Key { metric: Metric::Duration, labels: labels.clone(), bucket }, (count - below).max(0.0));
        lower = upper.unwrap_or(u64::MAX);
        below = below.max(count);
    }
}

pub(super) fn micros(milliseconds: f64) -> u64 {
    (milliseconds * 1000.0).round() as u64
}

#[derive(Serialize, Deserialize)]
struct Number {
    #[serde(flatten)]
    key: Key,
    value: f64,
}

impl Serialize for Reading {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| Number { key: key.clone(), value: *value }))
    }
}

impl<'de> Deserialize<'de> for Reading {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let numbers = Vec::<Number>::deserialize(deserializer)?;
        Ok(Self(numbers.into_iter().map(|number| (number.key, number.value)).collect()))
    }
}
