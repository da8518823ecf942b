// SPDX-License-Identifier: Apache-2.0
//! What is looked at, and how a measure of it meets its limit.

use super::super::statistics::{
    Comparison, Estimate, Histogram, Interval, difference, difference_within, mean, quantile, quantile_seen,
    share,
};
use super::super::tally::{Tally, Who};
use super::super::thresholds::{MOST_TIMES, Thresholds};
use super::{Decision, side_of};

/// More than twice as long, and less than half: the nearest ends of what Envoy counts as 200 and as 50 per cent. The first is no nearer to
/// 1 than the second, so that equal sides are not told to be worse.
const TWICE: f64 = 2.1;
const HALF: f64 = 0.51;
/// A request is slow that takes so many times the P99 of those that the shadow is compared with.
const SLOW: f64 = 3.0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// 5xx, gRPC's like and lost copies, the shadow's share minus the primary's.
    Errors,
    /// 4xx and gRPC's like.
    ClientErrors,
    P50,
    P90,
    P99,
    P999,
    Mean,
    /// Requests that take longer than a bound.
    Slow,
    /// How many times the primary's time the shadow takes for the same request, in the median.
    Paired,
    /// Requests that take the shadow more than twice as long as the primary, less those that take it less than half.
    PairsTwice,
    /// Copies that failed, for any reason.
    Failures,
    /// Answers that differ.
    Mismatches,
    /// Answers that were to be compared and could not be.
    Uncompared,
}

/// What was found of a criterion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measure {
    /// Shares of both sides as `(hits, of)`, and their difference in points.
    Difference { primary: (u64, u64), shadow: (u64, u64), points: Interval },
    /// `slack` is what is allowed whatever the ratio, in milliseconds.
    Latency { comparison: Comparison, slack: f64 },
    /// A side has no durations.
    NoLatency,
    /// The median of how many times the primary's time each request took, of shadow and control; and what is allowed.
    Paired { shadow: Estimate, control: Option<Estimate>, ratio: Interval, pairs: u64, allowed: f64 },
    /// One share as `(hits, of)`, in per cent.
    Share { hits: u64, of: u64, percent: Interval },
}

impl Measure {
    /// What the limit is held against, in its unit.
    pub fn interval(&self) -> Interval {
        match self {
            Self::Difference { points, .. } => *points,
            Self::Latency { comparison, .. } => comparison.ratio,
            Self::NoLatency => Interval { low: 0.0, high: f64::INFINITY },
            Self::Paired { ratio, .. } => *ratio,
            Self::Share { percent, .. } => *percent,
        }
    }

    /// Of the interval and the limit.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::Difference { .. } => "points",
            Self::Latency { .. } | Self::NoLatency | Self::Paired { .. } => "times",
            Self::Share { .. } => "percent",
        }
    }
}

