// SPDX-License-Identifier: Apache-2.0
//! The model of what may be sent: limits of a mirror, and a breaker for each of its clusters.

use std::collections::BTreeMap;
use std::time::Duration;

use super::spec::{RATE, Spec};

/// A token, in the unit in which [`RATE`] is what a microsecond adds.
const TOKEN: u128 = 10_000_000_000_000;

#[derive(Debug)]
pub struct Gate {
    max_in_flight: Option<u32>,
    in_flight: u32,
    burst: Option<u32>,
    tokens: u128,
    filled: Duration,
    /// Failures in a row, and the cooldown.
    breaker: Option<(u32, Duration)>,
    breakers: BTreeMap<String, Breaker>,
}

#[derive(Debug, Default)]
struct Breaker {
    row: u32,
    open: Option<Open>,
    /// How often it has closed again.
    era: u32,
}

#[derive(Debug)]
struct Open {
    until: Duration,
    cooldowns: u32,
    probing: bool,
}

/// What is remembered of a copy.
#[derive(Debug, Clone)]
pub struct Pass {
    cluster: String,
    era: u32,
    probe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Answered,
    Failed,
    NotSent,
}

impl Gate {
    pub fn new(spec: &Spec) -> Self {
        Self {
            max_in_flight: spec.max_in_flight,
            in_flight: 0,
            burst: spec.burst,
            tokens: u128::from(spec.burst.unwrap_or(0)) * TOKEN,
            filled: Duration::ZERO,
            breaker: spec.breaker.map(|(failures, millis)| (failures, Duration::from_millis(millis))),
            breakers: BTreeMap::new(),
        }
    }

    pub fn breaker_admits(&self, cluster: &str, now: Duration) -> bool {
        let open = self.breakers.get(cluster).and_then(|breaker| breaker.open.as_ref());
        open.is_none_or(|open| !open.probing && now >= open.until)
    }

    pub fn is_open(&self) -> bool {
        self.breakers.values().any(|breaker| breaker.open.is_some())
    }

    /// Whether a copy may be made but for the breaker. Takes a token then.
    pub fn admits(&mut self, now: Duration) -> Result<(), &'static str> {
        if self.max_in_flight.is_some_and(|max| self.in_flight >= max) {
            return Err("in_flight");
        }
        if let Some(burst) = self.burst {
            let micros = (now - self.filled).as_micros();
            self.filled = now;
            self.tokens = (self.tokens + micros * u128::from(RATE)).min(u128::from(burst) * TOKEN);
            self.tokens = self.tokens.checked_sub(TOKEN).ok_or("rate")?;
        }
        Ok(())
    }

    /// One copy is made.
    pub fn enter(&mut self, cluster: &str) -> Pass {
        self.in_flight += 1;
        let breaker = self.breakers.entry(cluster.to_owned()).or_default();
        if let Some(open) = &mut breaker.open {
            open.probing = true;
        }
        Pass { cluster: cluster.to_owned(), era: breaker.era, probe: breaker.open.is_some() }
    }

    pub fn leave(&mut self, pass: &Pass, ending: Ending, now: Duration) {
        self.in_flight -= 1;
        let (Some((failures, cooldown)), Some(breaker)) =
            (self.breaker, self.breakers.get_mut(&pass.cluster))
        else {
            return;
        };
        match (&mut breaker.open, ending) {
            (None, _) if pass.era != breaker.era => {}
            (None, Ending::NotSent) => {}
            (None, Ending::Answered) => breaker.row = 0,
            (None, Ending::Failed) => {
                breaker.row += 1;
                if breaker.row >= failures {
                    breaker.open = Some(Open { until: now + cooldown, cooldowns: 1, probing: false });
                }
            }
            (Some(_), _) if !pass.probe => {}
            (Some(open), Ending::NotSent) => *open = Open { until: now, probing: false, ..*open },
            (Some(_), Ending::Answered) => {
                *breaker = Breaker { row: 0, open: None, era: breaker.era + 1 };
            }
            (Some(open), Ending::Failed) => {
                let cooldowns = (open.cooldowns * 2).min(10);
                *open = Open { until: now + cooldown * cooldowns, cooldowns, probing: false };
            }
        }
    }
}
