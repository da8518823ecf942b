// SPDX-License-Identifier: Apache-2.0
//! How many samples would settle what is not settled.
//!
//! The question is put to a shadow that is like the side it is compared with: after how many samples would that be promoted? The
//! answer hangs on how that side's answers are spread and on nothing that the shadow does, so that it stays where it is as samples
//! come in. A shadow that is not settled by then is near its limit; the number is doubled for it, and again.

use super::super::statistics::Histogram;
use super::super::tally::{Counts, Side, Tally};
use super::super::thresholds::Thresholds;
use super::{Criterion, Decision, Finding, Judgement, Measure};

/// What is missing for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// So many more samples settle it if the shadow is like the primary, when there are `total`.
    Samples { more: u64, total: u64 },
    /// As above, but a shadow like the primary would have been promoted by now.
    NearLimit { more: u64, total: u64 },
    /// Finer buckets: the histogram does not tell, however many there are.
    FinerBuckets,
    /// More was left uncompared than is allowed, and waiting does not change that.
    Uncompared,
    /// The limit leaves an equal shadow no room.
    NoRoom,
    /// As many copies were lost as requests of users, which a route repeated.
    LostOnTheWay { copies: u64, repeated: u64 },
    /// So many answers were cut that those of the rest cannot be compared.
    Cut { copies: u64 },
}

impl Need {
    pub fn samples(self) -> Option<u64> {
        match self {
            Self::Samples { more, .. } | Self::NearLimit { more, .. } => Some(more),
            _ => None,
        }
    }
}

/// The first number that is asked for, and what the next is larger by: steps so large that chance seldom crosses one.
const FIRST: f64 = 250.0;
const STEP: f64 = 2.0;
/// Nobody waits for more.
const MOST: f64 = 1e9;
/// Of two equal shadows one has worse luck than is expected: it needs more.
const LUCK: f64 = 1.1;

impl Judgement {
    /// Looks for the number of samples that would settle a finding.
    pub fn need(&self, finding: &Finding, tally: &Tally, limits: &Thresholds) -> Option<Need> {
        if finding.decision != Decision::Hold || finding.measure == Measure::NoLatency {
            return None;
        }
        if finding.criterion == Criterion::Uncompared && finding.measure.interval().low > finding.limit {
            return Some(Need::Uncompared);
        }
        if finding.criterion.counts_lost()
            && tally.lost_on_the_way() > 0
            && finding.measure.interval().low > finding.limit
        {
            return Some(Need::LostOnTheWay { copies: tally.lost_on_the_way(), repeated: tally.repeated });
        }
        let enough = match enough(finding.criterion, tally, limits, self.alpha) {
            Some(enough) => enough.max(limits.min_samples),
            None if finding.measure.unit() == "times" && finding.limit > 1.0 => {
                return Some(Need::FinerBuckets);
            }
            None => return Some(Need::NoRoom),
        };
        let have = self.samples;
        if have < enough {
            return Some(Need::Samples { more: enough - have, total: enough });
        }
        if self.is_cut(finding, tally, limits) {
            return Some(Need::Cut { copies: tally.cut() });
        }
        if self.is_blind(finding, tally, limits) {
            return Some(Need::FinerBuckets);
        }
        let doubled = std::iter::successors(Some(enough), |total| total.checked_mul(2));
        let total = doubled.into_iter().find(|total| *total > have).unwrap_or(u64::MAX);
        Some(Need::NearLimit { more: total - have, total })
    }

    /// Whether a latency would be settled but for the answers that were cut.
    fn is_cut(&self, finding: &Finding, tally: &Tally, limits: &Thresholds) -> bool {
        matches!(finding.measure, Measure::Latency { .. }) && tally.cut() > 0 && {
            let mut without = tally.clone();
            without.failed.remove("cut");
            let measure = finding.criterion.measure(&without, limits, self.alpha);
            finding.criterion.decide(&measure, limits) != Decision::Hold
        }
    }

    /// Whether the percentiles of both sides are known to their buckets, so that more samples narrow nothing.
    fn is_blind(&self, finding: &Finding, tally: &Tally, limits: &Thresholds) -> bool {
        const MANY_TIMES: f64 = 1000.0;
        let is_read_in_buckets =
            finding.criterion.quantile().is_some() || finding.criterion == Criterion::Paired;
        is_read_in_buckets && {
            let later = finding.criterion.measure(&tally.times(MANY_TIMES), limits, self.alpha);
            later.interval() == finding.measure.interval()
        }
    }
}

/// How many samples a shadow needs that is like the primary, or like the control.
fn enough(criterion: Criterion, tally: &Tally, limits: &Thresholds, alpha: f64) -> Option<u64> {
    let primary = tally.measure().map_or(&tally.primary, |control| &control.shadow);
    let have = primary.durations.measured().max(primary.answers()).max(1) as f64;
    // As if the two answers to a request had nothing in common: a shadow's real ones hang together, and need fewer.
    let slowdown = match tally.slowdown.count() {
        0 => Histogram::default(),
        _ => primary.durations.over_another(),
    };
    let totals = std::iter::successors(Some(FIRST), |total| Some(total * STEP));
    let settles = |total: &f64| {
        let equal = Tally {
            slowdown: slowdown.times(total / have),
            ..equal(&primary.times(total / have), *total as u64, tally)
        };
        let measure = criterion.measure(&equal, limits, alpha);
        criterion.decide(&measure, limits) == Decision::Promote
    };
    let mut totals = totals.take_while(|total| *total < MOST);
    totals.find(settles).map(|total| (total * LUCK).ceil() as u64)
}

/// What is counted where both sides are like this one.
fn equal(side: &Side, count: u64, tally: &Tally) -> Tally {
    let compared = if tally.comparisons.is_empty() { 0 } else { count };
    Tally {
        primary: side.clone(),
        shadow: side.clone(),
        comparisons: Counts::from([("match".to_owned(), compared)]),
        ..Tally::default()
    }
}
