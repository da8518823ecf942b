// SPDX-License-Identifier: Apache-2.0
//! What one worker has of a pool, and how much it takes: enough that a copy normally finds its permit here, little enough
//! that other workers do not miss it.

use std::time::Duration;

use super::Limits;
use super::pool::{Claim, Grant, portion};
use crate::time::Moment;

/// What a worker knows of the pool is never older than this when it makes a copy. Flushes come more often.
const NEWS_AFTER: Duration = Duration::from_millis(450);

/// For so long after the pool was asked copies are made on the lease. It is asked far more often, as long as the host answers.
const FRESH: Duration = Duration::from_secs(1);

/// A lease outlives the copies that are made on it by this, so that a busy worker does not lose it to others.
const SPARE_TIME: Duration = Duration::from_secs(1);

/// The pool is not asked again within this time, where it had nothing or others wait.
const PATIENCE: Duration = Duration::from_millis(5);

/// A worker that makes fewer copies between two flushes keeps nothing for the next ones.
const FEW: u32 = 4;

#[derive(Debug, Clone)]
pub struct Lease {
    holder: u64,
    /// How long a copy may be under way.
    timeout: Duration,
    permits: u32,
    tokens: u32,
    /// A token for a copy that is made at this very moment.
    token_at: Option<Moment>,
    /// When the pool was last asked.
    asked: Option<Moment>,
    fresh_until: Moment,
    /// Nothing was free: not asked again before.
    retry_at: Moment,
    /// Others wait: no more copies than this are made.
    most: Option<u32>,
    /// Since when copies are counted: the last flush, or the first copy after a pause.
    since: Moment,
    /// Copies made since then.
    made: u32,
    /// Most copies that were under way since then.
    peak: u32,
}

/// Why the pool is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A copy is to be made for the target with this index.
    Copy { target: usize },
    /// Something is of use to others.
    Report,
    /// The sums are told: what is not needed goes back.
    Flush,
    /// Nothing will be copied any more.
    End,
}

impl Lease {
    /// `holder` is like no other's; `timeout` is that of a copy.
    pub fn new(holder: u64, timeout: Duration) -> Self {
        Self {
            holder,
            timeout,
            permits: 0,
            tokens: 0,
            token_at: None,
            asked: None,
            fresh_until: Moment::ZERO,
            retry_at: Moment::ZERO,
            most: None,
            since: Moment::ZERO,
            made: 0,
            peak: 0,
        }
    }

    /// Whether one more copy may be under way.
    pub fn has_room(&self, in_flight: u32, now: Moment) -> bool {
        now < self.fresh_until && in_flight < self.permits.min(self.most.unwrap_or(u32::MAX))
    }

    fn has_token(&self, now: Moment) -> bool {
        self.token_at == Some(now) || self.tokens > 0 && now < self.fresh_until
    }

    /// Takes a token if there is one.
    pub fn take_token(&mut self, now: Moment) -> bool {
        let has = self.has_token(now);
        if self.token_at.take_if(|at| *at == now).is_none() && has {
            self.tokens = self.tokens.saturating_sub(1);
        }
        has
    }

    /// So many copies are under way, now that one was made.
    pub fn copy_made(&mut self, in_flight: u32, now: Moment) {
        if now.saturating_sub(self.since) >= NEWS_AFTER {
            (self.since, self.made, self.peak) = (now, 0, 0);
        }
        self.made = self.made.saturating_add(1);
        self.peak = self.peak.max(in_flight);
    }

    /// Whether the pool should be asked before a copy is made.
    pub fn is_short(&self, in_flight: u32, limits: &Limits, now: Moment) -> bool {
        let has_all = self.has_room(in_flight, now) && (limits.rate.is_none() || self.has_token(now));
        let is_old = self.asked.is_none_or(|asked| now.saturating_sub(asked) >= NEWS_AFTER);
        is_old || !has_all && now >= self.retry_at
    }

    /// Whether others wait for permits that this worker does not need.
    pub fn is_in_the_way(&self, in_flight: u32, now: Moment) -> bool {
        let lately = self.asked.is_some_and(|asked| now.saturating_sub(asked) < PATIENCE);
        self.most.is_some() && self.permits > in_flight && (in_flight == 0 || !lately)
    }

    /// Whether others would have to wait for its end.
    pub fn holds(&self) -> bool {
        self.permits > 0 || self.tokens > 0
    }

    /// How long a copy may be under way, as far as others have to wait for its end.
    pub fn lasts(&self) -> Duration {
        self.timeout.saturating_add(FRESH).saturating_add(SPARE_TIME)
    }

    pub fn claim(&self, occasion: Occasion, in_flight: u32, limits: &Limits, now: Moment) -> Claim {
        let stale = now >= self.fresh_until;
        let held = if stale { in_flight } else { self.permits.max(in_flight) };
        let spare = portion(limits.max_in_flight);
        let spare_tokens = limits.rate.map_or(0, |rate| portion(rate.burst)).min(self.made);
        let (least, permits, tokens) = match occasion {
            Occasion::Copy { .. } => {
                let least = in_flight.saturating_add(1);
                (least, least.saturating_add(spare).max(held), spare_tokens.max(self.tokens))
            }
            Occasion::Report => (in_flight, held, self.tokens),
            Occasion::Flush if self.made >= FEW => {
                (in_flight, self.peak.max(in_flight).saturating_add(spare), spare_tokens)
            }
            Occasion::Flush | Occasion::End => (in_flight, in_flight, 0),
        };
        let permits = if self.most.is_some() { least } else { permits };
        let is_copy = matches!(occasion, Occasion::Copy { .. });
        Claim {
            holder: self.holder,
            limits: *limits,
            lasts: self.lasts(),
            in_use: in_flight,
            least,
            permits,
            unused: if stale { 0 } else { self.tokens }.saturating_add(self.token_at.is_some().into()),
            needs_token: is_copy && limits.rate.is_some(),
            tokens,
        }
    }

    /// The pool has granted a claim.
    pub fn accept(&mut self, grant: &Grant, claim: &Claim, occasion: Occasion, now: Moment) {
        self.permits = grant.permits;
        self.tokens = grant.tokens;
        self.token_at = grant.token.then_some(now);
        self.most = grant.most;
        self.asked = Some(now);
        self.fresh_until = now.saturating_add(FRESH);
        if occasion == Occasion::Flush {
            (self.since, self.made, self.peak) = (now, 0, claim.in_use);
        }
        if claim.needs_token && !grant.token {
            // Ticks and clocks are not exact: rather asked too early.
            let early = grant.dry_for.saturating_sub(Duration::from_millis(1)).min(NEWS_AFTER);
            self.retry_at = now.saturating_add(early.max(PATIENCE));
        } else if grant.permits < claim.least {
            self.retry_at = now.saturating_add(PATIENCE);
        }
    }

    /// The pool did not come to an answer, as too many asked at once.
    pub fn missed(&mut self, now: Moment) {
        self.retry_at = now.saturating_add(PATIENCE);
        self.asked = Some(now);
    }
}
