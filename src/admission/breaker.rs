// SPDX-License-Identifier: Apache-2.0
//! Stops copying to a shadow that fails again and again, and tries it with one copy after a while.
//!
//! ```text
//! Closed ──failures in a row──► Open ──cooldown──► Probing ──answer──► Closed
//!                                ▲                    │
//!                                └──────failure───────┘
//! ```
//!
//! A failure is a copy without an answer, for whatever reason; an answer of any status ends the row. While the
//! breaker is not closed only the probe counts: other copies that settle then were sent before.

use std::time::Duration;

use crate::time::Moment;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BreakerState {
    Closed { failures: u32 },
    Open { until: Moment },
    Probing,
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
        Self { settings, state: BreakerState::Closed { failures: 0 } }
    }

    /// Whether a copy may be made now.
    pub fn admits(&self, now: Moment) -> bool {
        match self.state {
            BreakerState::Closed { .. } => true,
            BreakerState::Open { until } => now >= until,
            BreakerState::Probing => false,
        }
    }

    pub fn is_closed(&self) -> bool {
        matches!(self.state, BreakerState::Closed { .. })
    }

    /// A copy that was admitted is made. Whether it is the probe.
    pub fn enter(&mut self) -> bool {
        let probe = !self.is_closed();
        if probe {
            self.state = BreakerState::Probing;
        }
        probe
    }

    /// A copy was answered.
    pub fn answered(&mut self, probe: bool) -> Option<Transition> {
        match self.state {
            BreakerState::Closed { .. } => {
                self.state = BreakerState::Closed { failures: 0 };
                None
            }
            BreakerState::Probing if probe => {
                self.state = BreakerState::Closed { failures: 0 };
                Some(Transition::Closed)
            }
            BreakerState::Open { .. } | BreakerState::Probing => None,
        }
    }

    /// A copy failed.
    pub fn failed(&mut self, probe: bool, now: Moment) -> Option<Transition> {
        let BreakerSettings { consecutive_failures, cooldown } = self.settings;
        let open = BreakerState::Open { until: now.saturating_add(cooldown) };
        match &mut self.state {
            BreakerState::Closed { failures } => {
                *failures = failures.saturating_add(1);
                let failures = *failures;
                (failures >= consecutive_failures).then(|| {
                    self.state = open;
                    Transition::Opened { failures, cooldown }
                })
            }
            BreakerState::Probing if probe => {
                self.state = open;
                Some(Transition::Reopened { cooldown })
            }
            BreakerState::Open { .. } | BreakerState::Probing => None,
        }
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
        for _ in 0..5 {
            assert_eq!(breaker.failed(false, at(0)), None);
            assert_eq!(breaker.failed(false, at(0)), None);
            assert_eq!(breaker.answered(false), None);
        }
        assert_eq!(breaker.failed(false, at(0)), None);
        assert_eq!(breaker.failed(false, at(0)), None);
        assert!(breaker.admits(at(0)));
        assert_eq!(
            breaker.failed(false, at(1)),
            Some(Transition::Opened { failures: 3, cooldown: COOLDOWN })
        );
        assert!(!breaker.admits(at(30)) && breaker.admits(at(31)));
    }

    #[test]
    fn one_probe_decides_and_no_copy_from_before() {
        let mut breaker = breaker(1);
        assert!(!breaker.enter());
        breaker.failed(false, at(0));
        assert_eq!(breaker.answered(false), None);
        assert_eq!(breaker.failed(false, at(29)), None, "the cooldown is not prolonged");
        assert!(breaker.admits(at(30)) && breaker.enter());
        assert!(!breaker.admits(at(1000)), "one probe at a time");
        assert_eq!((breaker.answered(false), breaker.failed(false, at(31))), (None, None));
        assert_eq!(breaker.failed(true, at(40)), Some(Transition::Reopened { cooldown: COOLDOWN }));
        assert!(!breaker.admits(at(69)) && breaker.admits(at(70)) && breaker.enter());
        assert_eq!(breaker.answered(true), Some(Transition::Closed));
        assert!(breaker.is_closed() && breaker.admits(at(70)) && !breaker.enter());
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        /// Whatever happens: no copy within a cooldown, one probe at a time, never stuck.
        #[test]
        fn keeps_its_promises(limit in 1u32..5, events in proptest::collection::vec((0u8..3, 0u64..20), 1..200)) {
            let mut breaker = breaker(limit);
            let (mut now, mut row, mut closed_until) = (0, 0, None);
            let mut under_way: Vec<bool> = Vec::new();
            for (event, seconds) in events {
                now += seconds;
                let probes = under_way.iter().filter(|probe| **probe).count();
                if event == 0 {
                    let admitted = breaker.admits(at(now));
                    let expected = closed_until.is_none_or(|until| now >= until && probes == 0);
                    proptest::prop_assert_eq!(admitted, expected);
                    if admitted {
                        under_way.push(breaker.enter());
                    }
                } else if let Some(probe) = under_way.pop() {
                    let counts = closed_until.is_none() || probe;
                    if event == 1 {
                        let change = breaker.answered(probe);
                        proptest::prop_assert_eq!(change == Some(Transition::Closed), probe);
                        if counts {
                            (row, closed_until) = (0, None);
                        }
                    } else {
                        breaker.failed(probe, at(now));
                        row += u32::from(counts);
                        if counts && (probe || row >= limit) {
                            closed_until = Some(now + COOLDOWN.as_secs());
                        }
                    }
                }
                proptest::prop_assert_eq!(breaker.is_closed(), closed_until.is_none());
            }
        }
    }
}
