// SPDX-License-Identifier: Apache-2.0
//! From the numbers of a mirror to a decision, with its reasons as values. It knows no words.

mod criterion;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::criterion::{Criterion, Measure};
use super::statistics::Interval;
use super::tally::Tally;
use super::thresholds::Thresholds;

/// What to do with the shadow's version. The worst of several is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Decision {
    /// Every interval is within its limit.
    Promote,
    /// Nothing is decided.
    Hold,
    /// Some interval is beyond its limit.
    Reject,
}

/// One criterion, and what the numbers say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub criterion: Criterion,
    pub decision: Decision,
    pub measure: Measure,
    /// In the units of [`Thresholds`].
    pub limit: f64,
}

/// What is missing for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// About so many more samples, if they are like those so far.
    Samples(u64),
    /// Finer buckets: the histogram does not tell, however many there are.
    FinerBuckets,
    /// The estimate is so close to the limit that no number of samples in sight would do.
    TooClose,
}

/// The verdict on one mirror.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub decision: Decision,
    pub samples: u64,
    /// How many samples the least number lacks.
    pub missing: u64,
    /// Of each interval, from 0 to 1.
    pub confidence: f64,
    pub findings: Vec<Finding>,
}

/// More times what there is than anybody waits for.
const MOST_TIMES: f64 = 100.0;

impl Judgement {
    pub fn of(tally: &Tally, limits: &Thresholds) -> Self {
        let criteria = Criterion::of(tally);
        // Bonferroni: each interval fails so rarely that all hold together with the confidence.
        let confidence = 1.0 - (1.0 - limits.confidence / 100.0) / criteria.len().max(1) as f64;
        let find = |criterion: Criterion| {
            let measure = criterion.measure(tally, confidence);
            let decision = criterion.decide(&measure, limits);
            Finding { criterion, decision, measure, limit: criterion.limit(limits) }
        };
        let findings: Vec<Finding> = criteria.into_iter().map(find).collect();
        let samples = tally.samples();
        let missing = limits.min_samples.max(1).saturating_sub(samples);
        let worst = findings.iter().map(|finding| finding.decision).max().unwrap_or(Decision::Hold);
        let decision = if missing > 0 { Decision::Hold } else { worst };
        Self { decision, samples, missing, confidence, findings }
    }

    /// What a finding means for the whole: with too few samples it decides nothing.
    pub fn decision_of(&self, finding: &Finding) -> Decision {
        if self.missing > 0 { Decision::Hold } else { finding.decision }
    }

    /// Looks for the number of samples that would settle a finding if their shares were those so far.
    pub fn need(&self, finding: &Finding, tally: &Tally, limits: &Thresholds) -> Option<Need> {
        if finding.decision != Decision::Hold {
            return None;
        }
        if self.samples == 0 {
            return Some(Need::Samples(limits.min_samples.max(1)));
        }
        let settles = |factor: &f64| {
            let measure = finding.criterion.measure(&tally.times(*factor), self.confidence);
            finding.criterion.decide(&measure, limits) != Decision::Hold
        };
        let factors = std::iter::successors(Some(1.1), |factor| Some(factor * 1.1));
        let found = factors.take_while(|factor| *factor < MOST_TIMES).find(settles);
        Some(match found {
            Some(factor) => Need::Samples(((factor - 1.0) * self.samples as f64).ceil() as u64),
            None if finding.measure.is_blind() => Need::FinerBuckets,
            None => Need::TooClose,
        })
    }
}

/// Whether an interval is on one side of a limit.
fn side_of(interval: &Interval, limit: f64) -> Decision {
    if interval.high <= limit {
        Decision::Promote
    } else if interval.low > limit {
        Decision::Reject
    } else {
        Decision::Hold
    }
}
