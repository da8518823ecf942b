// SPDX-License-Identifier: Apache-2.0
//! What a mirror's copies may cost: whether one more may be made now, and what is learnt from how it ends.
//!
//! A copy enters when it is made and leaves when it was answered, failed or refused. One that may not enter takes
//! nothing: no place, no token, no probe.

use std::cell::RefCell;

use crate::breaker::{self, Breaker};
use crate::config::Limits;
use crate::exchange::Moment;
use crate::metrics::SkipReason;
use crate::token_bucket::TokenBucket;

#[derive(Debug)]
pub struct Gate(RefCell<State>);

#[derive(Debug)]
struct State {
    max_in_flight: u32,
    /// Copies that wait or are on the wire.
    in_flight: u32,
    bucket: Option<TokenBucket>,
    /// `None` if it is off.
    breaker: Option<Breaker>,
}

/// The place of one copy.
#[derive(Debug)]
#[must_use]
pub struct Place {
    pub probe: bool,
}

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Answered,
    Failed,
}

impl Gate {
    pub fn new(limits: Limits, breaker: Option<breaker::Settings>) -> Self {
        Self(RefCell::new(State {
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

    /// Takes a place, in the order in which the reasons are documented.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn enter(&self, now: Moment) -> Result<Place, SkipReason> {
        let mut state = self.0.borrow_mut();
        state.pass(now)?;
        state.in_flight += 1;
        let probe = state.breaker.as_mut().is_some_and(Breaker::enter);
        Ok(Place { probe })
    }

    /// What [`Self::enter`] would say. Takes a token, as if a copy were made.
    ///
    /// # Errors
    /// The reason why there is no place.
    pub fn rehearse(&self, now: Moment) -> Result<(), SkipReason> {
        self.0.borrow_mut().pass(now)
    }

    /// Gives the place of a copy back.
    pub fn leave(&self, place: Place, end: End, now: Moment) -> Option<breaker::Change> {
        let mut state = self.0.borrow_mut();
        state.in_flight = state.in_flight.saturating_sub(1);
        let breaker = state.breaker.as_mut()?;
        match end {
            End::Answered => breaker.answered(place.probe),
            End::Failed => breaker.failed(place.probe, now),
        }
    }
}

impl State {
    /// The token is the last, so that it is only taken by a copy that is made.
    fn pass(&mut self, now: Moment) -> Result<(), SkipReason> {
        if self.breaker.as_ref().is_some_and(|breaker| !breaker.admits(now)) {
            Err(SkipReason::Breaker)
        } else if self.in_flight >= self.max_in_flight {
            Err(SkipReason::InFlight)
        } else if self.bucket.as_mut().is_some_and(|bucket| !bucket.take(now)) {
            Err(SkipReason::Rate)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::token_bucket::Rate;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const NOW: Moment = Duration::from_secs(1000);

    fn gate(max_in_flight: u32, burst: u32) -> Gate {
        let rate = Some(Rate { per_second: 0.001, burst });
        let breaker = breaker::Settings { consecutive_failures: 1, cooldown: Duration::from_secs(30) };
        Gate::new(Limits { max_in_flight, rate }, Some(breaker))
    }

    #[test]
    fn a_copy_that_may_not_enter_takes_no_token() {
        let gate = gate(1, 2);
        let first = gate.enter(NOW).expect("free");
        for _ in 0..10 {
            assert_eq!(gate.enter(NOW).err(), Some(SkipReason::InFlight));
        }
        assert_eq!(gate.leave(first, End::Answered, NOW), None);
        let second = gate.enter(NOW).expect("one token is left");
        assert_eq!(gate.leave(second, End::Answered, NOW), None);
        assert_eq!(gate.enter(NOW).err(), Some(SkipReason::Rate));
    }

    #[test]
    fn a_copy_that_may_not_enter_is_no_probe() {
        let gate = gate(9, 1);
        let first = gate.enter(NOW).expect("free");
        assert!(matches!(gate.leave(first, End::Failed, NOW), Some(breaker::Change::Opened { .. })));
        assert_eq!(gate.enter(NOW).err(), Some(SkipReason::Breaker));
        let later = NOW + Duration::from_secs(31);
        assert_eq!(gate.enter(later).err(), Some(SkipReason::Rate));
        assert!(gate.breaker_admits(later), "the probe was not used up");
        let much_later = NOW + Duration::from_secs(1001);
        let probe = gate.enter(much_later).expect("a token again");
        assert!(probe.probe && !gate.breaker_admits(much_later));
        assert_eq!(gate.leave(probe, End::Answered, much_later), Some(breaker::Change::Closed));
    }
}
