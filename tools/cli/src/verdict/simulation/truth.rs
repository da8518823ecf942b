// SPDX-License-Identifier: Apache-2.0
//! Durations on their way through a module, Envoy and Prometheus: what is printed of them holds the truth.

use std::fmt::Write;

use crate::verdict::population::{Part, Population, shipped_bounds};
use crate::verdict::reading::Reading;
use crate::verdict::statistics::{mean, quantile};

const SAMPLES: usize = 3_000;
const ALPHA: f64 = 0.0025;

/// The bin that Envoy keeps a value in: its first two digits.
fn bin(micros: f64) -> f64 {
    let width = 10_f64.powf((micros.log10().floor() - 1.0).max(0.0));
    (micros / width).floor() * width
}

/// What Envoy says of these durations, in milliseconds.
fn said_of(durations: &[f64]) -> String {
    let bins: Vec<f64> = durations.iter().map(|ms| bin((ms * 1000.0).floor().max(1.0))).collect();
    let mut text = String::new();
    for bound in shipped_bounds().into_iter().chain([f64::INFINITY]) {
        let count = bins.iter().filter(|bin| **bin <= bound).count();
        let end = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
        let _ = writeln!(
            text,
            "shadow_duration_microseconds_bucket{{mirror=\"a\",side=\"shadow\",le=\"{end}\"}} {count}"
        );
    }
    text
}

#[test]
fn no_interval_read_from_prometheus_excludes_the_truth() {
    let mut random = fastrand::Rng::with_seed(14);
    for median in [0.2, 0.97, 2.0, 10.5, 11.0, 99.0, 200.0] {
        let steady = Population(vec![(1.0, Part::LogNormal { median, spread: 0.02 })]);
        for population in [steady, Population::log_normal(median, 0.5)] {
            let draw = |_| population.quantile(random.f64());
            let durations: Vec<f64> = (0..SAMPLES).map(draw).collect();
            let reading = Reading::parse(&said_of(&durations)).expect("Prometheus' text");
            let histogram = reading.tally("a").expect("one set of buckets").shadow.durations;
            for q in [0.5, 0.9, 0.99, 0.999] {
                let (found, truth) =
                    (quantile(&histogram, q, ALPHA).expect("values"), population.quantile(q));
                assert!(
                    found.low <= truth && truth <= found.high,
                    "{median} {q}: {truth} is not in {found:?}"
                );
            }
            let found = mean(&histogram, ALPHA).expect("values");
            let truth = durations.iter().sum::<f64>() / SAMPLES as f64;
            assert!(found.low <= truth && truth <= found.high, "{median}: {truth} is not in {found:?}");
        }
    }
}
