// SPDX-License-Identifier: Apache-2.0
//! Stops copying to a target that fails again and again, and tries it with one copy after a while.
//!
//! ```text
//! Closed ──failures in a row──► Open ──cooldown──► Probing ──answer──► Closed
//!                                ▲                    │
//!                                └──────failure───────┘
//! ```
//!
//! A failure is a copy that was sent and got no answer; an answer of any status ends the row. A copy that was never sent costs
//! nobody and says nothing. While the breaker is not closed only the probe counts, and after it has closed only copies that
//! were made since: what settles late was sent to the target as it was.

use std::time::Duration;

use crate::time::Moment;

/// The cooldown doubles while probes fail, to this many times at most.
const MAX_COOLDOWNS: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// At least 1.
    pub consecutive_failures: u32,
    pub cooldown: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { consecutive_failures: 50, cooldown: Duration::from_secs(30) }
    }
}

#[derive(Debug)]
pub struct Breaker {
    settings: BreakerSettings,
    state: BreakerState,
    /// How often it has closed after it was open.
    epoch: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerState {
    Closed {
        failures: u32,
    },
    /// `cooldowns`: how many times the cooldown it lasts.
    Open {
        until: Moment,
        cooldowns: u32,
    },
    Probing {
        cooldowns: u32,
    },
}

/// What a breaker remembers of a copy that it let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    pub probe: bool,
    epoch: u32,
}

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// So many copies in a row failed. No copies for a while.
    Opened { failures: u32, cooldown: Duration },
    /// One copy is on its way.
    Probing,
    /// The probe failed. No copies for a while.
    Reopened { cooldown: Duration },
    /// The probe was answered.
    Closed,
}

impl Breaker {
    pub fn new(settings: BreakerSettings) -> Self {
        Self { settings, state: BreakerState::Closed { failures: 0 }, epoch: 0 }
    }

    /// Whether a copy may be made now.
    pub fn admits(&self, now: Moment) -> bool {
        match self.state {
            BreakerState::Closed { .. } => true,
            BreakerState::Open { until, .. } => now >= until,
            BreakerState::Probing { .. } => false,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, BreakerState::Closed { .. })
    }

    /// A copy that was admitted is made.
    pub fn enter(&mut self) -> Pass {
        let probe = match self.state {
            BreakerState::Closed { .. } => false,
            BreakerState::Open { cooldowns, .. } | BreakerState::Probing { cooldowns } => {
                self.state = BreakerState::Probing { cooldowns };
                true
            }
        };
        Pass { probe, epoch: self.epoch }
    }

    /// A copy was answered.
    pub fn answered(&mut self, pass: Pass) -> Option<Transition> {
        match self.state {
            BreakerState::Closed { .. } if pass.epoch == self.epoch => {
                self.state = BreakerState::Closed { failures: 0 };
                None
            }
            BreakerState::Probing { .. } if pass.probe => {
                self.state = BreakerState::Closed { failures: 0 };
                self.epoch = self.epoch.wrapping_add(1);
                Some(Transition::Closed)
            }
            _ => None,
        }
    }

    /// A copy was sent and got no answer.
    pub fn failed(&mut self, pass: Pass, now: Moment) -> Option<Transition> {
        match &mut self.state {
            BreakerState::Closed { failures } if pass.epoch == self.epoch => {
                *failures = failures.saturating_add(1);
                let failures = *failures;
                (failures >= self.settings.consecutive_failures)
                    .then(|| Transition::Opened { failures, cooldown: self.open(1, now) })
            }
            BreakerState::Probing { cooldowns } if pass.probe => {
                let cooldowns = cooldowns.saturating_mul(2).min(MAX_COOLDOWNS);
                Some(Transition::Reopened { cooldown: self.open(cooldowns, now) })
            }
            _ => None,
        }
    }

    /// A copy was not sent after all: the next may be the probe in its place.
    pub fn not_sent(&mut self, pass: Pass, now: Moment) {
        if let BreakerState::Probing { cooldowns } = self.state
            && pass.probe
        {
            self.state = BreakerState::Open { until: now, cooldowns };
        }
    }

