// SPDX-License-Identifier: Apache-2.0
//! A configuration as one worker runs on it: each mirror with its meters and its state.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use crate::config::{self, BodyPolicy, Config, MAX_MIRRORS};
use crate::ledger::Ledger;
use crate::metrics::Meters;

#[derive(Debug)]
pub struct Policy {
    pub mirrors: Vec<Rc<Mirror>>,
    pub loop_guard: bool,
    pub annotate: bool,
}

/// A mirror at work. What its configuration says is read through it.
#[derive(Debug)]
pub struct Mirror {
    config: config::Mirror,
    pub meters: Meters,
    /// Copies that wait or are on the wire.
    pending: Cell<u32>,
    /// Whether the last copy was refused for want of its cluster.
    unknown_cluster: Cell<bool>,
}

impl Policy {
    pub fn new(config: Config, ledger: &mut Ledger) -> Self {
        let mirrors = config.mirrors.into_iter().map(|mirror| Rc::new(Mirror::new(mirror, ledger))).collect();
        Self { mirrors, loop_guard: config.loop_guard, annotate: config.annotate }
    }

    /// A policy that wants nothing.
    pub fn none() -> Self {
        Self { mirrors: Vec::new(), loop_guard: true, annotate: false }
    }
}

impl Mirror {
    fn new(config: config::Mirror, ledger: &mut Ledger) -> Self {
        let meters = Meters::define(ledger, &config.name);
        Self { config, meters, pending: Cell::default(), unknown_cluster: Cell::default() }
    }

    /// Whether one more copy may be made now. Takes its place if so.
    pub fn enter(&self) -> bool {
        let pending = self.pending.get();
        let free = pending < self.limits.max_in_flight;
        if free {
            self.pending.set(pending + 1);
        }
        free
    }

    /// Gives the place of a copy back.
    pub fn leave(&self) {
        self.pending.set(self.pending.get().saturating_sub(1));
    }

    /// Notes whether Envoy knew the cluster, and says whether that is news.
    pub fn note_cluster(&self, known: bool) -> bool {
        self.unknown_cluster.replace(!known) == known
    }

    /// Whether a request must be read to know if it is in the share.
    pub fn decides_by_key(&self) -> bool {
        self.sample_by.is_some() && self.percentage.is_partial()
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
