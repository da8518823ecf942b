// SPDX-License-Identifier: Apache-2.0
//! Requests to two sides that come in one after the other.

use crate::verdict::judge::{Decision, Judgement, Need};
use crate::verdict::population::{Population, fine, shipped, shipped_slowdowns};
use crate::verdict::statistics::{Bucket, Histogram};
use crate::verdict::tally::{Side, Tally};
use crate::verdict::thresholds::Thresholds;

/// How often a gate looks.
pub const LOOKS: usize = 50;

/// Where histograms are read, and the ends of their buckets: in milliseconds, and in times.
pub struct Source {
    pub name: &'static str,
    durations: Vec<f64>,
    slowdowns: Vec<f64>,
}

impl Source {
    pub fn prometheus() -> Self {
        Self { name: "Prometheus", durations: shipped(), slowdowns: shipped_slowdowns() }
    }

    pub fn admin() -> Self {
        Self { name: "admin", durations: fine(), slowdowns: fine() }
    }

    pub fn both() -> [Self; 2] {
        [Self::prometheus(), Self::admin()]
    }
}

/// One version of a service.
#[derive(Clone, Debug)]
pub struct Version {
    pub latency: Population,
    pub error_rate: f64,
}

/// What the two answers to a request have in common: a factor of this spread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shared(pub f64);

pub struct Stream {
    primary: Drawn,
    shadow: Drawn,
    pairs: Counts,
    shared: Shared,
    random: fastrand::Rng,
}

/// What a side has answered so far.
struct Drawn {
    /// The share of the answers up to each of `ends`.
    shares: Vec<f64>,
    ends: Vec<f64>,
    durations: Counts,
    error_rate: f64,
    errors: u64,
    all: usize,
}

#[derive(Clone)]
struct Counts {
    bounds: Vec<f64>,
    counts: Vec<u64>,
}

impl Stream {
    pub fn of(source: &Source, primary: &Version, shadow: &Version, shared: Shared, seed: u64) -> Self {
        let drawn = |version: &Version| {
            let ends = fine();
            Drawn {
                shares: ends.iter().map(|end| version.latency.share_up_to(*end)).collect(),
                ends,
                durations: Counts::new(&source.durations),
                error_rate: version.error_rate,
                errors: 0,
                all: 0,
            }
        };
        Self {
            primary: drawn(primary),
            shadow: drawn(shadow),
            pairs: Counts::new(&source.slowdowns),
            shared,
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

    pub fn tally_at(&mut self, samples: usize) -> Tally {
        while self.primary.all < samples {
            let factor = (self.shared.0 * normal(&mut self.random)).exp();
            let primary = self.primary.draw(factor, &mut self.random);
            let shadow = self.shadow.draw(factor, &mut self.random);
            self.pairs.add(shadow / primary);
        }
        let count = samples as u64;
        Tally {
            requests: count,
            sent: count,
            primary: self.primary.side(),
            shadow: self.shadow.side(),
            slowdown: self.pairs.histogram(),
            ..Tally::default()
        }
    }
}

fn normal(random: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt();
    radius * (std::f64::consts::TAU * random.f64()).cos()
}

impl Drawn {
    fn draw(&mut self, factor: f64, random: &mut fastrand::Rng) -> f64 {
        let draw = random.f64();
        let bin = self.shares.partition_point(|share| *share < draw).min(self.ends.len() - 1);
        let lower = if bin == 0 { 0.0 } else { self.ends[bin - 1] };
        let duration = (lower + (self.ends[bin] - lower) * random.f64()) * factor;
        self.durations.add(duration);
        self.errors += u64::from(random.f64() < self.error_rate);
        self.all += 1;
        duration
    }

    fn side(&self) -> Side {
        Side {
            classes: [("2xx".to_owned(), self.all as u64 - self.errors), ("5xx".to_owned(), self.errors)]
                .into(),
            durations: self.durations.histogram(),
            ..Side::default()
        }
    }
}

impl Counts {
    fn new(bounds: &[f64]) -> Self {
        Self { bounds: bounds.to_vec(), counts: vec![0; bounds.len() + 1] }
    }

    fn add(&mut self, value: f64) {
        self.counts[self.bounds.partition_point(|bound| *bound <= value)] += 1;
    }

    fn histogram(&self) -> Histogram {
        let lower = [0.0].into_iter().chain(self.bounds.iter().copied());
        let upper = self.bounds.iter().copied().chain([f64::INFINITY]);
        let ends = lower.zip(upper).zip(&self.counts).filter(|(_, count)| **count > 0);
        let buckets = ends.map(|((lower, upper), count)| Bucket { lower, upper, count: *count }).collect();
        Histogram { buckets, beyond: 0 }
    }
}