    /// How long it is open.
    fn open(&mut self, cooldowns: u32, now: Moment) -> Duration {
        let cooldown = self.settings.cooldown.saturating_mul(cooldowns);
        self.state = BreakerState::Open { until: now.saturating_add(cooldown), cooldowns };
        cooldown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const COOLDOWN: Duration = Duration::from_secs(30);

    fn breaker(consecutive_failures: u32) -> Breaker {
        Breaker::new(BreakerSettings { consecutive_failures, cooldown: COOLDOWN })
    }

    fn at(seconds: u64) -> Moment {
        Duration::from_secs(seconds)
    }

    #[test]
    fn opens_after_failures_in_a_row_and_an_answer_ends_the_row() {
        let mut breaker = breaker(3);
        let pass = breaker.enter();
        for _ in 0..5 {
            assert_eq!(breaker.failed(pass, at(0)), None);
            assert_eq!(breaker.failed(pass, at(0)), None);
            assert_eq!(breaker.answered(pass), None);
        }
        assert_eq!(breaker.failed(pass, at(0)), None);
        assert_eq!(breaker.failed(pass, at(0)), None);
        assert!(breaker.admits(at(0)));
        assert_eq!(breaker.failed(pass, at(1)), Some(Transition::Opened { failures: 3, cooldown: COOLDOWN }));
        assert!(!breaker.admits(at(30)) && breaker.admits(at(31)));
    }

    #[test]
    fn one_probe_decides_and_no_copy_from_before() {
        let mut breaker = breaker(1);
        let old = breaker.enter();
        assert!(!old.probe);
        breaker.failed(old, at(0));
        assert_eq!(breaker.answered(old), None);
        assert_eq!(breaker.failed(old, at(29)), None, "the cooldown is not prolonged");
        assert!(breaker.admits(at(30)));
        let probe = breaker.enter();
        assert!(probe.probe && !breaker.admits(at(1000)), "one probe at a time");
        assert_eq!((breaker.answered(old), breaker.failed(old, at(31))), (None, None));
        assert_eq!(breaker.failed(probe, at(40)), Some(Transition::Reopened { cooldown: COOLDOWN * 2 }));
        assert!(!breaker.admits(at(99)) && breaker.admits(at(100)));
        let probe = breaker.enter();
        assert_eq!(breaker.answered(probe), Some(Transition::Closed));
        assert!(breaker.is_closed() && breaker.admits(at(100)) && !breaker.enter().probe);
    }

    #[test]
    fn copies_of_before_it_opened_do_not_count_after_it_has_closed() {
        let mut breaker = breaker(2);
        let old = breaker.enter();
        breaker.failed(old, at(0));
        breaker.failed(old, at(0));
        let probe = breaker.enter();
        breaker.answered(probe);
        for _ in 0..10 {
            assert_eq!(breaker.failed(old, at(31)), None);
        }
        let new = breaker.enter();
        assert_eq!(breaker.failed(new, at(32)), None);
        assert_eq!(breaker.answered(old), None, "nor does an answer of then end the row");
        assert!(matches!(breaker.failed(new, at(32)), Some(Transition::Opened { .. })));
    }

    #[test]
    fn the_cooldown_doubles_to_ten_times_and_begins_anew() {
        let mut breaker = breaker(1);
        let pass = breaker.enter();
        breaker.failed(pass, at(0));
        let mut now = 0;
        for times in [1, 2, 4, 8, 10, 10] {
            now += 30 * times;
            assert!(!breaker.admits(at(now - 1)) && breaker.admits(at(now)), "{times} cooldowns");
            let probe = breaker.enter();
            breaker.failed(probe, at(now));
        }
        now += 300;
        let probe = breaker.enter();
        assert_eq!(breaker.answered(probe), Some(Transition::Closed));
        let pass = breaker.enter();
        assert_eq!(
            breaker.failed(pass, at(now)),
            Some(Transition::Opened { failures: 1, cooldown: COOLDOWN })
        );
    }

    #[test]
    fn a_probe_that_was_not_sent_leaves_the_next_copy_to_be_one() {
        let mut breaker = breaker(1);
        let pass = breaker.enter();
        breaker.failed(pass, at(0));
        let probe = breaker.enter();
        breaker.not_sent(probe, at(30));
        assert!(breaker.admits(at(30)) && breaker.enter().probe);
        breaker.not_sent(pass, at(30));
        assert!(!breaker.admits(at(30)), "another copy that was not sent changes nothing");
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        /// Whatever happens: no copy within a cooldown, one probe at a time, stragglers never count, never stuck.
        #[test]
        fn keeps_its_promises(limit in 1u32..5, events in proptest::collection::vec((0u8..4, 0usize..8, 0u64..40), 1..200)) {
            let mut breaker = breaker(limit);
            let (mut now, mut row, mut closed_until, mut times, mut opened) = (0, 0, None, 1, 0);
            // Passes under way, with how often the breaker had closed when each was given.
            let mut under_way: Vec<(Pass, usize)> = Vec::new();
            for (event, index, seconds) in events {
                now += seconds;
                let probes = under_way.iter().filter(|(pass, _)| pass.probe).count();
                if event == 0 || under_way.is_empty() {
                    let admitted = breaker.admits(at(now));
                    let expected = closed_until.is_none_or(|until| now >= until && probes == 0);
                    proptest::prop_assert_eq!(admitted, expected);
                    if admitted {
                        under_way.push((breaker.enter(), opened));
                    }
                    continue;
                }
                let (pass, then) = under_way.swap_remove(index % under_way.len());
                let counts = pass.probe || closed_until.is_none() && then == opened;
                match event {
                    1 => {
                        let change = breaker.answered(pass);
                        proptest::prop_assert_eq!(change == Some(Transition::Closed), pass.probe);
                        if pass.probe {
                            (closed_until, opened, times) = (None, opened + 1, 1);
                        }
                        if counts {
                            row = 0;
                        }
                    }
                    2 => {
                        breaker.failed(pass, at(now));
                        row += u32::from(counts);
                        if pass.probe {
                            times = (times * 2).min(10);
                        }
                        if counts && (pass.probe || row >= limit) {
                            closed_until = Some(now + COOLDOWN.as_secs() * times);
                        }
                    }
                    _ => {
                        breaker.not_sent(pass, at(now));
                        if pass.probe {
                            closed_until = Some(now);
                        }
                    }
                }
                proptest::prop_assert_eq!(breaker.is_closed(), closed_until.is_none());
            }
        }
    }
}
