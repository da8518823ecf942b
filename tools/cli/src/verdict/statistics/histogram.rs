// SPDX-License-Identifier: Apache-2.0
//! Values of which only the bucket is known.

use statrs::distribution::{ContinuousCDF, Normal};

/// A bucket is fine if its ends are no further apart than this factor: it needs no assumption about its inside then.
const FINE: f64 = 1.25;
/// Durations are whole milliseconds: a bucket of one says all that there is to say.
const UNIT: f64 = 1.0;
/// A coarse bucket that holds more of the distribution than this, in standard deviations of a normal one, may hide any
/// shape.
const TOO_STEEP: f64 = 3.0;

/// How many values are above `lower` and not above `upper`, in milliseconds. The last may have no upper end.
///
/// Envoy sorts its own buckets into those of its settings as wholes: what it says is at most 100 ms may be up to 109 (seen on
/// 1.40.0). Both sides have the same ends, so it hardly changes how they compare.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: u64,
}

impl Bucket {
    fn is_fine(&self) -> bool {
        self.upper <= self.lower * FINE || self.upper - self.lower <= UNIT
    }
}

/// Buckets in ascending order that do not overlap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    pub buckets: Vec<Bucket>,
    /// Values that are above all that were measured, without an upper bound: answers that never came in time.
    pub beyond: u64,
}

/// Where a value lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) lower: f64,
    pub(super) upper: f64,
    /// Within the bucket, by interpolation.
    pub(super) at: f64,
    /// The bucket's ends are to be taken as they are: it is fine, or nothing is known of its inside.
    pub(super) hard: bool,
    /// Nothing is known of the inside of a wide bucket.
    pub(super) blind: bool,
}

impl Spot {
    pub(super) const NO_LOWER: Self = Self { lower: 0.0, upper: 0.0, at: 0.0, hard: true, blind: false };
    pub(super) const NO_UPPER: Self =
        Self { lower: f64::INFINITY, upper: f64::INFINITY, at: f64::INFINITY, hard: true, blind: false };
}

impl Histogram {
    /// All values.
    pub fn count(&self) -> u64 {
        self.measured().saturating_add(self.beyond)
    }

    /// The values that are in buckets.
    pub fn measured(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// The same distribution seen in `factor` times as many values.
    pub fn times(&self, factor: f64) -> Self {
        let times = |count: u64| (count as f64 * factor).round() as u64;
        let buckets = self.buckets.iter().map(|bucket| Bucket { count: times(bucket.count), ..*bucket });
        Self { buckets: buckets.collect(), beyond: times(self.beyond) }
    }

    /// Where the value of this rank is; the smallest has rank 1.
    ///
    /// Between the ends of a coarse bucket the distribution is drawn as a straight line over the logarithm of the time and the
    /// normal score, which is exact where the logarithm is normal, as that of latencies roughly is.
    pub(super) fn spot(&self, rank: u64) -> Option<Spot> {
        let total = self.count();
        if rank == 0 || rank > total {
            return None;
        }
        let mut below = 0_u64;
        let mut highest = 0.0;
        for bucket in self.buckets.iter().filter(|bucket| bucket.count > 0) {
            let up_to = below.saturating_add(bucket.count);
            if rank <= up_to {
                return Some(within(bucket, below, rank, total));
            }
            below = up_to;
            highest = bucket.lower;
        }
        // Whoever did not answer in time took longer than all who did, at least as long as the slowest bucket.
        let unknown = f64::INFINITY;
        Some(Spot { lower: highest, upper: unknown, at: unknown, hard: true, blind: false })
    }
}

fn within(bucket: &Bucket, below: u64, rank: u64, total: u64) -> Spot {
    let Bucket { lower, upper, count } = *bucket;
    let linear = (rank.saturating_sub(below) as f64 - 0.5) / count as f64;
    let spot =
        |at: f64, hard: bool, blind: bool| Spot { lower, upper, at: at.clamp(lower, upper), hard, blind };
    if bucket.is_fine() {
        return spot(lower + (upper - lower) * linear, true, false);
    }
    if lower <= 0.0 || upper.is_infinite() {
        let at = if upper.is_finite() { upper * linear } else { lower };
        return spot(at, true, true);
    }
    let score = |values: f64| {
        let share = (values / total as f64).clamp(0.5 / total as f64, 1.0 - 0.5 / total as f64);
        Normal::standard().inverse_cdf(share)
    };
    let (low, high) = (score(below as f64), score(below as f64 + count as f64));
    let steep = high - low;
    let part = if steep > 0.0 { ((score(rank as f64 - 0.5) - low) / steep).clamp(0.0, 1.0) } else { linear };
    let at = (lower.ln() + (upper / lower).ln() * part).exp();
    let blind = steep > TOO_STEEP;
    spot(at, blind, blind)
}