impl Criterion {
    /// Those that a mirror is judged by. Nothing is said of mismatches where nothing is compared, and nothing where the limit is
    /// the highest that there is.
    pub fn of(tally: &Tally, limits: &Thresholds) -> Vec<Self> {
        use Criterion::{
            ClientErrors, Errors, Failures, Mean, Mismatches, P50, P90, P99, P999, Paired, PairsTwice, Slow,
            Uncompared,
        };
        let all = [
            Errors,
            ClientErrors,
            P50,
            P90,
            P99,
            P999,
            Mean,
            Slow,
            Paired,
            PairsTwice,
            Failures,
            Mismatches,
            Uncompared,
        ];
        let compared = tally.comparisons.values().any(|count| *count > 0);
        // Older modules do not tell.
        let paired = tally.slowdown.count() > 0;
        let off = |criterion: Self| match criterion {
            Mismatches if !compared => true,
            Paired | PairsTwice if !paired => true,
            P50 | P90 | P99 | P999 | Mean | Paired => criterion.limit(limits) >= MOST_TIMES,
            _ => criterion.limit(limits) >= 100.0,
        };
        all.into_iter().filter(|criterion| !off(*criterion)).collect()
    }

    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// As it is called in sentences.
    pub fn words(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Errors => ("errors", "server errors"),
            Self::ClientErrors => ("client_errors", "client errors"),
            Self::P50 => ("p50", "P50"),
            Self::P90 => ("p90", "P90"),
            Self::P99 => ("p99", "P99"),
            Self::P999 => ("p999", "P99.9"),
            Self::Mean => ("mean", "mean"),
            Self::Slow => ("slow", "slow requests"),
            Self::Paired => ("paired", "slowdown of the same request"),
            Self::PairsTwice => ("pairs_twice", "requests that take twice as long"),
            Self::Failures => ("failures", "failed copies"),
            Self::Mismatches => ("mismatches", "mismatches"),
            Self::Uncompared => ("uncompared", "uncompared answers"),
        }
    }

    pub fn limit(self, limits: &Thresholds) -> f64 {
        match self {
            Self::Errors => limits.max_error_increase,
            Self::ClientErrors => limits.max_client_error_increase,
            Self::P50 => limits.max_p50_ratio,
            Self::P90 => limits.max_p90_ratio,
            Self::P99 => limits.max_p99_ratio,
            Self::P999 => limits.max_p999_ratio,
            Self::Mean => limits.max_mean_ratio,
            Self::Slow => limits.max_slow_increase,
            Self::Paired => limits.max_paired_ratio,
            Self::PairsTwice => limits.max_pairs_twice,
            Self::Failures => limits.max_failure_rate,
            Self::Mismatches => limits.max_mismatch_rate,
            Self::Uncompared => limits.max_uncompared_rate,
        }
    }

    /// Whether copies that were lost count.
    pub(super) fn counts_lost(self) -> bool {
        matches!(self, Self::Errors | Self::Failures)
    }

    /// The quantile that is compared.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::P50 => Some(0.5),
            Self::P90 => Some(0.9),
            Self::P99 => Some(0.99),
            Self::P999 => Some(0.999),
            _ => None,
        }
    }

    pub(super) fn measure(self, tally: &Tally, limits: &Thresholds, alpha: f64) -> Measure {
        let (primary, shadow) = (tally.baseline(), tally.shadow_ends());
        let of_difference = |primary: (u64, u64), shadow: (u64, u64)| Measure::Difference {
            primary,
            shadow,
            points: hundredfold(difference(primary, shadow, alpha)),
        };
        let of_share = |(hits, of): (u64, u64)| Measure::Share {
            hits,
            of,
            percent: hundredfold(share(hits, of, alpha)),
        };
        match self {
            Self::Errors => of_difference(primary.server_errors(), shadow.server_errors()),
            Self::ClientErrors => of_difference(primary.client_errors(), shadow.client_errors()),
            Self::Slow => match slow_bound(tally, limits) {
                Some(bound) => of_difference(primary.slower_than(bound), shadow.slower_than(bound)),
                None => Measure::NoLatency,
            },
            Self::Failures => match tally.measure() {
                Some(control) => of_difference(
                    (control.failures(), control.attempts()),
                    (tally.failures(), tally.attempts()),
                ),
                None => of_share((tally.failures(), tally.attempts())),
            },
            Self::Paired => self.paired(tally, limits, alpha),
            Self::PairsTwice => {
                let bound = TWICE * way(tally, limits);
                let slower = |tally: &Tally| tally.slowdown.above(bound);
                let pairs = tally.slowdown.count();
                match tally.measure() {
                    Some(control) => {
                        of_difference((slower(control), control.slowdown.count()), (slower(tally), pairs))
                    }
                    None => {
                        let (faster, slower) = (tally.slowdown.below(HALF), slower(tally));
                        Measure::Difference {
                            primary: (faster, pairs),
                            shadow: (slower, pairs),
                            points: hundredfold(difference_within(faster, slower, pairs, alpha)),
                        }
                    }
                }
            }
            Self::Mismatches => of_share(tally.mismatches()),
            Self::Uncompared => of_share(tally.uncompared()),
            Self::P50 | Self::P90 | Self::P99 | Self::P999 | Self::Mean => {
                // Both sides hold together.
                let each = alpha / 2.0;
                let found = |histogram: &Histogram| match self.quantile() {
                    Some(q) => quantile(histogram, q, each),
                    None => mean(histogram, each),
                };
                // Of answers that were cut the shadow's durations are not known, and the primary's may be any.
                let unmatched = if primary.who == Who::Primary { tally.cut() } else { 0 };
                let primary = || {
                    let all = found(&primary.durations)?;
                    let low = found(&primary.durations.without_slowest(unmatched))?.low;
                    let high = found(&primary.durations.without_fastest(unmatched))?.high;
                    Some(Estimate { low: low.min(all.low), high: high.max(all.high), ..all })
                };
                match (primary(), found(&shadow.durations)) {
                    (Some(primary), Some(shadow)) => Measure::Latency {
                        comparison: Comparison::of(primary, shadow),
                        slack: self.slack(tally, limits),
                    },
                    _ => Measure::NoLatency,
                }
            }
        }
    }

    /// The median over the same requests. A control stands for what the way adds.
    fn paired(self, tally: &Tally, limits: &Thresholds, alpha: f64) -> Measure {
        let each = alpha / 2.0;
        let control = tally.measure().and_then(|control| quantile(&control.slowdown, 0.5, each));
        let limit = self.limit(limits);
        let allowed = if control.is_some() { limit } else { limit.max(way(tally, limits)) };
        let Some(shadow) = quantile(&tally.slowdown, 0.5, if control.is_some() { each } else { alpha })
        else {
            return Measure::NoLatency;
        };
        let ratio = match control {
            Some(control) => Comparison::of(control, shadow).ratio,
            None => Interval { low: shadow.low, high: shadow.high },
        };
        Measure::Paired { shadow, control, ratio, pairs: tally.slowdown.count(), allowed }
    }

    fn slack(self, tally: &Tally, limits: &Thresholds) -> f64 {
        let slack = limits.latency_slack(p50_of(tally));
        if self == Self::P999 { slack.max(limits.tail_slack_ms) } else { slack }
    }

    pub(super) fn decide(self, measure: &Measure, limits: &Thresholds) -> Decision {
        let limit = self.limit(limits);
        match measure {
            // It is within if either the ratio or the slack allows it, and beyond only if neither does.
            Measure::Latency { comparison, slack } => {
                side_of(&comparison.ratio, limit).min(side_of(&comparison.difference, *slack))
            }
            Measure::Paired { ratio, allowed, .. } => side_of(ratio, *allowed),
            // What nobody saw is no reason to promote, and none to reject.
            other if self == Self::Uncompared => side_of(&other.interval(), limit).min(Decision::Hold),
            other => side_of(&other.interval(), limit),
        }
    }
}

