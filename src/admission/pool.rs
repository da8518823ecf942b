// SPDX-License-Identifier: Apache-2.0
//! What all workers of an Envoy share of one mirror's limits: a record in the host, from which each holder leases permits
//! and tokens.
//!
//! [`settle`] is all that happens to a lease: the holder says what it has in use and what it wants, and gets what is free.
//! The host takes the new record only if nobody else has changed it meanwhile. A holder that does not come back keeps its
//! lease until it expires, which is not before the last copy that it may have sent has ended.

pub mod breakers;
mod record;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::record::Record;
use self::record::{Filled, Holding, MAX_HOLDERS};
use super::{Limits, Rate};
use crate::time::Moment;

/// One that found nothing free counts for so long as waiting for permits.
const WAITS: Duration = Duration::from_secs(1);

/// What a holder asks for.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub holder: u64,
    pub limits: Limits,
    /// How long the lease lasts if the holder does not come back.
    pub lasts: Duration,
    /// Permits of copies, which it cannot give back.
    pub in_use: u32,
    /// Permits that it needs at least, those in use included.
    pub least: u32,
    /// Permits that it would like to have in all.
    pub permits: u32,
    /// Tokens that it has and did not use.
    pub unused: u32,
    /// Whether it needs a token for a copy that is made right away.
    pub needs_token: bool,
    /// Tokens that it would like to keep, without the one for that copy.
    pub tokens: u32,
}

/// What a holder has from now on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grant {
    pub permits: u32,
    /// The token for the copy that is made right away.
    pub token: bool,
    pub tokens: u32,
    /// Until then, unless it comes back.
    pub until: Moment,
    /// Others need permits and find none: more copies than this should not be under way here.
    pub most: Option<u32>,
    /// How long there will be no token, where one is missing.
    pub dry_for: Duration,
}

/// How many permits or tokens of so many are taken at once: few enough that the spare ones of many workers are a small part.
pub fn portion(of: u32) -> u32 {
    of / 32
}

/// Settles one holder's lease.
pub fn settle(record: &mut Record, claim: &Claim, now: Moment) -> Grant {
    let own = record.holdings.iter().position(|held| held.holder == claim.holder);
    // Nothing of it is recorded where it is new, its lease has expired, or the record was lost.
    let before = own.map(|index| record.holdings.swap_remove(index)).unwrap_or_default();
    // Not written anew for every little while.
    let until = now.saturating_add(claim.lasts);
    let until = if until.saturating_sub(before.until) < WAITS / 2 { before.until } else { until };
    if own.is_none() && record.holdings.len() >= MAX_HOLDERS {
        let (permits, dry_for) = (claim.in_use, Duration::ZERO);
        return Grant { permits, token: false, tokens: 0, until, most: None, dry_for };
    }
    let most = give_way(record, claim, before, now);
    let leased = sum(record, |held| held.permits);
    let free = claim.limits.max_in_flight.saturating_sub(leased);
    let permits = claim.permits.min(free).min(most.unwrap_or(u32::MAX)).max(claim.in_use);
    let (token, tokens, dry_for) = match claim.limits.rate {
        Some(rate) => pour(record, rate, claim, before.tokens, now),
        None => (false, 0, Duration::ZERO),
    };
    let waits = permits < claim.least;
    if permits > 0 || tokens > 0 || waits {
        let waits_until = if waits { now.saturating_add(WAITS) } else { Moment::ZERO };
        let until = if permits == 0 && tokens == 0 { Moment::ZERO } else { until };
        record.holdings.push(Holding { holder: claim.holder, permits, tokens, until, waits_until });
    }
    record.holdings.sort_unstable_by_key(|held| held.holder);
    Grant { permits, token, tokens, until, most, dry_for }
}

/// How many permits a holder may have where others need some and find none: its part, or somewhat less than it had.
fn give_way(record: &Record, claim: &Claim, before: Holding, now: Moment) -> Option<u32> {
    let waiting = record.holdings.iter().filter(|held| held.waits_until > now).count();
    let waiting = u32::try_from(waiting).ok().filter(|waiting| *waiting > 0)?;
    let holders = u32::try_from(record.holdings.len()).unwrap_or(u32::MAX).saturating_add(1);
    let limit = claim.limits.max_in_flight;
    let part = limit.checked_div(holders).unwrap_or(limit).max(1);
    let less = waiting.saturating_mul(portion(limit).max(1));
    Some(part.max(before.permits.saturating_sub(less)))
}

/// Takes tokens out of the bucket, or puts some back. What is leased out counts as being in the bucket, so that no more than
/// the burst is ever there at once.
fn pour(record: &mut Record, rate: Rate, claim: &Claim, recorded: u32, now: Moment) -> (bool, u32, Duration) {
    let burst = f64::from(rate.burst);
    let others = f64::from(sum(record, |held| held.tokens));
    let Filled { tokens: before, at } = record.level.unwrap_or(Filled { tokens: burst, at: now });
    // Workers read the clock at different moments; beyond that it is not a moment of theirs.
    let at = at.min(now.saturating_add(WAITS));
    let fresh = now.saturating_sub(at).as_secs_f64() * rate.per_second;
    let mut level = (before + fresh).min(burst - others - f64::from(recorded)).max(0.0);
    let mut has = claim.unused;
    let wants = claim.tokens.saturating_add(claim.needs_token.into());
    if wants > has {
        // Saturates, and has no fraction.
        let taken = (wants - has).min(level as u32);
        level -= f64::from(taken);
        has += taken;
    } else {
        level = (level + f64::from(has - wants)).min((burst - others).max(0.0));
        has = wants;
    }
    record.level = Some(Filled { tokens: level, at: at.max(now) });
    let token = claim.needs_token && has > 0;
    let dry = if claim.needs_token && !token { (1.0 - level).max(0.0) / rate.per_second } else { 0.0 };
    (token, has - u32::from(token), Duration::try_from_secs_f64(dry).unwrap_or(Duration::MAX))
}

fn sum(record: &Record, of: impl Fn(&Holding) -> u32) -> u32 {
    record.holdings.iter().map(of).fold(0, u32::saturating_add)
}
