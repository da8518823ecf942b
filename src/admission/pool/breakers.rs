// SPDX-License-Identifier: Apache-2.0
//! The breakers of a pool: what a worker tells the others of its own, and what it takes over from them.
//!
//! The record has those that are not closed. Each change has a moment of its own as its version; who has made a change since
//! the version that it last saw gives it up where another one came first.

use std::time::Duration;

use super::super::joint_breaker::{JointBreaker, Tidings};
use super::record::{MAX_TRIPPED, Record};
use crate::time::Moment;

/// A breaker that is not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tripped {
    /// Which one: a hash of its cluster and its settings.
    pub target: u64,
    /// When it was last closed.
    pub opened: Moment,
    /// The version of this entry.
    pub changed: Moment,
    /// No copy before then: the end of the cooldown, or the latest end of a probe.
    pub until: Moment,
    /// Of how many cooldowns it has the length.
    pub cooldowns: u32,
}

/// What a worker wants beside the news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeWish {
    /// To send the probe, if it is due, and to have its answer within this time.
    Claim(Duration),
    /// To leave a probe that it did not send to others.
    Release,
    Nothing,
}

/// Brings one breaker and the record to the same state.
pub fn reconcile(record: &mut Record, breaker: &mut JointBreaker, wish: ProbeWish, now: Moment) {
    let Some(target) = breaker.target() else { return };
    // Of before this configuration: it begins with a closed breaker.
    let seen = record.tripped.iter().copied().find(|entry| entry.target == target);
    let entry = seen.filter(|entry| entry.opened > breaker.began());
    if breaker.version() != entry.map_or(Moment::ZERO, |entry| entry.changed) {
        breaker.adopt(entry);
    }
    match wish {
        ProbeWish::Claim(within) => breaker.claim(within, now),
        ProbeWish::Release => breaker.release(now),
        ProbeWish::Nothing => {}
    }
    let Some(tidings) = breaker.tidings() else { return };
    record.tripped.retain(|entry| entry.target != target);
    let version = seen.map_or(now, |entry| now.max(entry.changed.saturating_add(Duration::from_nanos(1))));
    let version = match tidings {
        Tidings::Closed => Moment::ZERO,
        Tidings::Open { opened, until, cooldowns } => {
            if record.tripped.len() >= MAX_TRIPPED {
                // Those that nobody has tried for the longest time.
                record.tripped.sort_by_key(|entry| entry.until);
                record.tripped.remove(0);
            }
            record.tripped.push(Tripped { target, opened, changed: version, until, cooldowns });
            version
        }
    };
    breaker.told(version);
}
