// SPDX-License-Identifier: Apache-2.0
//! Whether a mirror may have one more copy now, and what is learnt from how it ends.
//!
//! A copy enters when it is made and leaves when it was answered, failed or refused. One that may not enter takes
//! nothing: no permit, no token, no probe. Limits are those of the mirror; each of its targets has a breaker of its own, so that
//! a dead one does not stop the copies to the others.
//!
//! Limits and breakers are those of this worker, or those of the whole Envoy by way of a pool. Then the gate says when the
//! pool should be asked ([`Gate::is_short`], [`Gate::has_news`]); whoever has the record asks it by [`Gate::propose`].

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::time::Duration;

use super::breaker::{BreakerSettings, Pass, Transition};
use super::joint_breaker::JointBreaker;
use super::lease::{Lease, Occasion};
use super::limits::{Limits, Scope};
use super::pool::breakers::{ProbeWish, reconcile};
use super::pool::{Claim, Grant, Record, settle};
use super::token_bucket::TokenBucket;
use crate::time::Moment;

#[derive(Debug)]
pub struct Gate(RefCell<GateState>);

#[derive(Debug)]
struct GateState {
    limits: Limits,
    /// Copies that wait or are on the wire.
    in_flight: u32,
    /// Of this worker alone.
    bucket: Option<TokenBucket>,
    /// `None`: this worker's limits are its own.
    lease: Option<Lease>,
    /// By the target's index; empty if it is off.
    breakers: Vec<JointBreaker>,
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

/// What the pool's record should become, and what is the gate's if it does.
#[derive(Debug)]
#[must_use]
pub struct Proposal {
    /// `None`: the record may stay as it is.
    pub record: Option<Vec<u8>>,
    occasion: Occasion,
    claim: Claim,
    grant: Grant,
    breakers: Vec<JointBreaker>,
}

impl Gate {
    /// `targets`: the clusters. `holder` is like no other gate's, and `timeout` that of a copy; both are for the pool.
    pub fn new<'a>(
        limits: Limits,
        breaker: Option<BreakerSettings>,
        targets: impl Iterator<Item = &'a str>,
        holder: u64,
        timeout: Duration,
    ) -> Self {
        let is_shared = limits.scope == Scope::Envoy;
        let breakers = breaker.map(|settings| {
            let bond = |cluster: &str| is_shared.then(|| settings.identity(cluster));
            targets.map(|cluster| JointBreaker::new(settings, bond(cluster))).collect()
        });
        Self(RefCell::new(GateState {
            limits,
            in_flight: 0,
            bucket: limits.rate.map(TokenBucket::new),
            lease: is_shared.then(|| Lease::new(holder, timeout)),
            breakers: breakers.unwrap_or_default(),
        }))
    }

    /// The configuration begins now: what other breakers were opened for before is not taken over.
    pub fn begin(&self, now: Moment) {
        self.0.borrow_mut().breakers.iter_mut().for_each(|breaker| breaker.begin(now));
    }

    /// Whether the breaker of a target lets a copy through. Asked first: where it does not, no work is done for one.
    pub fn breaker_admits(&self, target: usize, now: Moment) -> bool {
        self.0.borrow().breaker_admits(target, now)
    }

    pub fn breakers_are_closed(&self) -> bool {
        self.0.borrow().breakers.iter().all(JointBreaker::is_closed)
    }

