// SPDX-License-Identifier: Apache-2.0
//! From the numbers of a mirror to a decision, with its reasons as values. It knows no words.

mod criterion;
mod need;
mod present;
#[cfg(test)]
mod tests;

use serde::Serialize;

pub use self::criterion::{Criterion, Measure, slow_bound};
pub use self::need::Need;
pub use self::present::Present;
use super::statistics::Interval;
use super::tally::Tally;
use super::thresholds::Thresholds;

/// What to do with the shadow's version. The worst of several is the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// Every interval is within its limit.
    Promote,
    /// Nothing is decided.
    Hold,
    /// The set-up is at fault: nothing is measured, and waiting does not change that.
    #[serde(rename = "SETUP_FAULT")]
    Fault,
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

/// The verdict on one mirror.
#[derive(Clone, Debug)]
pub struct Judgement {
    pub decision: Decision,
    /// What decided whatever was counted.
    pub present: Option<Present>,
    pub samples: u64,
    /// How many samples PROMOTE lacks by number alone.
    pub missing: u64,
    /// With which probability each interval is wrong at any look.
    pub alpha: f64,
    pub findings: Vec<Finding>,
}

impl Judgement {
    /// `invalid` are the plugins whose configuration is invalid.
    pub fn of(tally: &Tally, invalid: &[String], limits: &Thresholds) -> Self {
        let criteria = Criterion::of(tally, limits);
        // All intervals hold together with the confidence that was asked for (Bonferroni).
        let alpha = (1.0 - limits.confidence / 100.0) / criteria.len().max(1) as f64;
        let find = |criterion: Criterion| {
            let measure = criterion.measure(tally, limits, alpha);
            let decision = criterion.decide(&measure, limits);
            // Where users' requests are lost as often and repeated by the route, nobody sees that they are.
            let on_the_way = decision == Decision::Reject && criterion.counts_lost() && {
                let without = criterion.measure(&tally.without_lost_on_the_way(), limits, alpha);
                criterion.decide(&without, limits) != Decision::Reject
            };
            let decision = if on_the_way { Decision::Hold } else { decision };
            let limit = match measure {
                Measure::Paired { allowed, .. } => allowed,
                _ => criterion.limit(limits),
            };
            Finding { criterion, decision, measure, limit }
        };
        let findings: Vec<Finding> = criteria.into_iter().map(find).collect();
        let samples = tally.samples();
        let missing = limits.min_samples.max(1).saturating_sub(samples);
        let present = Present::of(tally, invalid, limits, alpha);
        let worst = findings.iter().map(|finding| finding.decision).max().unwrap_or(Decision::Hold);
        let decision = match &present {
            Some(present) => present.decision(),
            None if missing > 0 => worst.max(Decision::Hold),
            None => worst,
        };
        Self { decision, present, samples, missing, alpha, findings }
    }
}

/// Whether an interval is on one side of a limit. What is equal to it is within, whatever the last digit says.
fn side_of(interval: &Interval, limit: f64) -> Decision {
    const DIGIT: f64 = 1e-9;
    if interval.high <= limit * (1.0 + DIGIT) {
        Decision::Promote
    } else if interval.low > limit * (1.0 + DIGIT) {
        Decision::Reject
    } else {
        Decision::Hold
    }
}
