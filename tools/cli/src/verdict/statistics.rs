// SPDX-License-Identifier: Apache-2.0
//! What can be said of two sides from counts and histograms, and how surely. Numbers in, intervals out; it knows no mirror,
//! no threshold and no metric.

mod histogram;
mod proportion;
mod quantile;
mod sequential;
#[cfg(test)]
mod tests;

pub use self::histogram::{Bucket, Histogram};
pub use self::proportion::{difference, difference_within};
pub use self::quantile::{Comparison, Estimate, mean, quantile, quantile_seen};
pub use self::sequential::share;

/// Where a value lies. Either end may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}
