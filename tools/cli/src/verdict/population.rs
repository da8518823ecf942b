// SPDX-License-Identifier: Apache-2.0
//! Services with known latencies, and what a histogram shows of some of their answers.

use statrs::distribution::{ContinuousCDF, LogNormal, Pareto};

use super::reading::end_of_bin;
use super::statistics::{Bucket, Histogram};

/// The ends of what Prometheus is told with the buckets of `envoy/envoy.yaml`, in milliseconds.
pub fn shipped() -> Vec<f64> {
    shipped_bounds().into_iter().map(|bound| end_of_bin(bound) / 1000.0).collect()
}

/// Likewise of slowdowns, in times.
pub fn shipped_slowdowns() -> Vec<f64> {
    settings("shadow_slowdown_percent").into_iter().map(|bound| end_of_bin(bound) / 100.0).collect()
}

/// `histogram_bucket_settings`, in microseconds.
pub fn shipped_bounds() -> Vec<f64> {
    settings("shadow_duration_microseconds")
}

fn settings(suffix: &str) -> Vec<f64> {
    let text = include_str!("../../../../envoy/envoy.yaml");
    let (_, rest) = text.split_once(&format!("suffix: {suffix} }}")).expect("the settings");
    let list = rest.split_once('[').and_then(|(_, rest)| rest.split_once(']')).expect("buckets").0;
    list.split(',').map(|bound| bound.trim().parse().expect("a number")).collect()
}

/// Envoy's own: one for each number of two digits, in milliseconds.
pub fn fine() -> Vec<f64> {
    let digits = |power: i32| (10..100).map(move |digits| f64::from(digits) * 10_f64.powi(power - 1));
    (-3..5).flat_map(digits).collect()
}

#[test]
fn the_shipped_buckets_are_fine_enough_for_two_to_be_within_a_ratio_of_one_and_a_half() {
    for bounds in [shipped_bounds(), shipped()] {
        let neighbours = |apart: usize| bounds.windows(apart + 1).map(move |some| some[apart] / some[0]);
        assert!(neighbours(1).all(|ratio| ratio <= 1.25), "{bounds:?}");
        assert!(neighbours(2).all(|ratio| ratio <= 1.5), "{bounds:?}");
    }
    let bounds = shipped_bounds();
    assert_eq!((bounds[0], bounds[bounds.len() - 1]), (100.0, 60e6));
}

/// A part of the answers, and what they take.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    LogNormal { median: f64, spread: f64 },
    Pareto { from: f64, shape: f64 },
}

impl Part {
    fn share_up_to(self, ms: f64) -> f64 {
        match self {
            Self::LogNormal { median, spread } => {
                LogNormal::new(median.ln(), spread).expect("positive").cdf(ms)
            }
            Self::Pareto { from, shape } => Pareto::new(from, shape).expect("positive").cdf(ms),
        }
    }

    fn slower(self, factor: f64) -> Self {
        match self {
            Self::LogNormal { median, spread } => Self::LogNormal { median: median * factor, spread },
            Self::Pareto { from, shape } => Self::Pareto { from: from * factor, shape },
        }
    }
}

/// Parts with their shares, which add up to 1.
#[derive(Clone, Debug)]
pub struct Population(pub Vec<(f64, Part)>);

impl Population {
    pub fn log_normal(median: f64, spread: f64) -> Self {
        Self(vec![(1.0, Part::LogNormal { median, spread })])
    }

    pub fn share_up_to(&self, ms: f64) -> f64 {
        self.0.iter().map(|(share, part)| share * part.share_up_to(ms)).sum()
    }

    pub fn quantile(&self, q: f64) -> f64 {
        let (mut low, mut high) = (1e-4_f64, 1e7_f64);
        for _ in 0..50 {
            let middle = (low * high).sqrt();
            if self.share_up_to(middle) < q {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }

    /// The P99 grows by `factor` because the last part, the slow one, takes longer.
    pub fn with_slower_part(&self, factor: f64) -> Self {
        let p99 = self.quantile(0.99) * factor;
        let slower = |factor: f64| {
            let mut parts = self.0.clone();
            if let Some((_, part)) = parts.last_mut() {
                *part = part.slower(factor);
            }
            Self(parts)
        };
        let (mut low, mut high) = (1.0_f64, 1000.0_f64);
        for _ in 0..40 {
            let middle = (low * high).sqrt();
            if slower(middle).quantile(0.99) < p99 {
                low = middle;
            } else {
                high = middle;
            }
        }
        slower(high)
    }

    /// This share of the answers goes another way that takes about `median`, whatever it took before.
    pub fn with_path(&self, share: f64, median: f64) -> Self {
        let mut parts: Vec<_> = self.0.iter().map(|(of, part)| (of * (1.0 - share), *part)).collect();
        parts.push((share, Part::LogNormal { median, spread: 0.2 }));
        Self(parts)
    }

    /// A histogram of so many answers without chance.
    pub fn expected(&self, bounds: &[f64], count: u64) -> Histogram {
        let mut below = 0.0;
        let ends = bounds.iter().map(|bound| self.share_up_to(*bound)).chain([1.0]);
        let counts: Vec<u64> = ends
            .map(|share| {
                let part = ((share - below) * count as f64).round() as u64;
                below = share;
                part
            })
            .collect();
        histogram(bounds, &counts)
    }
}

fn histogram(bounds: &[f64], counts: &[u64]) -> Histogram {
    let lower = [0.0].into_iter().chain(bounds.iter().copied());
    let upper = bounds.iter().copied().chain([f64::INFINITY]);
    let ends = lower.zip(upper).zip(counts);
    Histogram {
        buckets: ends.map(|((lower, upper), count)| Bucket { lower, upper, count: *count }).collect(),
        beyond: 0,
    }
}
