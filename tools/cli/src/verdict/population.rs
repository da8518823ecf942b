// SPDX-License-Identifier: Apache-2.0
//! Services with known latencies, and what a histogram shows of some of their answers.

use statrs::distribution::{ContinuousCDF, LogNormal, Pareto};

use super::statistics::{Bucket, Histogram};

/// As in `envoy/envoy.yaml`.
pub const COARSE: [f64; 15] = [
    1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 30_000.0,
    60_000.0,
];

/// Envoy's own: one for each number of two digits.
pub fn fine() -> Vec<f64> {
    let digits = |power: i32| (10..100).map(move |digits| f64::from(digits) * 10_f64.powi(power - 1));
    (0..5).flat_map(digits).collect()
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
        let (mut low, mut high) = (1e-3_f64, 1e7_f64);
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

    /// Everything takes longer.
    pub fn slower(&self, factor: f64) -> Self {
        Self(self.0.iter().map(|(share, part)| (*share, part.slower(factor))).collect())
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

    /// The same but for a slow path that this share takes, such that the P99 grows by `factor`.
    pub fn with_slow_path(&self, share: f64, factor: f64) -> Self {
        let p99 = self.quantile(0.99) * factor;
        let (mut low, mut high) = (p99 / 100.0, p99 * 100.0);
        for _ in 0..40 {
            let middle = (low * high).sqrt();
            if self.with_path(share, middle).quantile(0.99) < p99 {
                low = middle;
            } else {
                high = middle;
            }
        }
        self.with_path(share, high)
    }

    /// A histogram of so many answers, by chance.
    pub fn sample(&self, bounds: &[f64], count: usize, random: &mut fastrand::Rng) -> Histogram {
        let shares: Vec<f64> = bounds.iter().map(|bound| self.share_up_to(*bound)).collect();
        let mut counts = vec![0_u64; bounds.len() + 1];
        for _ in 0..count {
            let draw = random.f64();
            counts[shares.partition_point(|share| *share < draw)] += 1;
        }
        histogram(bounds, &counts)
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
