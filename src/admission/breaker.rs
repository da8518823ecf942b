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

use xxhash_rust::xxh64::xxh64;

use crate::time::Moment;

/// The cooldown doubles while probes fail, to this many times at most.
const MAX_COOLDOWNS: u32 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// At least 1.
    pub consecutive_failures: u32,
    pub cooldown: Duration,
}

impl BreakerSettings {
    /// What a breaker with these settings for this cluster is known by to other workers.
    pub fn identity(&self, cluster: &str) -> u64 {
        let cooldown = u64::try_from(self.cooldown.as_millis()).unwrap_or(u64::MAX);
        xxh64(cluster.as_bytes(), cooldown.rotate_left(32) ^ u64::from(self.consecutive_failures))
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { consecutive_failures: 50, cooldown: Duration::from_secs(30) }
    }
}

#[derive(Debug, Clone)]
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

    /// Until when it is open, for how many cooldowns; `None` if it is closed. A probe that is under way has no end.
    pub fn open(&self) -> Option<(Moment, u32)> {
        match self.state {
            BreakerState::Closed { .. } => None,
            BreakerState::Open { until, cooldowns } => Some((until, cooldowns)),
            BreakerState::Probing { cooldowns } => Some((Moment::MAX, cooldowns)),
        }
    }

    /// Takes over the state of another breaker for the same target. What is under way does not count any more.
    pub fn follow(&mut self, open: Option<(Moment, u32)>) {
        let was_closed = self.is_closed();
        self.state = match open {
            Some((until, cooldowns)) => {
                BreakerState::Open { until, cooldowns: cooldowns.clamp(1, MAX_COOLDOWNS) }
            }
            None => BreakerState::Closed { failures: 0 },
        };
        self.epoch = self.epoch.wrapping_add((self.is_closed() && !was_closed).into());
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
                    .then(|| Transition::Opened { failures, cooldown: self.trip(1, now) })
            }
            BreakerState::Probing { cooldowns } if pass.probe => {
                let cooldowns = cooldowns.saturating_mul(2).min(MAX_COOLDOWNS);
                Some(Transition::Reopened { cooldown: self.trip(cooldowns, now) })
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
    fn trip(&mut self, cooldowns: u32, now: Moment) -> Duration {
        let cooldown = self.settings.cooldown.saturating_mul(cooldowns);
        self.state = BreakerState::Open { until: now.saturating_add(cooldown), cooldowns };
        cooldown
    }
}

#[cfg(test)]
mod tests;
