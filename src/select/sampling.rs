// SPDX-License-Identifier: Apache-2.0
//! Which share of the requests a mirror copies.

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

/// Steps in a hundred per cent: four decimals of a percentage.
pub(super) const STEPS: u32 = 1_000_000;

/// A share of requests, exact to four decimals of a per cent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percentage(pub(super) u32);

impl Percentage {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(STEPS);

    /// The nearest share to a percentage from 0 to 100, but not nothing for what is above 0.
    pub fn rounded(percent: f64) -> Self {
        let steps = (percent * 10_000.0).round().clamp(0.0, f64::from(STEPS)) as u32;
        Self(if percent > 0.0 { steps.max(1) } else { steps })
    }

    /// The same for tests and tools: `None` outside 0 to 100.
    pub fn from_percent(percent: f64) -> Option<Self> {
        (0.0..=100.0).contains(&percent).then(|| Self::rounded(percent))
    }

    /// The share on the way to another, so much time of all that it takes.
    pub fn towards(self, other: Self, elapsed: Duration, over: Duration) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let elapsed = millis(elapsed.min(over));
        let grown = u64::from(other.0.saturating_sub(self.0)).saturating_mul(elapsed);
        let steps = grown.checked_div(millis(over)).and_then(|steps| u32::try_from(steps).ok());
        Self(self.0.saturating_add(steps.unwrap_or(0)))
    }

    /// Whether chance, or a key, has a part in it.
    pub fn is_partial(self) -> bool {
        self != Self::NONE && self != Self::ALL
    }

    /// Whether a request with this draw is in the share. A smaller share is a subset of a larger one.
    pub fn admits(self, draw: Draw) -> bool {
        draw.0 < self.0
    }
}

/// A point that was drawn for one request and one mirror, uniform over the steps.
#[derive(Debug, Clone, Copy)]
pub struct Draw(pub(super) u32);

/// The source of draws of one VM.
#[derive(Debug)]
pub struct Dice(Rng);

impl Dice {
    pub fn seeded(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// A number that no other VM draws, nor this one again.
    pub fn identity(&mut self) -> u64 {
        self.0.u64(..)
    }

    /// A key for hashes.
    pub fn key(&mut self) -> u128 {
        self.0.u128(..)
    }

    /// Whether one request is in the share. Draws only where chance decides.
    pub fn picks(&mut self, percentage: Percentage) -> bool {
        match percentage {
            Percentage::NONE => false,
            Percentage::ALL => true,
            _ => percentage.admits(Draw(self.0.u32(0..STEPS))),
        }
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut fraction, mut digits) = (self.0 / 10_000, self.0 % 10_000, 4);
        while digits > 0 && fraction.is_multiple_of(10) {
            (fraction, digits) = (fraction / 10, digits - 1);
        }
        match digits {
            0 => write!(f, "{whole} %"),
            _ => write!(f, "{whole}.{fraction:0digits$} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn is_rounded_to_four_decimals_and_never_to_nothing() {
        for (percent, steps) in [
            (0.0, 0),
            (-0.0, 0),
            (100.0, STEPS),
            (0.0001, 1),
            (0.000_000_1, 1),
            (33.333_333_3, 333_333),
            (99.999_96, STEPS),
            (1.1, 11_000),
        ] {
            assert_eq!(Percentage::from_percent(percent), Some(Percentage(steps)), "{percent}");
        }
        for percent in [100.0001, -0.0001, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(Percentage::from_percent(percent), None, "{percent}");
        }
    }

    #[test]
    fn picks_about_the_share() {
        let mut dice = Dice::seeded(7);
        let share = Percentage::from_percent(10.0).expect("valid");
        let picked = (0..100_000).filter(|_| dice.picks(share)).count();
        // Five standard deviations of the binomial distribution are 475.
        assert!((9_525..=10_475).contains(&picked), "{picked}");
    }

    #[test]
    fn chance_has_no_part_in_none_and_all() {
        let mut dice = Dice::seeded(7);
        assert!((0..1000).all(|_| dice.picks(Percentage::ALL)));
        assert!(!(0..1000).any(|_| dice.picks(Percentage::NONE)));
    }

    #[test]
    fn a_smaller_share_is_a_subset_of_a_larger_one() {
        let [small, large] = [1.0, 1.5].map(|percent| Percentage::from_percent(percent).expect("valid"));
        assert!((0..STEPS).map(Draw).all(|draw| !small.admits(draw) || large.admits(draw)));
    }
}
