// SPDX-License-Identifier: Apache-2.0
//! Percentiles and means of two histograms, and how far apart they are.
//!
//! A percentile's interval is that of order statistics: which ranks hold it is a matter of counts alone, whatever the latencies are
//! distributed like. The ranks are then looked up in the buckets, whose ends are taken as they are: nothing is assumed of their
//! inside.

use super::sequential::{WEIGHT, below};
use super::{Histogram, Interval};

/// A latency of one side, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub value: f64,
    pub low: f64,
    pub high: f64,
}

/// A latency of both sides.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    pub primary: Estimate,
    pub shadow: Estimate,
    /// The shadow's over the primary's.
    pub ratio: Interval,
    /// The shadow's minus the primary's, in milliseconds.
    pub difference: Interval,
}

impl Comparison {
    /// Both hold together with the confidence of the sum of what each was made with.
    pub fn of(primary: Estimate, shadow: Estimate) -> Self {
        let over = |to: f64, from: f64, unknown: f64| match (to, from) {
            // Nothing is so many times nothing, and what has no end has no part.
            (_, from) if from <= 0.0 => unknown,
            (to, from) if to.is_infinite() && from.is_infinite() => unknown,
            (to, from) => to / from,
        };
        let minus = |to: f64, from: f64, unknown: f64| {
            if to.is_infinite() && from.is_infinite() { unknown } else { to - from }
        };
        Self {
            primary,
            shadow,
            ratio: Interval {
                low: over(shadow.low, primary.high, 0.0),
                high: over(shadow.high, primary.low, f64::INFINITY),
            },
            difference: Interval {
                low: minus(shadow.low, primary.high, f64::NEG_INFINITY),
                high: minus(shadow.high, primary.low, f64::INFINITY),
            },
        }
    }
}

/// The quantile `q` (0.99 for P99). `None` of an empty histogram.
pub fn quantile(histogram: &Histogram, q: f64, alpha: f64) -> Option<Estimate> {
    let value = quantile_seen(histogram, q)?;
    let (fewest, most) = below(histogram.count(), q, alpha);
    Some(Estimate {
        value,
        low: histogram.spot(fewest).map_or(0.0, |spot| spot.lower),
        high: histogram.spot(most.saturating_add(1)).map_or(f64::INFINITY, |spot| spot.upper),
    })
}

/// The quantile of these values, not of where they come from.
pub fn quantile_seen(histogram: &Histogram, q: f64) -> Option<f64> {
    let rank = (histogram.count() as f64 * q).ceil() as u64;
    histogram.spot(rank.max(1)).map(|spot| spot.at)
}

/// The mean of what was measured: nobody knows how long those would have taken that were given up. `None` of an empty
/// histogram.
///
/// Its interval is that of the central limit theorem made to hold at all looks (Waudby-Smith, Arbour, Sinha, Kennedy and
/// Ramdas 2021, "Time-uniform central limit theory"), around what the ends of the buckets allow.
pub fn mean(histogram: &Histogram, alpha: f64) -> Option<Estimate> {
    let n = histogram.measured() as f64;
    if n < 1.0 {
        return None;
    }
    let buckets = || histogram.buckets.iter().filter(|bucket| bucket.count > 0);
    let lower = buckets().map(|bucket| bucket.lower * bucket.count as f64).sum::<f64>() / n;
    let upper = buckets().map(|bucket| bucket.upper * bucket.count as f64).sum::<f64>() / n;
    if upper.is_infinite() {
        return Some(Estimate { value: lower, low: 0.0, high: f64::INFINITY });
    }
    let deviations = buckets().map(|bucket| (bucket.upper - upper).powi(2) * bucket.count as f64);
    let deviation = (deviations.sum::<f64>() / n).sqrt();
    let weighed = n / WEIGHT;
    let reach = (2.0 * (weighed + 1.0) / (n * weighed) * ((weighed + 1.0).sqrt() / alpha).ln()).sqrt();
    let half = deviation * reach;
    Some(Estimate { value: f64::midpoint(lower, upper), low: (lower - half).max(0.0), high: upper + half })
}
