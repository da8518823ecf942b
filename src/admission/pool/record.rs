// SPDX-License-Identifier: Apache-2.0
//! The record of a pool as bytes: what the host keeps for all VMs.
//!
//! Numbers are little endian, moments are nanoseconds. Others may write under any key of the host, so whatever is not a
//! record, or is not plausible now, reads as an empty one.

use std::time::Duration;

use super::breakers::Tripped;
use crate::time::Moment;

/// Tells a record from other data, and its version.
const MAGIC: [u8; 4] = *b"SFP\x01";

/// Holders in one record: workers, times the configurations that end there. More get nothing.
pub const MAX_HOLDERS: usize = 1024;

/// Breakers in one record that are not closed.
pub const MAX_TRIPPED: usize = 64;

/// Nothing that is recorded lasts longer: the largest timeout of a copy is an hour, the longest cooldown ten.
const HORIZON: Duration = Duration::from_secs(11 * 3600);

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// `None`: nobody has asked for a token so far.
    pub level: Option<Filled>,
    pub holdings: Vec<Holding>,
    pub tripped: Vec<Tripped>,
}

/// What a token bucket holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filled {
    pub tokens: f64,
    /// When that was true.
    pub at: Moment,
}

/// What one holder has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holding {
    pub holder: u64,
    pub permits: u32,
    /// Tokens that it did not use when it was last here.
    pub tokens: u32,
    /// Until then both are its own, if it does not come back.
    pub until: Moment,
    /// Until then it counts as one that needs permits and finds none.
    pub waits_until: Moment,
}

impl Record {
    /// What is left at a moment of the record in these bytes.
    pub fn read(bytes: &[u8], now: Moment) -> Self {
        let mut record = Self::parse(bytes, now).unwrap_or_default();
        record.holdings.retain(|held| held.until > now || held.waits_until > now);
        record
    }

    fn parse(bytes: &[u8], now: Moment) -> Option<Self> {
        let horizon = now.saturating_add(HORIZON);
        let mut input = Input(bytes.strip_prefix(&MAGIC)?);
        let has_level = input.take::<1>()? != [0];
        let level = Filled { tokens: f64::from_le_bytes(input.take()?), at: input.moment(horizon)? };
        if !level.tokens.is_finite() || level.tokens < 0.0 {
            return None;
        }
        let mut record = Self { level: has_level.then_some(level), ..Self::default() };
        for _ in 0..input.count(MAX_HOLDERS)? {
            record.holdings.push(Holding {
                holder: u64::from_le_bytes(input.take()?),
                permits: u32::from_le_bytes(input.take()?),
                tokens: u32::from_le_bytes(input.take()?),
                until: input.moment(horizon)?,
                waits_until: input.moment(horizon)?,
            });
        }
        for _ in 0..input.count(MAX_TRIPPED)? {
            record.tripped.push(Tripped {
                target: u64::from_le_bytes(input.take()?),
                opened: input.moment(horizon)?,
                changed: input.moment(horizon)?,
                until: input.moment(horizon)?,
                cooldowns: u32::from_le_bytes(input.take()?),
            });
        }
        input.0.is_empty().then_some(record)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let Self { level, holdings, tripped } = self;
        let mut bytes = MAGIC.to_vec();
        bytes.push(level.is_some().into());
        let level = level.unwrap_or(Filled { tokens: 0.0, at: Moment::ZERO });
        bytes.extend(level.tokens.to_le_bytes());
        put(&mut bytes, level.at);
        put_count(&mut bytes, holdings.len());
        for held in holdings {
            bytes.extend(held.holder.to_le_bytes());
            bytes.extend(held.permits.to_le_bytes());
            bytes.extend(held.tokens.to_le_bytes());
            put(&mut bytes, held.until);
            put(&mut bytes, held.waits_until);
        }
        put_count(&mut bytes, tripped.len());
        for breaker in tripped {
            bytes.extend(breaker.target.to_le_bytes());
            put(&mut bytes, breaker.opened);
            put(&mut bytes, breaker.changed);
            put(&mut bytes, breaker.until);
            bytes.extend(breaker.cooldowns.to_le_bytes());
        }
        bytes
    }
}

fn put(bytes: &mut Vec<u8>, moment: Moment) {
    bytes.extend(u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX).to_le_bytes());
}

fn put_count(bytes: &mut Vec<u8>, count: usize) {
    bytes.extend(u16::try_from(count).unwrap_or(u16::MAX).to_le_bytes());
}

/// Bytes that were not read yet.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn moment(&mut self, latest: Moment) -> Option<Moment> {
        let moment = Duration::from_nanos(u64::from_le_bytes(self.take()?));
        (moment <= latest).then_some(moment)
    }

    fn count(&mut self, most: usize) -> Option<usize> {
        let count = usize::from(u16::from_le_bytes(self.take()?));
        (count <= most).then_some(count)
    }
}
