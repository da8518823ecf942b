// SPDX-License-Identifier: Apache-2.0
//! A configuration as one worker runs on it: each mirror with its meters and its state.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use crate::compare::report::Throttle;
use crate::config::{self, BodyPolicy, Config, MAX_MIRRORS};
use crate::exchange::Moment;
use crate::gate::{End, Gate, Place};
use crate::ledger::Ledger;
use crate::metrics::Meters;
use crate::notice::{News, Notice};
use crate::sampling::Percentage;
use crate::timestamp::Timestamp;

#[derive(Debug)]
pub struct Policy {
    pub mirrors: Vec<Rc<Mirror>>,
    pub loop_guard: bool,
    pub annotate: bool,
    /// Whether a mirror must know the time.
    pub is_scheduled: bool,
}

/// A mirror at work. What its configuration says is read through it.
#[derive(Debug)]
pub struct Mirror {
    config: config::Mirror,
    pub meters: Meters,
    pub gate: Gate,
    /// Lines of the log about differences.
    pub throttle: Throttle,
    /// Whether the gauge counts this worker's breaker as open.
    shown_open: Cell<bool>,
    retired: Cell<bool>,
    /// The clusters for want of which the last copy was refused, by their index in the target, as bits.
    unknown_clusters: Cell<u64>,
}

impl Policy {
    pub fn new(config: Config, ledger: &mut Ledger) -> Self {
        let is_scheduled = config.mirrors.iter().any(|mirror| mirror.schedule.is_set());
        let mirrors = config.mirrors.into_iter().map(|mirror| Rc::new(Mirror::new(mirror, ledger))).collect();
        Self { mirrors, loop_guard: config.loop_guard, annotate: config.annotate, is_scheduled }
    }

    /// A policy that wants nothing.
    pub fn none() -> Self {
        Self { mirrors: Vec::new(), loop_guard: true, annotate: false, is_scheduled: false }
    }
}

impl Mirror {
    fn new(config: config::Mirror, ledger: &mut Ledger) -> Self {
        let meters = Meters::define(ledger, &config.name, config.compare.is_some());
        Self {
            meters,
            gate: Gate::new(config.limits, config.breaker),
            throttle: Throttle::default(),
            shown_open: Cell::default(),
            retired: Cell::default(),
            unknown_clusters: Cell::default(),
            config,
        }
    }

    /// Gives the place of a copy back, and says what the breaker makes of its end.
    pub fn leave(&self, place: Place, end: End, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let change = self.gate.leave(place, end, now)?;
        self.show_breaker(ledger);
        Some(Notice { mirror: self.name.clone(), news: News::Breaker(change) })
    }

    /// Another mirror takes over under this name. Copies that were made go on.
    pub fn retire(&self, ledger: &mut Ledger) {
        self.retired.set(true);
        self.show_breaker(ledger);
    }

    fn show_breaker(&self, ledger: &mut Ledger) {
        let open = !self.retired.get() && !self.gate.breaker_is_closed();
        if self.shown_open.replace(open) != open {
            ledger.add(self.meters.breaker_open, if open { 1 } else { -1 });
        }
    }

    /// Notes whether Envoy knew a cluster of the target, and says whether that is news.
    pub fn note_cluster(&self, index: usize, known: bool) -> bool {
        let bit = u32::try_from(index).ok().and_then(|index| 1u64.checked_shl(index)).unwrap_or(0);
        let before = self.unknown_clusters.get();
        let after = if known { before & !bit } else { before | bit };
        self.unknown_clusters.replace(after) != after
    }

    /// The share of the requests at a time that matters only if there is a schedule; `None` while it is not active.
    pub fn share(&self, time: Option<Timestamp>) -> Option<Percentage> {
        match time {
            Some(now) if self.schedule.is_active(now) => Some(self.schedule.share(self.percentage, now)),
            Some(_) => None,
            None => Some(self.percentage),
        }
    }

    /// Whether a copy takes the body at all.
    pub fn wants_body(&self) -> bool {
        self.body != BodyPolicy::None
    }
}

impl Deref for Mirror {
    type Target = config::Mirror;

    fn deref(&self) -> &config::Mirror {
        &self.config
    }
}

/// Some of a policy's mirrors, by their index.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MirrorSet(u16);

const _: () = assert!(MAX_MIRRORS <= u16::BITS as usize);

impl MirrorSet {
    pub fn insert(&mut self, index: usize) {
        self.0 |= Self::bit(index);
    }

    pub fn remove(&mut self, index: usize) {
        self.0 &= !Self::bit(index);
    }

    pub fn contains(self, index: usize) -> bool {
        self.0 & Self::bit(index) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members among a policy's mirrors, with their indexes.
    pub fn of(self, mirrors: &[Rc<Mirror>]) -> impl Iterator<Item = (usize, &Rc<Mirror>)> {
        mirrors.iter().enumerate().filter(move |(index, _)| self.contains(*index))
    }

    fn bit(index: usize) -> u16 {
        u32::try_from(index).ok().and_then(|index| 1u16.checked_shl(index)).unwrap_or(0)
    }
}
