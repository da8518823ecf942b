// SPDX-License-Identifier: Apache-2.0
//! Values of which only the bucket is known.

use std::collections::BTreeMap;

/// How many values are at least `lower` and below `upper`, in milliseconds. The last may have no upper end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    pub lower: f64,
    pub upper: f64,
    pub count: u64,
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
    /// Within the bucket, as if its values were spread evenly: to be shown, not to be judged by.
    pub(super) at: f64,
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

    /// The values that are in buckets from `bound` upwards, and those beyond all.
    pub fn above(&self, bound: f64) -> u64 {
        let slow = self.buckets.iter().filter(|bucket| bucket.lower >= bound * (1.0 - 1e-9));
        slow.fold(self.beyond, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// The values that are in buckets up to `bound`.
    pub fn below(&self, bound: f64) -> u64 {
        let fast = self.buckets.iter().filter(|bucket| bucket.upper <= bound * (1.0 + 1e-9));
        fast.fold(0, |sum, bucket| sum.saturating_add(bucket.count))
    }

    /// The same distribution seen in `factor` times as many values.
    pub fn times(&self, factor: f64) -> Self {
        let times = |count: u64| (count as f64 * factor).round() as u64;
        let buckets = self.buckets.iter().map(|bucket| Bucket { count: times(bucket.count), ..*bucket });
        Self { buckets: buckets.collect(), beyond: times(self.beyond) }
    }

    /// How many times another value each value is, if both come from here and have nothing to do with each other. As many as there are
    /// values, in buckets of two digits.
    pub fn over_another(&self) -> Self {
        let middle = |bucket: &Bucket| match (bucket.lower, bucket.upper) {
            (lower, upper) if upper.is_infinite() => lower,
            (lower, upper) => (lower.max(upper / 10.0) * upper).sqrt(),
        };
        let values: Vec<(f64, f64)> = self
            .buckets
            .iter()
            .filter(|bucket| bucket.count > 0)
            .map(|bucket| (middle(bucket), bucket.count as f64))
            .collect();
        let all = self.measured().max(1) as f64;
        let mut found: BTreeMap<(i32, u32), f64> = BTreeMap::new();
        for (value, count) in &values {
            for (other, others) in &values {
                let ratio = value / other;
                let power = ratio.log10().floor();
                let digits = (ratio / 10_f64.powf(power) * 10.0 + 1e-6).floor();
                *found.entry((power as i32, digits as u32)).or_default() += count * others / all;
            }
        }
        let bucket = |((power, digits), count): ((i32, u32), f64)| {
            let unit = 10_f64.powi(power - 1);
            let lower = f64::from(digits) * unit;
            Bucket { lower, upper: lower + unit, count: count.round() as u64 }
        };
        Self { buckets: found.into_iter().map(bucket).collect(), beyond: 0 }
    }

    /// Without so many of the smallest values.
    pub fn without_fastest(&self, count: u64) -> Self {
        let buckets = less(self.buckets.iter().copied(), count);
        Self { buckets: buckets.collect(), beyond: self.beyond }
    }

    /// Without so many of the largest values.
    pub fn without_slowest(&self, count: u64) -> Self {
        let measured = count.saturating_sub(self.beyond);
        let mut buckets: Vec<Bucket> = less(self.buckets.iter().rev().copied(), measured).collect();
        buckets.reverse();
        Self { buckets, beyond: self.beyond.saturating_sub(count) }
    }

    /// Where the value of this rank is; the smallest has rank 1.
    pub(super) fn spot(&self, rank: u64) -> Option<Spot> {
        if rank == 0 || rank > self.count() {
            return None;
        }
        let mut below = 0_u64;
        let mut highest = 0.0;
        for Bucket { lower, upper, count } in self.buckets.iter().filter(|bucket| bucket.count > 0).copied() {
            let up_to = below.saturating_add(count);
            if rank <= up_to {
                let part = (rank.saturating_sub(below) as f64 - 0.5) / count as f64;
                let at = if upper.is_finite() { lower + (upper - lower) * part } else { lower };
                return Some(Spot { lower, upper, at });
            }
            below = up_to;
            highest = lower;
        }
        // Requests without an answer in time took longer than all others, at least as long as the slowest bucket.
        Some(Spot { lower: highest, upper: f64::INFINITY, at: f64::INFINITY })
    }
}

/// The buckets without the first `count` values.
fn less(buckets: impl Iterator<Item = Bucket>, mut count: u64) -> impl Iterator<Item = Bucket> {
    buckets.map(move |bucket| {
        let taken = bucket.count.min(count);
        count -= taken;
        Bucket { count: bucket.count - taken, ..bucket }
    })
}
