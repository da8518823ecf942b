// SPDX-License-Identifier: Apache-2.0
//! Prometheus' text format. Lines that are not the filter's, or not understood, are left alone: an admin's answer is full
//! of them.

use std::collections::BTreeMap;

use exposition::Sample;

use super::super::series::{Labels, Metric, from_prometheus, unit};
use super::{Key, Reading, add_cumulative};

pub(super) fn parse(text: &str) -> Reading {
    let mut reading = Reading::default();
    let mut histograms: BTreeMap<(Metric, u32, Labels), Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        let Some(Sample { name, labels, value }) = Sample::parse(line) else { continue };
        let Some((metric, known)) = from_prometheus(&name, &labels).filter(|_| value.is_finite()) else {
            continue;
        };
        if metric.is_histogram() {
            if let Some(end) = labels.get("le").and_then(|end| end.parse().ok()) {
                histograms.entry((metric, unit(&name), known)).or_default().push((end, value));
            }
        } else {
            reading.add(Key { metric, labels: known, bucket: None }, value);
        }
    }
    for ((metric, unit, labels), ends) in histograms {
        add_cumulative(&mut reading, metric, &labels, unit, ends);
    }
    reading
}
