// SPDX-License-Identifier: Apache-2.0
//! A breaker whose state is that of the whole Envoy, where its mirror has a pool: what opens or closes it here is told to
//! the other workers, and of all workers one sends the probe.

use std::time::Duration;

use super::breaker::{Breaker, BreakerSettings, Pass, Transition};
use super::pool::breakers::Tripped;
use crate::time::Moment;

/// Each worker counts failures for itself; the rest it shares.
#[derive(Debug, Clone)]
pub struct JointBreaker {
    own: Breaker,
    /// `None`: it is this worker's alone.
    bond: Option<Bond>,
}

/// What it knows of the record.
#[derive(Debug, Clone, Copy)]
struct Bond {
    target: u64,
    /// What was opened before is not of this configuration.
    began: Moment,
    /// When it was last closed.
    opened: Moment,
    /// The version of the entry that it agrees with; zero for none, which is a closed breaker.
    version: Moment,
    /// Whether the record has to be told.
    is_news: bool,
    /// The probe is this worker's, and has ended by then.
    probe: Option<Moment>,
}

/// What the record has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tidings {
    Closed,
    Open { opened: Moment, until: Moment, cooldowns: u32 },
}

impl JointBreaker {
    /// `target`: the identity that it has for other workers; `None` keeps it to this one.
    pub fn new(settings: BreakerSettings, target: Option<u64>) -> Self {
        let bond = target.map(|target| Bond {
            target,
            began: Moment::ZERO,
            opened: Moment::ZERO,
            version: Moment::ZERO,
            is_news: false,
            probe: None,
        });
        Self { own: Breaker::new(settings), bond }
    }

    /// Takes nothing over that was opened before this moment.
    pub fn begin(&mut self, now: Moment) {
        self.bond.iter_mut().for_each(|bond| bond.began = now);
    }

    /// Is this worker's alone from now on.
    pub fn part(&mut self) {
        self.bond = None;
    }

    /// Whether a copy may be made now. Where the probe is due, it must be claimed first.
    pub fn admits(&self, now: Moment) -> bool {
        self.own.admits(now) && !self.needs_claim(now)
    }

    /// Whether the next copy would be the probe of all workers.
    pub fn needs_claim(&self, now: Moment) -> bool {
        let is_due = self.own.open().is_some_and(|(until, _)| now >= until);
        is_due && self.bond.is_some_and(|bond| bond.probe.is_none())
    }

    pub fn is_closed(&self) -> bool {
        self.own.is_closed()
    }

    /// Whether others have to hear of it.
    pub fn has_news(&self) -> bool {
        self.bond.is_some_and(|bond| bond.is_news)
    }

    /// A copy that was admitted is made.
    pub fn enter(&mut self) -> Pass {
        self.own.enter()
    }

    /// A copy was answered.
    pub fn answered(&mut self, pass: Pass) -> Option<Transition> {
        let transition = self.own.answered(pass);
        self.note(transition, Moment::ZERO)
    }

    /// A copy was sent and got no answer.
    pub fn failed(&mut self, pass: Pass, now: Moment) -> Option<Transition> {
        let transition = self.own.failed(pass, now);
        self.note(transition, now)
    }

    /// A copy was not sent after all: the next one of this worker may be the probe in its place.
    pub fn not_sent(&mut self, pass: Pass, now: Moment) {
        self.own.not_sent(pass, now);
    }

    fn note(&mut self, transition: Option<Transition>, now: Moment) -> Option<Transition> {
        if let (Some(bond), Some(transition)) = (&mut self.bond, transition) {
            (bond.is_news, bond.probe) = (true, None);
            if matches!(transition, Transition::Opened { .. }) {
                bond.opened = now;
            }
        }
        transition
    }

    // What follows is asked while the record is at hand.

    pub fn target(&self) -> Option<u64> {
        self.bond.map(|bond| bond.target)
    }

    pub fn began(&self) -> Moment {
        self.bond.map_or(Moment::ZERO, |bond| bond.began)
    }

    pub fn version(&self) -> Moment {
        self.bond.map_or(Moment::ZERO, |bond| bond.version)
    }

    /// Takes over what another worker has told.
    pub fn adopt(&mut self, entry: Option<Tripped>) {
        let Some(bond) = &mut self.bond else { return };
        (bond.is_news, bond.probe) = (false, None);
        bond.version = entry.map_or(Moment::ZERO, |entry| entry.changed);
        bond.opened = entry.map_or(Moment::ZERO, |entry| entry.opened);
        self.own.follow(entry.map(|entry| (entry.until, entry.cooldowns)));
    }

    /// Makes the next copy the probe, if it is due. Its answer is awaited for so long.
    pub fn claim(&mut self, within: Duration, now: Moment) {
        if self.needs_claim(now)
            && let Some(bond) = &mut self.bond
        {
            (bond.is_news, bond.probe) = (true, Some(now.saturating_add(within)));
        }
    }

    /// Leaves the probe to others, if it was not sent.
    pub fn release(&mut self, now: Moment) {
        if let Some(bond) = &mut self.bond
            && let Some((until, cooldowns)) = self.own.open()
            && bond.probe.is_some()
            && until != Moment::MAX
        {
            (bond.is_news, bond.probe) = (true, None);
            self.own.follow(Some((now, cooldowns)));
        }
    }

    pub fn tidings(&self) -> Option<Tidings> {
        let Bond { opened, probe, .. } = self.bond.filter(|bond| bond.is_news)?;
        Some(match self.own.open() {
            None => Tidings::Closed,
            Some((until, cooldowns)) => Tidings::Open { opened, until: probe.unwrap_or(until), cooldowns },
        })
    }

    /// The record has it under this version.
    pub fn told(&mut self, version: Moment) {
        self.bond.iter_mut().for_each(|bond| (bond.version, bond.is_news) = (version, false));
    }
}