    /// Gives a permit, asking in the order in which the reasons are documented.
    ///
    /// # Errors
    /// The reason why there is none.
    pub fn enter(&self, target: usize, now: Moment) -> Result<Permit, Denial> {
        let mut state = self.0.borrow_mut();
        state.pass(target, now)?;
        state.in_flight += 1;
        let in_flight = state.in_flight;
        state.lease.iter_mut().for_each(|lease| lease.copy_made(in_flight, now));
        Ok(Permit { target, pass: state.breakers.get_mut(target).map(JointBreaker::enter) })
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

    /// Whether the pool should be asked before a copy is made.
    pub fn is_short(&self, target: usize, now: Moment) -> bool {
        let GateState { limits, in_flight, lease, breakers, .. } = &*self.0.borrow();
        let Some(lease) = lease else { return false };
        let breaker = breakers.get(target);
        let open = breaker.is_some_and(|breaker| !breaker.admits(now) && !breaker.needs_claim(now));
        !open
            && (lease.is_short(*in_flight, limits, now)
                || breaker.is_some_and(|breaker| breaker.needs_claim(now)))
    }

    /// Whether the pool should hear something at once.
    pub fn has_news(&self, now: Moment) -> bool {
        let GateState { in_flight, lease, breakers, .. } = &*self.0.borrow();
        lease.as_ref().is_some_and(|lease| {
            lease.is_in_the_way(*in_flight, now) || breakers.iter().any(JointBreaker::has_news)
        })
    }

    /// Whether it has something of the pool.
    pub fn holds(&self) -> bool {
        self.0.borrow().lease.as_ref().is_some_and(Lease::holds)
    }

    /// Whether it has to hear of the other workers' breakers.
    pub fn awaits_news(&self) -> bool {
        let state = self.0.borrow();
        state.lease.is_some() && !state.breakers.iter().all(JointBreaker::is_closed)
    }

    /// What the gate wants of a pool with this record. Changes nothing. `None` if the gate has no pool.
    pub fn propose(&self, record: &[u8], occasion: Occasion, now: Moment) -> Option<Proposal> {
        let GateState { limits, in_flight, lease, breakers, .. } = &*self.0.borrow();
        let lease = lease.as_ref()?;
        let mut new = Record::read(record, now);
        let claim = lease.claim(occasion, *in_flight, limits, now);
        let grant = settle(&mut new, &claim, now);
        let mut breakers = breakers.clone();
        for (index, breaker) in breakers.iter_mut().enumerate() {
            let wish = match occasion {
                Occasion::Copy { target } if target == index => ProbeWish::Claim(lease.lasts()),
                Occasion::Flush | Occasion::End => ProbeWish::Release,
                Occasion::Copy { .. } | Occasion::Report => ProbeWish::Nothing,
            };
            reconcile(&mut new, breaker, wish, now);
        }
        let new = new.to_bytes();
        Some(Proposal { record: (new != record).then_some(new), occasion, claim, grant, breakers })
    }

    /// The pool's record has become what was proposed, and nothing has happened here meanwhile.
    pub fn accept(&self, proposal: Proposal, now: Moment) {
        let Proposal { occasion, claim, grant, breakers, .. } = proposal;
        let mut state = self.0.borrow_mut();
        state.breakers = breakers;
        state.lease.iter_mut().for_each(|lease| lease.accept(&grant, &claim, occasion, now));
    }

    /// Others were faster each time that the pool was asked.
    pub fn missed(&self, now: Moment) {
        self.0.borrow_mut().lease.iter_mut().for_each(|lease| lease.missed(now));
    }

    /// There is no pool: limits and breakers are this worker's alone from now on.
    pub fn stand_alone(&self) {
        let mut state = self.0.borrow_mut();
        state.lease = None;
        state.breakers.iter_mut().for_each(JointBreaker::part);
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
        let has_room = match &self.lease {
            Some(lease) => lease.has_room(self.in_flight, now),
            None => self.in_flight < self.limits.max_in_flight,
        };
        if !self.breaker_admits(target, now) {
            Err(Denial::Breaker)
        } else if !has_room {
            Err(Denial::InFlight)
        } else if !self.take_token(now) {
            Err(Denial::Rate)
        } else {
            Ok(())
        }
    }

    fn take_token(&mut self, now: Moment) -> bool {
        match (&mut self.lease, &mut self.bucket) {
            (_, None) => true,
            (Some(lease), _) => lease.take_token(now),
            (None, Some(bucket)) => bucket.take(now),
        }
    }
}
