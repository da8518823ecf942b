// SPDX-License-Identifier: Apache-2.0
//! Metrics, shared by name however often they are defined.

use std::collections::BTreeMap;

use super::imports::Status;

#[derive(Default)]
pub struct Metrics {
    by_name: BTreeMap<String, Metric>,
    names: Vec<String>,
}

#[derive(Debug)]
enum Metric {
    Counter(u64),
    Gauge(i64),
    Histogram(Vec<u64>),
}

impl Metrics {
    /// `None` if there is a metric of another kind under the name.
    pub fn define(&mut self, kind: u32, name: &str) -> Option<u32> {
        let new = match kind {
            0 => Metric::Counter(0),
            1 => Metric::Gauge(0),
            _ => Metric::Histogram(Vec::new()),
        };
        let metric = self.by_name.entry(name.to_owned()).or_insert(new);
        let same = matches!(
            (kind, metric),
            (0, Metric::Counter(_)) | (1, Metric::Gauge(_)) | (2, Metric::Histogram(_))
        );
        self.names.push(name.to_owned());
        same.then(|| u32::try_from(self.names.len()).unwrap())
    }

    pub fn increment(&mut self, id: u32, offset: i64) -> Status {
        match self.get_mut(id) {
            Some(Metric::Counter(value)) if offset > 0 => *value += offset.unsigned_abs(),
            Some(Metric::Gauge(value)) => *value += offset,
            Some(_) => return Status::BadArgument,
            None => return Status::NotFound,
        }
        Status::Ok
    }

    pub fn record(&mut self, id: u32, recorded: u64) -> Status {
        match self.get_mut(id) {
            Some(Metric::Counter(value)) => *value += recorded,
            Some(Metric::Gauge(value)) => *value = i64::try_from(recorded).unwrap(),
            Some(Metric::Histogram(values)) => values.push(recorded),
            None => return Status::NotFound,
        }
        Status::Ok
    }

    /// Names with values, of counters and gauges.
    pub fn values(&self) -> impl Iterator<Item = (&str, i64)> {
        self.by_name.iter().filter_map(|(name, metric)| match metric {
            Metric::Counter(value) => Some((name.as_str(), i64::try_from(*value).unwrap())),
            Metric::Gauge(value) => Some((name.as_str(), *value)),
            Metric::Histogram(_) => None,
        })
    }

    /// Names with observations, of histograms.
    pub fn observations(&self) -> impl Iterator<Item = (&str, &[u64])> {
        self.by_name.iter().filter_map(|(name, metric)| match metric {
            Metric::Histogram(values) => Some((name.as_str(), values.as_slice())),
            _ => None,
        })
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut Metric> {
        let name = self.names.get((id as usize).checked_sub(1)?)?;
        self.by_name.get_mut(name)
    }
}
