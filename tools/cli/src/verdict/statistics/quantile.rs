// SPDX-License-Identifier: Apache-2.0
//! Percentiles of two histograms, and how far apart they are.
//!
//! A percentile's interval is that of order statistics: which ranks hold it with the confidence is a matter of the binomial
//! distribution alone, whatever the latencies are distributed like. The ranks are then looked up in the buckets.
//!
//! What a bucket hides enters the interval in one of two ways. The ends of a fine bucket are taken as they are, which assumes
//! nothing. In a coarse one values are interpolated, and two things are assumed: the same requests spread inside a
//! bucket alike on both sides, and the distance between two places in it is what interpolation says up to the factor
//! [`STRETCH`]. Distances from end to end of a bucket are exact. Where a bucket holds too much of the distribution for that, its
//! ends are taken as they are, too.

use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};

use super::histogram::Spot;
use super::{Histogram, Interval};

/// By how much the distance of two places in a coarse bucket may be misjudged, as a factor.
const STRETCH: f64 = 1.5;

/// Up to so many values the binomial distribution is reckoned with itself; numerics fail it at some hundred times as many.
const EXACT: u64 = 100_000_000;
/// More ranks than its skewness moves it by, where a normal distribution stands for it.
const SKEWNESS: f64 = 10.0;

/// A percentile of one side, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// A percentile of both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    pub primary: Estimate,
    pub shadow: Estimate,
    /// The shadow's over the primary's.
    pub ratio: Interval,
    /// The shadow's minus the primary's, in milliseconds.
    pub difference: Interval,
    /// A bucket was too wide to see into, so more values would not help.
    pub blind: bool,
}

impl Comparison {
    /// Whether the ratio says anything. That of 0 ms, or to it, says nothing.
    pub fn has_ratio(&self) -> bool {
        self.ratio.low.is_finite() && (self.ratio.low > 0.0 || self.ratio.high.is_finite())
    }
}

/// Compares the quantile `q` (0.99 for P99) of two histograms. `None` if either is empty.
pub fn compare(primary: &Histogram, shadow: &Histogram, q: f64, confidence: f64) -> Option<Comparison> {
    // Both sides hold together with the confidence.
    let each = 1.0 - (1.0 - confidence) / 2.0;
    let (fast, middle, slow) = spots(primary, q, each)?;
    let (shadow_fast, shadow_middle, shadow_slow) = spots(shadow, q, each)?;
    let (ratio_high, difference_high) = at_most(&fast, &shadow_slow);
    let (ratio_low, difference_low) = at_least(&slow, &shadow_fast);
    Some(Comparison {
        primary: estimate(&fast, &middle, &slow),
        shadow: estimate(&shadow_fast, &shadow_middle, &shadow_slow),
        ratio: Interval { low: ratio_low, high: ratio_high },
        difference: Interval { low: difference_low, high: difference_high },
        blind: fast.blind || slow.blind || shadow_fast.blind || shadow_slow.blind,
    })
}

/// The low end, the middle and the high end of a quantile.
fn spots(histogram: &Histogram, q: f64, confidence: f64) -> Option<(Spot, Spot, Spot)> {
    let count = histogram.count();
    let middle = histogram.spot(((count as f64 * q).ceil() as u64).max(1))?;
    let tail = (1.0 - confidence) / 2.0;
    let (low, high) = ranks(count, q, tail)?;
    let low = histogram.spot(low).unwrap_or(Spot::NO_LOWER);
    let high = histogram.spot(high).unwrap_or(Spot::NO_UPPER);
    Some((low, middle, high))
}

/// The ranks beside the quantile's that are beyond it by chance, each with the probability `tail`.
fn ranks(count: u64, q: f64, tail: f64) -> Option<(u64, u64)> {
    if count <= EXACT {
        let below = Binomial::new(q, count).ok()?;
        return Some((below.inverse_cdf(tail), below.inverse_cdf(1.0 - tail).saturating_add(1)));
    }
    let (mean, deviation) = (count as f64 * q, (count as f64 * q * (1.0 - q)).sqrt());
    let reach = Normal::standard().inverse_cdf(1.0 - tail) * deviation + SKEWNESS;
    Some(((mean - reach).floor() as u64, (mean + reach).ceil() as u64))
}

fn estimate(low: &Spot, middle: &Spot, high: &Spot) -> Estimate {
    Estimate {
        value: middle.at,
        low: if low.hard { low.lower } else { low.at },
        high: if high.hard { high.upper } else { high.at },
    }
}

