// SPDX-License-Identifier: Apache-2.0
//! The filter's metrics at one moment, or what they grew by between two. Owns their form on disk and their differences.

mod json;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::series::{CLUSTER, Labels, Metric};
use super::statistics::{Bucket, Histogram};
use super::tally::{CONTROL, Counts, Side, Tally};

/// One number of the filter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    pub metric: Metric,
    pub labels: Labels,
    /// Of a histogram, the ends of a bucket in microseconds or per cent; the highest may have none.
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

    /// Whether the filter has no metric.
    pub fn is_empty(&self) -> bool {
        self.0.keys().all(|key| key.metric == Metric::Retries)
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

    /// Keeps the retries of those clusters alone that are `repeated` by routes and not by mirrors; of none if that is not known.
    pub fn keep_retries_of_routes(&mut self, by_mirrors: Option<&BTreeSet<String>>) {
        let by_route = |key: &Key| {
            let cluster = key.labels.get(CLUSTER);
            by_mirrors.is_some_and(|clusters| cluster.is_some_and(|cluster| !clusters.contains(cluster)))
        };
        self.0.retain(|key, _| key.metric != Metric::Retries || by_route(key));
    }

    /// How often routes repeated a request.
    fn repeated(&self) -> u64 {
        let retries = self.0.iter().filter(|(key, _)| key.metric == Metric::Retries);
        retries.map(|(_, value)| whole(*value)).sum()
    }

    /// Copies that were sent, of all mirrors.
    pub fn sent(&self) -> u64 {
        self.0.iter().filter(|(key, _)| key.metric == Metric::Sent).map(|(_, value)| whole(*value)).sum()
    }

    /// Plugins whose configuration is invalid.
    pub fn invalid_plugins(&self) -> Vec<String> {
        let invalid =
            self.0.iter().filter(|(key, value)| key.metric == Metric::ConfigInvalid && **value > 0.0);
        invalid.map(|(key, _)| key.labels.get("plugin").cloned().unwrap_or_default()).collect()
    }

    /// The numbers of one mirror and of its control. An error if its histograms came in buckets that do not fit each other.
    pub fn tally(&self, mirror: &str) -> Result<Tally> {
        let control = format!("{mirror}{CONTROL}");
        // Without tag rules Prometheus' alphabet leaves no hyphen.
        let names = [control.clone(), control.replace('-', "_")];
        let name = self.mirrors().into_iter().find(|name| names.contains(name) && name != mirror);
        let control = name.map(|name| self.tally_of(&name)).transpose()?;
        Ok(Tally { control: control.map(Box::new), repeated: self.repeated(), ..self.tally_of(mirror)? })
    }

    fn tally_of(&self, mirror: &str) -> Result<Tally> {
        let by = |metric: Metric, label: &str, side: Option<&str>| -> Counts {
            let mut counts = Counts::new();
            for (key, value) in self.of(mirror, metric) {
                let fits = side.is_none_or(|side| key.labels.get("side").is_some_and(|is| is == side));
                if let Some(name) = key.labels.get(label).filter(|_| fits) {
                    *counts.entry(name.clone()).or_default() += whole(*value);
                }
            }
            counts
        };
        let sum = |metric: Metric| self.of(mirror, metric).map(|(_, value)| whole(*value)).sum();
        let side = |name: &str| -> Result<Side> {
            Ok(Side {
                classes: by(Metric::Responses, "class", Some(name)),
                grpc: by(Metric::GrpcResponses, "status", Some(name)),
                durations: self.histogram(mirror, Metric::Duration, Some(name))?,
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
            slowdown: self.histogram(mirror, Metric::Slowdown, None)?,
            comparisons: by(Metric::Comparisons, "result", None),
            differences: by(Metric::Differences, "kind", None),
            in_flight: sum(Metric::InFlight),
            breaker_open: sum(Metric::BreakerOpen),
            repeated: 0,
            control: None,
        })
    }

    fn of(&self, mirror: &str, metric: Metric) -> impl Iterator<Item = (&Key, &f64)> {
        let is = move |key: &Key| key.labels.get("mirror").is_some_and(|name| name == mirror);
        self.0.iter().filter(move |(key, _)| key.metric == metric && is(key))
    }

    /// In milliseconds, or in times.
    fn histogram(&self, mirror: &str, metric: Metric, side: Option<&str>) -> Result<Histogram> {
        let mut counts: BTreeMap<(u64, u64), u64> = BTreeMap::new();
        for (key, value) in self.of(mirror, metric) {
            let of_side = side.is_none_or(|side| key.labels.get("side").is_some_and(|name| name == side));
            if let Some((lower, upper)) = key.bucket.filter(|_| of_side) {
                *counts.entry((lower, upper.unwrap_or(u64::MAX))).or_default() += whole(*value);
            }
        }
        let unit = if metric == Metric::Slowdown { 100.0 } else { 1000.0 };
        let ends = |end: u64| if end == u64::MAX { f64::INFINITY } else { end as f64 / unit };
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
/// upper ends and counts; `unit` is that of the ends, in microseconds.
pub fn add_cumulative(
    reading: &mut Reading,
    metric: Metric,
    labels: &Labels,
    unit: u32,
    mut ends: Vec<(f64, f64)>,
) {
    ends.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut lower, mut below) = (0, 0.0_f64);
    for (end, count) in ends {
        let upper = end.is_finite().then(|| (end_of_bin(end) * f64::from(unit)).round() as u64);
        let bucket = Some((lower, upper));
        // Prometheus' increase may let a bucket shrink by a hair.
        reading.add(Key { metric, labels: labels.clone(), bucket }, (count - below).max(0.0));
        lower = upper.unwrap_or(u64::MAX);
        below = below.max(count);
    }
}

/// Where the values really end that Envoy counts as at most `bound`. It keeps values by their first two digits, and counts such a
/// bin as a whole: what it says is at most 100 is below 110 (seen on 1.40.0). A value is a whole number of a time that was not.
pub fn end_of_bin(bound: f64) -> f64 {
    let width = if bound > 0.0 { 10_f64.powf(bound.log10().floor() - 1.0) } else { 0.0 };
    let end = if width > 0.0 { ((bound / width + 1e-6).floor() + 1.0) * width } else { 0.0 };
    end.max((bound + 1e-6).floor() + 1.0)
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