/// Milliseconds of the side that the shadow is compared with.
fn p50_of(tally: &Tally) -> f64 {
    quantile_seen(&tally.baseline().durations, 0.5).filter(|p50| p50.is_finite()).unwrap_or(0.0)
}

/// How many times as long as the primary a copy may take for what its way adds: a control tells, or else the slack for a request that
/// takes the P50.
fn way(tally: &Tally, limits: &Thresholds) -> f64 {
    match tally.measure() {
        Some(control) => quantile_seen(&control.slowdown, 0.5).unwrap_or(1.0),
        None => {
            let p50 = p50_of(tally);
            1.0 + limits.latency_slack(p50) / p50.max(1e-6)
        }
    }
}

/// Milliseconds beyond which a request is slow. `None` without durations.
pub fn slow_bound(tally: &Tally, limits: &Thresholds) -> Option<f64> {
    if limits.slow_ms > 0.0 {
        return (tally.primary.durations.count() > 0).then_some(limits.slow_ms);
    }
    let p99 = quantile_seen(&tally.baseline().durations, 0.99)?;
    p99.is_finite().then(|| (p99 * SLOW).max(p99 + limits.tail_slack_ms))
}

fn hundredfold(share: Interval) -> Interval {
    Interval { low: share.low * 100.0, high: share.high * 100.0 }
}