/// The largest that `to` may be, over and minus `from`.
fn at_most(from: &Spot, to: &Spot) -> (f64, f64) {
    let widest = to.upper - from.lower;
    if from.hard || to.hard {
        let ratio = if from.lower > 0.0 { to.upper / from.lower } else { f64::INFINITY };
        return (ratio, if to.upper.is_finite() { widest } else { f64::INFINITY });
    }
    let ratio = distance(from, to, true).exp();
    // `from` itself is only known to its bucket.
    let reach = if ratio > 1.0 { from.upper } else { from.lower };
    (ratio, widest.min(reach * (ratio - 1.0)))
}

/// The least that `to` must be, over and minus `from`.
fn at_least(from: &Spot, to: &Spot) -> (f64, f64) {
    if from.upper.is_infinite() {
        return (0.0, f64::NEG_INFINITY);
    }
    let narrowest = to.lower - from.upper;
    if from.hard || to.hard {
        let ratio = match (to.lower, from.upper) {
            // Nothing is so many times nothing.
            (lower, upper) if lower <= 0.0 && upper <= 0.0 => 0.0,
            (lower, upper) => lower / upper,
        };
        return (ratio, narrowest);
    }
    let ratio = distance(from, to, false).exp();
    let reach = if ratio > 1.0 { from.lower } else { from.upper };
    (ratio, narrowest.max(reach * (ratio - 1.0)))
}

/// The logarithm of `to` over `from`, at most or at least, for places in coarse buckets.
fn distance(from: &Spot, to: &Spot, most: bool) -> f64 {
    if to.at < from.at {
        return -forward(to, from, !most);
    }
    forward(from, to, most)
}

fn forward(from: &Spot, to: &Spot, most: bool) -> f64 {
    if from.lower == to.lower {
        let width = (from.upper / from.lower).ln();
        let part = (to.at / from.at).ln();
        return if most { (part * STRETCH).min(width) } else { part / STRETCH };
    }
    let rest = stretched((from.upper / from.at).ln(), (from.upper / from.lower).ln(), most);
    let start = stretched((to.at / to.lower).ln(), (to.upper / to.lower).ln(), most);
    rest + (to.lower / from.upper).ln() + start
}

/// What a part of a bucket that reaches to one of its ends may be, if the interpolation has misjudged it or the other part.
fn stretched(part: f64, width: f64, most: bool) -> f64 {
    let other = width - part;
    if most {
        (part * STRETCH).min(width - other / STRETCH)
    } else {
        (part / STRETCH).max(width - other * STRETCH)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    #[test]
    fn where_a_normal_distribution_takes_over_it_says_nearly_the_same_and_no_less() {
        for q in [0.5, 0.9, 0.99] {
            for tail in [0.02, 0.002, 0.00001] {
                let (low, high) = ranks(EXACT, q, tail).unwrap();
                let (normal_low, normal_high) = ranks(EXACT + 1, q, tail).unwrap();
                assert!((0..30).contains(&low.saturating_sub(normal_low)) && normal_low <= low, "{q} {tail}");
                assert!(
                    (0..30).contains(&normal_high.saturating_sub(high)) && normal_high >= high,
                    "{q} {tail}"
                );
            }
        }
    }

    #[test]
    fn no_number_of_values_is_too_large() {
        for count in [1, 2, EXACT, EXACT + 1, 10_u64.pow(11), 10_u64.pow(16), u64::MAX / 100] {
            for q in [0.5, 0.9, 0.99] {
                let (low, high) = ranks(count, q, 0.002).unwrap();
                let middle = (count as f64 * q) as u64;
                assert!(low <= middle && middle <= high, "{count} {q}: {low} {high}");
            }
        }
    }

    #[test]
    fn nothing_is_not_so_many_times_nothing() {
        let at_once = |upper: f64| {
            let buckets = vec![Bucket { lower: 0.0, upper, count: 2000 }];
            Histogram { buckets, beyond: 0 }
        };
        let found = compare(&at_once(0.0), &at_once(0.0), 0.5, 0.99).unwrap();
        assert_eq!(found.ratio, Interval { low: 0.0, high: f64::INFINITY });
        assert_eq!(found.difference, Interval { low: 0.0, high: 0.0 });
        assert!(!found.has_ratio());
    }
}
