// SPDX-License-Identifier: Apache-2.0
//! What a mirror's copies may cost: whether one more may be made now, and what is learnt from how it ends.
//!
//! A copy enters when it is made and leaves when it was answered, failed or refused. One that may not enter takes
//! nothing: no permit, no token, no probe.

use std::cell::RefCell;

use super::breaker::{Breaker, BreakerSettings, Transition};
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
    /// `None` if it is off.
    breaker: Option<Breaker>,
}

/// What allows one copy.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pub probe: bool,
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
    Answered,
    Failed,
}

impl Gate {
    pub fn new(limits: Limits, breaker: Option<BreakerSettings>) -> Self {
        Self(RefCell::new(GateState {
            max_in_flight: limits.max_in_flight,
            in_flight: 0,
            bucket: limits.rate.map(TokenBucket::new),
            breaker: breaker.map(Breaker::new),
        }))
    }

    /// Whether the breaker lets a copy through. Asked first: where it does not, no work is done for one.
    pub fn breaker_admits(&self, now: Moment) -> bool {
        self.0.borrow().breaker.as_ref().is_none_or(|breaker| breaker.admits(now))
    }

    pub fn breaker_is_closed(&self) -> bool {
        self.0.borrow().breaker.as_ref().is_none_or(Breaker::is_closed)
    }

    /// Gives a permit, asking in the order in which the reasons are documented.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn enter(&self, now: Moment) -> Result<Permit, Denial> {
        let mut state = self.0.borrow_mut();
        state.pass(now)?;
        state.in_flight += 1;
        let probe = state.breaker.as_mut().is_some_and(Breaker::enter);
        Ok(Permit { probe })
    }

    /// What [`Self::enter`] would say. Takes a token, as if a copy were made.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn rehearse(&self, now: Moment) -> Result<(), Denial> {
        self.0.borrow_mut().pass(now)
    }

    /// Takes the permit of a copy back.
    pub fn leave(&self, permit: Permit, end: Ending, now: Moment) -> Option<Transition> {
        let mut state = self.0.borrow_mut();
        state.in_flight = state.in_flight.saturating_sub(1);
        let breaker = state.breaker.as_mut()?;
        match end {
            Ending::Answered => breaker.answered(permit.probe),
            Ending::Failed => breaker.failed(permit.probe, now),
        }
    }
}

impl GateState {
    /// The token is the last, so that it is only taken by a copy that is made.
    fn pass(&mut self, now: Moment) -> Result<(), Denial> {
        if self.breaker.as_ref().is_some_and(|breaker| !breaker.admits(now)) {
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
        Gate::new(Limits { max_in_flight, rate }, Some(breaker))
    }

    #[test]
    fn a_copy_that_may_not_enter_takes_no_token() {
        let gate = gate(1, 2);
        let first = gate.enter(NOW).expect("free");
        for _ in 0..10 {
            assert_eq!(gate.enter(NOW).err(), Some(Denial::InFlight));
        }
        assert_eq!(gate.leave(first, Ending::Answered, NOW), None);
        let second = gate.enter(NOW).expect("one token is left");
        assert_eq!(gate.leave(second, Ending::Answered, NOW), None);
        assert_eq!(gate.enter(NOW).err(), Some(Denial::Rate));
    }

    #[test]
    fn a_copy_that_may_not_enter_is_no_probe() {
        let gate = gate(9, 1);
        let first = gate.enter(NOW).expect("free");
        assert!(matches!(gate.leave(first, Ending::Failed, NOW), Some(Transition::Opened { .. })));
        assert_eq!(gate.enter(NOW).err(), Some(Denial::Breaker));
        let later = NOW + Duration::from_secs(31);
        assert_eq!(gate.enter(later).err(), Some(Denial::Rate));
        assert!(gate.breaker_admits(later), "the probe was not used up");
        let much_later = NOW + Duration::from_secs(1001);
        let probe = gate.enter(much_later).expect("a token again");
        assert!(probe.probe && !gate.breaker_admits(much_later));
        assert_eq!(gate.leave(probe, Ending::Answered, much_later), Some(Transition::Closed));
    }
}
