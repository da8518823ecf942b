// SPDX-License-Identifier: Apache-2.0
//! Shares, and the difference of two.

use statrs::distribution::{ContinuousCDF, Normal};

use super::Interval;

/// Wilson's score interval for the share `hits / of`. Unlike the textbook's it is right near 0 and 1, which is where error
/// rates live.
pub fn wilson(hits: u64, of: u64, confidence: f64) -> Interval {
    if of == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, z) = (of as f64, two_sided(confidence));
    let share = hits as f64 / n;
    let scale = 1.0 + z * z / n;
    let center = (share + z * z / (2.0 * n)) / scale;
    let half = z / scale * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    Interval { low: (center - half).max(0.0), high: (center + half).min(1.0) }
}

/// Newcombe's hybrid score interval for the second share minus the first, each as `(hits, of)`.
///
/// It takes them for independent. Those of a mirror are of the same requests, and rise and fall together if anything: the
/// interval is rather too wide than too narrow. (Newcombe 1998, method 10.)
pub fn newcombe(first: (u64, u64), second: (u64, u64), confidence: f64) -> Interval {
    if first.1 == 0 || second.1 == 0 {
        return Interval { low: -1.0, high: 1.0 };
    }
    let share = |(hits, of): (u64, u64)| hits as f64 / of as f64;
    let (p, q) = (share(first), share(second));
    let (a, b) = (wilson(first.0, first.1, confidence), wilson(second.0, second.1, confidence));
    let below = (q - b.low).hypot(a.high - p);
    let above = (b.high - q).hypot(p - a.low);
    Interval { low: (q - p - below).max(-1.0), high: (q - p + above).min(1.0) }
}

/// How many standard deviations to either side hold this share of a normal distribution.
fn two_sided(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(0.5 + confidence / 2.0)
}
