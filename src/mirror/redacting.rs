// SPDX-License-Identifier: Apache-2.0
//! A copy whose body is redacted in ticks: it would hold its request up for too long.

use std::rc::Rc;
use std::task::Poll;

use super::copy::ShadowRequest;
use super::exchange::Exchange;
use super::pair::Pair;
use super::running::Mirror;
use crate::admission::{Ending, Permit};
use crate::capture::{BodyPolicy, Charge, OnOverflow};
use crate::telemetry::{Ledger, SkipReason};
use crate::time::Moment;
use crate::transform::{self, BodyRedaction, RedactError};

#[derive(Debug)]
pub struct Redacting {
    copy: ShadowRequest,
    redaction: BodyRedaction,
    /// For the body as it was sent, which the mirrors share.
    original: Rc<Charge>,
    /// For what the redaction notes. Its result is charged when it is there and the original is given back: one body is written at a
    /// time.
    notes: Charge,
}

/// How far a redaction has come.
#[derive(Debug)]
pub enum Progress {
    More(Redacting),
    Done(Result<ShadowRequest, Dropped>),
}

/// A copy that is not made after all.
#[derive(Debug)]
pub struct Dropped {
    mirror: Rc<Mirror>,
    exchange: Rc<Exchange>,
    permit: Permit,
    reason: SkipReason,
}

impl Redacting {
    /// `copy` is charged without its body, `notes` not at all.
    pub fn new(copy: ShadowRequest, redaction: BodyRedaction, original: Rc<Charge>, notes: Charge) -> Self {
        Self { copy, redaction, original, notes }
    }

    /// Does so much work, which is counted in bytes that are read.
    pub fn step(mut self, work: usize) -> Progress {
        if !self.notes.set(self.redaction.noted_bytes()) {
            return Progress::Done(Err(Dropped::new(self.copy, SkipReason::Memory)));
        }
        let redact = &self.copy.mirror.transform.redact;
        match self.redaction.step(redact, &self.copy.body, work) {
            Poll::Pending => Progress::More(self),
            Poll::Ready(result) => Progress::Done(self.finish(result)),
        }
    }

    /// It will not be made.
    pub fn give_up(self) -> Dropped {
        Dropped::aborted(self.copy)
    }

    fn finish(self, result: Result<Option<Vec<u8>>, RedactError>) -> Result<ShadowRequest, Dropped> {
        let Self { mut copy, original, .. } = self;
        drop(original);
        let BodyPolicy::Full { on_overflow, .. } = copy.mirror.body else { return Ok(copy) };
        match result {
            Ok(Some(redacted)) => copy.body = Rc::new(redacted),
            Ok(None) => {}
            Err(error) => match refusal(error, on_overflow) {
                Some(reason) => return Err(Dropped::new(copy, reason)),
                None => copy.body = Rc::default(),
            },
        }
        let (head, len) = (&copy.head, copy.body.len());
        if !transform::fits(head, &copy.mirror.transform, len) {
            return Err(Dropped::new(copy, SkipReason::HeadersTooLarge));
        }
        let size = copy.charged();
        if !copy.charge.set(size) {
            return Err(Dropped::new(copy, SkipReason::Memory));
        }
        if copy.mirror.dry_run {
            return Err(Dropped::new(copy, SkipReason::DryRun));
        }
        Ok(copy)
    }
}

impl Dropped {
    fn new(copy: ShadowRequest, reason: SkipReason) -> Self {
        let ShadowRequest { mirror, exchange, permit, .. } = copy;
        Self { mirror, exchange, permit, reason }
    }

    /// A copy that nobody will send.
    pub fn aborted(copy: ShadowRequest) -> Self {
        Self::new(copy, SkipReason::Aborted)
    }

    /// Gives what can be compared without it.
    pub fn count(self, now: Moment, ledger: &mut Ledger) -> Option<Pair> {
        let Self { mirror, exchange, permit, reason } = self;
        mirror.count_skip(reason, ledger);
        // It was not sent, which changes no state that would be news.
        mirror.leave(permit, Ending::Unknown, now, ledger);
        exchange.copy_failed(&mirror, ledger)
    }
}

/// What follows where a body cannot be redacted: a skip, or `None` for a copy without a body.
pub fn refusal(error: RedactError, on_overflow: OnOverflow) -> Option<SkipReason> {
    match error {
        RedactError::Unredactable => Some(SkipReason::Unredactable),
        RedactError::OutOfMemory => Some(SkipReason::Memory),
        RedactError::TooLong if on_overflow == OnOverflow::HeadersOnly => None,
        RedactError::TooLong => Some(SkipReason::BodyTooLarge),
    }
}
