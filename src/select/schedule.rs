// SPDX-License-Identifier: Apache-2.0
//! When a mirror copies, and how its share grows at first.

use std::time::Duration;

use super::Percentage;
use crate::time::Timestamp;

/// A mirror's `active` and `ramp`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    pub from: Option<Timestamp>,
    /// Not included.
    pub until: Option<Timestamp>,
    pub ramp: Option<Ramp>,
}

/// From `start` at [`Schedule::from`] to the mirror's own share, linearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ramp {
    /// At most the mirror's own share.
    pub start: Percentage,
    pub over: Duration,
}

impl Schedule {
    /// Whether the time matters at all.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    pub fn is_active(&self, now: Timestamp) -> bool {
        self.from.is_none_or(|from| now >= from) && self.until.is_none_or(|until| now < until)
    }

    /// The share at a time, of a mirror whose own this is in the end.
    pub fn share(&self, full: Percentage, now: Timestamp) -> Percentage {
        match (self.ramp, self.from) {
            (Some(Ramp { start, over }), Some(from)) => start.towards(full, now.since(from), over),
            _ => full,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::since_epoch(Duration::from_secs(seconds))
    }

    fn percent(percent: f64) -> Percentage {
        Percentage::from_percent(percent).expect("valid")
    }

    #[test]
    fn is_active_from_its_beginning_until_before_its_end() {
        let (from, until) = (Some(at(10)), Some(at(20)));
        let active = |from, until, now| Schedule { from, until, ramp: None }.is_active(at(now));
        assert_eq!([9, 10, 19, 20].map(|now| active(from, until, now)), [false, true, true, false]);
        assert_eq!([9, 10, 20].map(|now| active(from, None, now)), [false, true, true]);
        assert_eq!([0, 19, 20].map(|now| active(None, until, now)), [true, true, false]);
        assert!(active(None, None, 0) && !Schedule::default().is_set());
    }

    #[test]
    fn a_ramp_is_a_line_from_start_to_the_full_share() {
        let ramp = Some(Ramp { start: percent(1.0), over: Duration::from_secs(1800) });
        let schedule = Schedule { from: Some(at(1000)), until: None, ramp };
        for (now, share) in
            [(0, 1.0), (1000, 1.0), (1180, 10.9), (1900, 50.5), (2799, 99.945), (2800, 100.0), (9999, 100.0)]
        {
            assert_eq!(schedule.share(Percentage::ALL, at(now)), percent(share), "{now}");
        }
        assert_eq!(schedule.share(percent(1.0), at(1900)), percent(1.0));
        assert_eq!(Schedule { ramp: None, ..schedule }.share(percent(7.0), at(0)), percent(7.0));
    }

    #[test]
    fn a_share_never_falls_on_its_way() {
        let ramp = Some(Ramp { start: percent(0.0), over: Duration::from_millis(12_345) });
        let schedule = Schedule { from: Some(at(0)), until: None, ramp };
        let share =
            |millis| schedule.share(percent(33.3333), Timestamp::since_epoch(Duration::from_millis(millis)));
        assert!((0..13_000).all(|millis| share(millis) <= share(millis + 1)));
        assert_eq!((share(0), share(12_345)), (Percentage::NONE, percent(33.3333)));
    }
}
