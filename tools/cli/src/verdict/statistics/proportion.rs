// SPDX-License-Identifier: Apache-2.0
//! The difference of two shares.

use super::{Interval, share};

/// An interval for the second share minus the first, each as `(hits, of)`, from the intervals of both as Newcombe joins them
/// (1998, method 10): the distances from estimate to end add up as those of independent sides do.
///
/// It takes the sides for independent. Those of a mirror are of the same requests, and rise and fall together if anything: the
/// interval is rather too wide than too narrow.
pub fn difference(first: (u64, u64), second: (u64, u64), alpha: f64) -> Interval {
    if first.1 == 0 || second.1 == 0 {
        return Interval { low: -1.0, high: 1.0 };
    }
    let seen = |(hits, of): (u64, u64)| hits.min(of) as f64 / of as f64;
    let (p, q) = (seen(first), seen(second));
    let (a, b) = (share(first.0, first.1, alpha), share(second.0, second.1, alpha));
    let below = (q - b.low).hypot(a.high - p);
    let above = (b.high - q).hypot(p - a.low);
    Interval { low: (q - p - below).max(-1.0), high: (q - p + above).min(1.0) }
}

/// The same of two shares of the same values, as `hits`, which may hang together: nothing is assumed of how.
pub fn difference_within(first: u64, second: u64, of: u64, alpha: f64) -> Interval {
    let each = alpha / 2.0;
    let (a, b) = (share(first, of, each), share(second, of, each));
    Interval { low: b.low - a.high, high: b.high - a.low }
}
