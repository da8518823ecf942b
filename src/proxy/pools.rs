// SPDX-License-Identifier: Apache-2.0
//! The pools that mirrors share with other workers: a record for each mirror in the host's shared data.
//!
//! The host keeps shared data for all VMs with the same `vm_id` in its process, other modules' included, and as long as there is
//! one of them. So a key begins with the filter's name; plugin, root and mirror follow, whatever their configuration: old and
//! new configuration count together.

use std::cell::RefCell;

use super::imports::{self, HostResult, Status};
use super::shared::Shared;
use super::trouble::{Asked, checked};
use crate::admission::Occasion;
use crate::mirror::{Mirror, Request};
use crate::time::Moment;

/// How often a record is read anew because another worker was faster. Each time one of them has got what it asked for.
const TRIES: usize = 16;

/// A version that no record has. With it the host makes a record, but does not replace one that was made meanwhile.
const NEW: u32 = u32::MAX;

/// What the keys of a root's mirrors begin with. `None`: nobody knows whose mirrors they are, so they share nothing.
#[derive(Default)]
pub struct Pools(RefCell<Option<String>>);

impl Pools {
    /// The plugin's name and root id tell its mirrors from those of others.
    pub fn name(&self, names: Option<(String, String)>) {
        let prefix = names.map(|(plugin, root)| format!("shadow-filter\0limits\0{plugin}\0{root}\0"));
        self.0.replace(prefix);
    }

    /// Asks the pool of a mirror.
    fn settle(&self, mirror: &Mirror, occasion: Occasion, now: Moment) {
        let key = self.0.borrow().as_ref().map(|prefix| [prefix, mirror.name.as_str()].concat());
        let Some(key) = key else { return mirror.gate.stand_alone() };
        match exchange(&key, mirror, occasion, now) {
            Ok(true) => {}
            Ok(false) => mirror.gate.missed(now),
            Err(status) => {
                checked::<()>(Asked::Pool, Err(status));
                mirror.gate.stand_alone();
            }
        }
    }
}

/// Whether it came to an end.
fn exchange(key: &str, mirror: &Mirror, occasion: Occasion, now: Moment) -> HostResult<bool> {
    for _ in 0..TRIES {
        let (record, version) = match imports::shared_data(key) {
            Err(Status::NOT_FOUND) => (Vec::new(), NEW),
            found => found?,
        };
        let Some(proposal) = mirror.gate.propose(&record, occasion, now) else { return Ok(true) };
        let set = proposal.record.as_ref().map_or(Ok(()), |new| imports::set_shared_data(key, new, version));
        match set {
            Err(Status::CAS_MISMATCH) => {}
            Err(status) => return Err(status),
            Ok(()) => {
                mirror.gate.accept(proposal, now);
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Sees to permits for the copies of a request that was read.
pub fn lease_for(shared: &Shared, request: &Request, now: Moment) {
    for (mirror, target) in request.short(now) {
        settle(shared, &mirror, Occasion::Copy { target }, now);
    }
}

/// Tells the others what they should not wait for.
pub fn settle_urgent(shared: &Shared) {
    let urgent = shared.with_worker(|worker| worker.sharing.take_urgent()).unwrap_or_default();
    if !urgent.is_empty() {
        let now = shared.seen();
        urgent.iter().for_each(|mirror| settle(shared, mirror, Occasion::Report, now));
    }
}

/// Renews what is held and gives the rest back, at a flush or in the end.
pub fn settle_all(shared: &Shared, occasion: Occasion) {
    let due = shared.with_worker(|worker| {
        let policy = worker.policy().clone();
        worker.sharing.take_due(&policy)
    });
    let due = due.unwrap_or_default();
    if !due.is_empty() {
        let now = shared.now();
        due.iter().for_each(|mirror| settle(shared, mirror, occasion, now));
    }
}

fn settle(shared: &Shared, mirror: &Mirror, occasion: Occasion, now: Moment) {
    shared.pools.settle(mirror, occasion, now);
    shared.with_worker(|worker| mirror.show_breaker(worker.ledger()));
}
