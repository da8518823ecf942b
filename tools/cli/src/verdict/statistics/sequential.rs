// SPDX-License-Identifier: Apache-2.0
//! Bounds that hold at every look, however often and whenever somebody looks (confidence sequences).
//!
//! Of a share that is said to be p, the counts so far are evidence against it: how much likelier they are where the share is
//! drawn from beta distributions around p than where it is p. That ratio is a martingale that starts at 1 if p is true, so that
//! with a probability of at most `alpha` it *ever* reaches 1 / `alpha` (Ville's inequality). A share is in the interval
//! while it has not. (Robbins 1970; Howard, Ramdas, McAuliffe and Sekhon 2021, who also give the use for quantiles: the number of
//! values below the quantile q is a count whose share is q.)

use statrs::function::gamma::ln_gamma;

use super::Interval;

/// What the beta distributions weigh, in values; the mean of their martingales is one, too. The interval is tightest, compared
/// with one for a single look, at about ten times as many values.
const WEIGHTS: [f64; 2] = [100.0, WEIGHT];
pub(super) const WEIGHT: f64 = 1000.0;

/// More values are taken for as many: logarithms of larger factorials are not exact enough. It only widens the interval, which
/// is without width there.
const MOST: f64 = 1e9;

/// Halvings of an interval.
const STEPS: u32 = 40;

/// Where the share is of which `hits` out of `of` were seen. It holds at all looks together with the probability 1 - `alpha`.
pub fn share(hits: u64, of: u64, alpha: f64) -> Interval {
    if of == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (hits, of) = scaled(hits.min(of), of);
    let seen = hits / of;
    let possible = |share: f64| evidence(hits, of, share) < -alpha.ln();
    let low = if hits > 0.0 { edge(0.0, seen, &possible) } else { 0.0 };
    let high = if hits < of { edge(1.0, seen, &possible) } else { 1.0 };
    Interval { low, high }
}

/// How many of `count` values are below their distribution's quantile `q`, at the least and at the most.
pub(super) fn below(count: u64, q: f64, alpha: f64) -> (u64, u64) {
    let (_, of) = scaled(0, count);
    let possible = |below: f64| evidence(below, of, q) < -alpha.ln();
    let middle = of * q;
    let low = if possible(0.0) { 0.0 } else { edge(0.0, middle, &possible) };
    let high = if possible(of) { of } else { edge(of, middle, &possible) };
    if of < count as f64 {
        let back = count as f64 / of;
        return ((low * back).floor() as u64, ((high * back).ceil() as u64).min(count));
    }
    // The nearest numbers that are possible.
    (low.ceil() as u64, high.floor() as u64)
}

fn scaled(hits: u64, of: u64) -> (f64, f64) {
    let factor = (MOST / of.max(1) as f64).min(1.0);
    (hits as f64 * factor, of as f64 * factor)
}

/// The logarithm of the martingale.
fn evidence(hits: f64, of: f64, share: f64) -> f64 {
    let share = share.clamp(1e-12, 1.0 - 1e-12);
    let expected = hits * share.ln() + (of - hits) * (-share).ln_1p();
    let [light, heavy] = WEIGHTS.map(|weight| {
        let (a, b) = (share * weight, (1.0 - share) * weight);
        ln_beta(a + hits, b + of - hits) - ln_beta(a, b) - expected
    });
    let (less, more) = (light.min(heavy), light.max(heavy));
    more + (less - more).exp().ln_1p() - std::f64::consts::LN_2
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}

/// Between a value that is not possible and one that is, the last that is not.
fn edge(mut impossible: f64, mut sure: f64, possible: &impl Fn(f64) -> bool) -> f64 {
    for _ in 0..STEPS {
        let middle = f64::midpoint(impossible, sure);
        if possible(middle) {
            sure = middle;
        } else {
            impossible = middle;
        }
    }
    impossible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_seen_leaves_little_room() {
        let found = share(0, 12_000, 0.002);
        assert_eq!(found.low, 0.0);
        assert!((0.0005..0.0009).contains(&found.high), "{found:?}");
        assert_eq!(share(5, 5, 0.002).high, 1.0);
        assert!(share(8, 8, 0.002).low > 0.01);
        assert!(share(2, 2, 0.002).low < 0.01);
        assert_eq!(share(0, 0, 0.002), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn no_number_of_values_is_too_large() {
        for count in [1, 2, 1_000_000_000, 10_u64.pow(11), 10_u64.pow(16), u64::MAX / 100] {
            for q in [0.5, 0.9, 0.99, 0.999] {
                let (low, high) = below(count, q, 0.002);
                let middle = (count as f64 * q) as u64;
                assert!(low <= middle && middle <= high, "{count} {q}: {low} {high}");
            }
            let found = share(count / 2, count, 0.002);
            let seen = (count / 2) as f64 / count as f64;
            assert!(found.low <= seen && seen <= found.high, "{count}: {found:?}");
        }
    }

    /// A share that is looked at after each value leaves its interval in at most `alpha` of all runs.
    #[test]
    fn an_interval_holds_at_all_looks_together() {
        const RUNS: u32 = 400;
        let mut random = fastrand::Rng::with_seed(14);
        for truth in [0.01, 0.3] {
            let left = (0..RUNS).filter(|_| {
                let mut hits = 0;
                (1..=2_000_u64).any(|of| {
                    hits += u64::from(random.f64() < truth);
                    evidence(hits as f64, of as f64, truth) >= -0.05_f64.ln()
                })
            });
            let left = left.count();
            assert!(left <= RUNS as usize / 20, "{left} of {RUNS} at {truth}");
        }
    }
}
