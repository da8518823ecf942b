// SPDX-License-Identifier: Apache-2.0
//! Requests to two sides that come in one after the other.

use crate::verdict::judge::{Decision, Judgement, Need};
use crate::verdict::population::Population;
use crate::verdict::statistics::{Bucket, Histogram};
use crate::verdict::tally::{Side, Tally};
use crate::verdict::thresholds::Thresholds;

/// How often a gate looks.
pub const LOOKS: usize = 50;

pub struct Stream {
    bounds: Vec<f64>,
    primary: Drawn,
    shadow: Drawn,
    random: fastrand::Rng,
}

/// What a side has answered so far.
struct Drawn {
    /// The share of the answers up to each bound.
    shares: Vec<f64>,
    counts: Vec<u64>,
    error_rate: f64,
    errors: u64,
    all: usize,
}

impl Stream {
    pub fn of(bounds: &[f64], primary: &(Population, f64), shadow: &(Population, f64), seed: u64) -> Self {
        let drawn = |(population, error_rate): &(Population, f64)| Drawn {
            shares: bounds.iter().map(|bound| population.share_up_to(*bound)).collect(),
            counts: vec![0; bounds.len() + 1],
            error_rate: *error_rate,
            errors: 0,
            all: 0,
        };
        Self {
            primary: drawn(primary),
            shadow: drawn(shadow),
            bounds: bounds.to_vec(),
            random: fastrand::Rng::with_seed(0x5eed_0014 + seed),
        }
    }

    pub fn judged_at(&mut self, samples: usize, limits: &Thresholds) -> Decision {
        Judgement::of(&self.tally_at(samples), &[], limits).decision
    }

    /// The decision, and the number of samples at which to look again.
    pub fn advice_at(&mut self, samples: usize, limits: &Thresholds) -> (Decision, Option<u64>) {
        let tally = self.tally_at(samples);
        let judgement = Judgement::of(&tally, &[], limits);
        let needs = judgement.findings.iter().filter_map(|finding| judgement.need(finding, &tally, limits));
        let total = needs.filter_map(|need| match need {
            Need::Samples { total, .. } | Need::NearLimit { total, .. } => Some(total),
            _ => None,
        });
        (judgement.decision, total.max())
    }

    fn tally_at(&mut self, samples: usize) -> Tally {
        for side in [&mut self.primary, &mut self.shadow] {
            side.draw_up_to(samples, &mut self.random);
        }
        let count = samples as u64;
        Tally {
            requests: count,
            sent: count,
            primary: self.primary.side(&self.bounds),
            shadow: self.shadow.side(&self.bounds),
            ..Tally::default()
        }
    }
}

impl Drawn {
    fn draw_up_to(&mut self, samples: usize, random: &mut fastrand::Rng) {
        while self.all < samples {
            let draw = random.f64();
            self.counts[self.shares.partition_point(|share| *share < draw)] += 1;
            self.errors += u64::from(random.f64() < self.error_rate);
            self.all += 1;
        }
    }

    fn side(&self, bounds: &[f64]) -> Side {
        let lower = [0.0].into_iter().chain(bounds.iter().copied());
        let upper = bounds.iter().copied().chain([f64::INFINITY]);
        let ends = lower.zip(upper).zip(&self.counts).filter(|(_, count)| **count > 0);
        let buckets = ends.map(|((lower, upper), count)| Bucket { lower, upper, count: *count }).collect();
        Side {
            classes: [("2xx".to_owned(), self.all as u64 - self.errors), ("5xx".to_owned(), self.errors)]
                .into(),
            durations: Histogram { buckets, beyond: 0 },
            ..Side::default()
        }
    }
}
