// SPDX-License-Identifier: Apache-2.0
//! Whether a mirror may have one more copy now, and what is learnt from how it ends.
//!
//! A copy enters when it is made and leaves when it was answered, failed or refused. One that may not enter takes
//! nothing: no permit, no token, no probe. Limits are those of the mirror; each of its targets has a breaker of its own, so that
//! a dead one does not stop the copies to the others.

use std::cell::RefCell;

use super::breaker::{Breaker, BreakerSettings, Pass, Transition};
use super::limits::Limits;
use super::token_bucket::TokenBucket;
use crate::time::Moment;

#[derive(Debug)]
pub struct Gate(RefCell<GateState>);

#[derive(Debug)]
struct GateState {
    max_in_flight: u32,
    /// Copies that wait or are on the wire.
    in_flight: u32,
    bucket: Option<TokenBucket>,
    /// By the target's index; empty if it is off.
    breakers: Vec<Breaker>,
}

/// What allows one copy.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    target: usize,
    /// `None` without a breaker.
    pass: Option<Pass>,
}

/// Why no copy may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    Breaker,
    InFlight,
    Rate,
}

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With an answer, of whatever status.
    Answered,
    /// It was sent, and got none.
    Failed,
    /// It was not sent, or nothing is known of its end: that says nothing of the target.
    Unknown,
}

impl Gate {
    pub fn new(limits: Limits, breaker: Option<BreakerSettings>, targets: usize) -> Self {
        let breakers = breaker.iter().flat_map(|settings| (0..targets).map(|_| Breaker::new(*settings)));
        Self(RefCell::new(GateState {
            max_in_flight: limits.max_in_flight,
            in_flight: 0,
            bucket: limits.rate.map(TokenBucket::new),
            breakers: breakers.collect(),
        }))
    }

    /// Whether the breaker of a target lets a copy through. Asked first: where it does not, no work is done for one.
    pub fn breaker_admits(&self, target: usize, now: Moment) -> bool {
        self.0.borrow().breaker_admits(target, now)
    }

    pub fn breakers_are_closed(&self) -> bool {
        self.0.borrow().breakers.iter().all(Breaker::is_closed)
    }

    /// Gives a permit, asking in the order in which the reasons are documented.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn enter(&self, target: usize, now: Moment) -> Result<Permit, Denial> {
        let mut state = self.0.borrow_mut();
        state.pass(target, now)?;
        state.in_flight += 1;
        Ok(Permit { target, pass: state.breakers.get_mut(target).map(Breaker::enter) })
    }

    /// What [`Self::enter`] would say. Takes a token, as if a copy were made.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn rehearse(&self, target: usize, now: Moment) -> Result<(), Denial> {
        self.0.borrow_mut().pass(target, now)
    }

    /// Takes the permit of a copy back.
    pub fn leave(&self, permit: Permit, end: Ending, now: Moment) -> Option<Transition> {
        let mut state = self.0.borrow_mut();
        state.in_flight = state.in_flight.saturating_sub(1);
        let (breaker, pass) = (state.breakers.get_mut(permit.target)?, permit.pass?);
        match end {
            Ending::Answered => breaker.answered(pass),
            Ending::Failed => breaker.failed(pass, now),
            Ending::Unknown => {
                breaker.not_sent(pass, now);
                None
            }
        }
    }
}

impl Permit {
    /// Whether its breaker is open but for this copy.
    pub fn is_probe(&self) -> bool {
        self.pass.is_some_and(|pass| pass.probe)
    }

    /// The index of the target that it is for.
    pub fn target(&self) -> usize {
        self.target
    }
}

impl GateState {
    fn breaker_admits(&self, target: usize, now: Moment) -> bool {
        self.breakers.get(target).is_none_or(|breaker| breaker.admits(now))
    }

    /// The token is the last, so that it is only taken by a copy that is made.
    fn pass(&mut self, target: usize, now: Moment) -> Result<(), Denial> {
        if !self.breaker_admits(target, now) {
            Err(Denial::Breaker)
        } else if self.in_flight >= self.max_in_flight {
            Err(Denial::InFlight)
        } else if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            Err(Denial::Rate)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admission::Rate;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: Moment = Duration::from_secs(1000);

    fn gate(max_in_flight: u32, burst: u32) -> Gate {
        let rate = Some(Rate { per_second: 0.001, burst });
        let breaker = BreakerSettings { consecutive_failures: 1, cooldown: Duration::from_secs(30) };
        Gate::new(Limits { max_in_flight, rate }, Some(breaker), 2)
    }

    #[test]
    fn a_copy_that_may_not_enter_takes_no_token() {
        let gate = gate(1, 2);
        let first = gate.enter(0, NOW).expect("free");
        for _ in 0..10 {
            assert_eq!(gate.enter(0, NOW).err(), Some(Denial::InFlight));
        }
        assert_eq!(gate.leave(first, Ending::Answered, NOW), None);
        let second = gate.enter(0, NOW).expect("one token is left");
        assert_eq!(gate.leave(second, Ending::Answered, NOW), None);
        assert_eq!(gate.enter(0, NOW).err(), Some(Denial::Rate));
    }

    #[test]
    fn a_copy_that_may_not_enter_is_no_probe() {
        let gate = gate(9, 1);
        let first = gate.enter(0, NOW).expect("free");
        assert!(matches!(gate.leave(first, Ending::Failed, NOW), Some(Transition::Opened { .. })));
        assert_eq!(gate.enter(0, NOW).err(), Some(Denial::Breaker));
        let later = NOW + Duration::from_secs(31);
        assert_eq!(gate.enter(0, later).err(), Some(Denial::Rate));
        assert!(gate.breaker_admits(0, later), "the probe was not used up");
        let much_later = NOW + Duration::from_secs(1001);
        let probe = gate.enter(0, much_later).expect("a token again");
        assert!(probe.is_probe() && !gate.breaker_admits(0, much_later));
        assert_eq!(gate.leave(probe, Ending::Answered, much_later), Some(Transition::Closed));
    }

    #[test]
    fn a_dead_target_does_not_stop_copies_to_another() {
        let gate = gate(9, 9);
        let dead = gate.enter(0, NOW).expect("free");
        assert!(gate.leave(dead, Ending::Failed, NOW).is_some());
        assert_eq!(gate.enter(0, NOW).err(), Some(Denial::Breaker));
        assert!(gate.enter(1, NOW).is_ok() && !gate.breakers_are_closed());
    }
}
