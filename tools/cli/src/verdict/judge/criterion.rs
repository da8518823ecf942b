// SPDX-License-Identifier: Apache-2.0
//! What is looked at, and how a measure of it meets its limit.

use super::super::statistics::{Comparison, Interval, compare, newcombe, wilson};
use super::super::tally::Tally;
use super::super::thresholds::Thresholds;
use super::{Decision, side_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// 5xx and lost copies, the shadow's share minus the primary's.
    Errors,
    P50,
    P90,
    P99,
    /// Copies that failed, for any reason.
    Failures,
    /// Answers that differ.
    Mismatches,
}

/// What was found of a criterion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Shares of both sides as `(hits, of)`, and their difference in points.
    Difference { primary: (u64, u64), shadow: (u64, u64), points: Interval },
    /// `None` if a side has no durations.
    Latency(Option<Comparison>),
    /// One share as `(hits, of)`, in per cent.
    Share { hits: u64, of: u64, percent: Interval },
}

impl Measure {
    pub fn is_blind(&self) -> bool {
        matches!(self, Self::Latency(Some(comparison)) if comparison.blind)
    }

    /// What the limit is held against, in its unit.
    pub fn interval(&self) -> Interval {
        match self {
            Self::Difference { points, .. } => *points,
            Self::Latency(Some(comparison)) => comparison.ratio,
            Self::Latency(None) => Interval { low: 0.0, high: f64::INFINITY },
            Self::Share { percent, .. } => *percent,
        }
    }
}

impl Criterion {
    /// Those that a mirror can be judged by. Nothing is said of mismatches where nothing is compared.
    pub fn of(tally: &Tally) -> Vec<Self> {
        let mut criteria = vec![Self::Errors, Self::P50, Self::P90, Self::P99, Self::Failures];
        if tally.comparisons.values().any(|count| *count > 0) {
            criteria.push(Self::Mismatches);
        }
        criteria
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::Failures => "failures",
            Self::Mismatches => "mismatches",
        }
    }

    /// As it is called in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::Errors => "error rate",
            Self::P50 => "P50",
            Self::P90 => "P90",
            Self::P99 => "P99",
            Self::Failures => "failed copies",
            Self::Mismatches => "mismatches",
        }
    }

    /// Of the interval and the limit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Errors => "points",
            Self::P50 | Self::P90 | Self::P99 => "times",
            Self::Failures | Self::Mismatches => "percent",
        }
    }

    pub fn limit(self, limits: &Thresholds) -> f64 {
        match self {
            Self::Errors => limits.max_error_increase,
            Self::P50 => limits.max_p50_ratio,
            Self::P90 => limits.max_p90_ratio,
            Self::P99 => limits.max_p99_ratio,
            Self::Failures => limits.max_failure_rate,
            Self::Mismatches => limits.max_mismatch_rate,
        }
    }

    pub(super) fn measure(self, tally: &Tally, confidence: f64) -> Measure {
        let latency = |q: f64| {
            let shadow = tally.shadow_durations();
            Measure::Latency(compare(&tally.primary.durations, &shadow, q, confidence))
        };
        let share = |(hits, of): (u64, u64)| Measure::Share {
            hits,
            of,
            percent: hundredfold(wilson(hits, of, confidence)),
        };
        match self {
            Self::Errors => {
                let (primary, shadow) = tally.errors();
                let points = hundredfold(newcombe(primary, shadow, confidence));
                Measure::Difference { primary, shadow, points }
            }
            Self::P50 => latency(0.50),
            Self::P90 => latency(0.90),
            Self::P99 => latency(0.99),
            Self::Failures => share((tally.failures(), tally.attempts())),
            Self::Mismatches => share(tally.mismatches()),
        }
    }

    pub(super) fn decide(self, measure: &Measure, limits: &Thresholds) -> Decision {
        let limit = self.limit(limits);
        match measure {
            // It is within if either the ratio or the slack allows it, and beyond only if neither does.
            Measure::Latency(Some(comparison)) => {
                let ratio = side_of(&comparison.ratio, limit);
                ratio.min(side_of(&comparison.difference, limits.latency_slack_ms))
            }
            other => side_of(&other.interval(), limit),
        }
    }
}

fn hundredfold(share: Interval) -> Interval {
    Interval { low: share.low * 100.0, high: share.high * 100.0 }
}
