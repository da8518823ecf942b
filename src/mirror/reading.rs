// SPDX-License-Identifier: Apache-2.0
//! A request that mirrors want, while it is read: its body so far, and the copies that are made of it in the end.

use std::rc::Rc;

use super::copy::ShadowRequest;
use super::exchange::Exchange;
use super::policy::Policy;
use super::redacting::{Redacting, refusal};
use super::running::Mirror;
use super::set::MirrorSet;
use super::worker::Worker;
use crate::capture::{BOOKKEEPING, BodyPolicy, Budget, Capture, Charge, OnOverflow};
use crate::http::Head;
use crate::telemetry::SkipReason;
use crate::time::Moment;
use crate::transform;

#[derive(Debug)]
pub struct Reading {
    pub(super) policy: Rc<Policy>,
    pub(super) head: Rc<Head>,
    pub(super) exchange: Rc<Exchange>,
    /// The mirrors that will get a copy if nothing comes between.
    pub(super) wanted: MirrorSet,
    /// Those among them whose copy goes without a body.
    pub(super) bodiless: MirrorSet,
    /// Bytes of the body so far, kept or not.
    pub(super) body_len: usize,
    pub(super) capture: Option<Capture>,
    /// Flushes since it began at which the worker was short of room.
    pub(super) waited: u32,
}

/// Bytes of bodies that are redacted in the callback which ends their request. What is more is done in ticks.
const MAX_REDACTED_AT_ONCE: usize = 16 << 10;

/// A request may be read through so many flushes at which the worker is short of room, 30 seconds.
const PATIENCE: u32 = 75;

impl Reading {
    /// Whether the body has the length that was announced.
    pub fn is_whole(&self) -> bool {
        let length = self.head.get("content-length").and_then(|value| std::str::from_utf8(value).ok());
        length.and_then(|length| length.parse().ok()) == Some(self.body_len)
    }

    pub fn body(&mut self, len: usize, read: impl FnOnce() -> Option<Vec<u8>>, worker: &mut Worker) {
        self.body_len = self.body_len.saturating_add(len);
        let mut cap = 0;
        let policy = self.policy.clone();
        for (index, mirror) in self.wanted.of(&policy.mirrors) {
            let BodyPolicy::Full { max_bytes, on_overflow } = mirror.body else { continue };
            if self.body_len <= max_bytes {
                cap = cap.max(max_bytes);
            } else if on_overflow == OnOverflow::HeadersOnly {
                self.bodiless.insert(index);
            } else {
                self.wanted.remove(index);
                worker.skip(mirror, SkipReason::BodyTooLarge);
            }
        }
        if cap == 0 {
            // Nobody wants the body any more. The head stays.
            self.drop_body();
        } else if let Some(capture) = &mut self.capture
            && !capture.take(len, cap, read)
        {
            self.give_up_body(worker);
        }
    }

    /// The worker is short of room. Clients that send slowly must not hold it for themselves.
    pub fn wait(&mut self, worker: &mut Worker) {
        self.waited += 1;
        if self.waited > PATIENCE && self.capture.as_ref().is_some_and(|capture| !capture.is_empty()) {
            self.give_up_body(worker);
        }
    }

    fn give_up_body(&mut self, worker: &mut Worker) {
        let policy = self.policy.clone();
        for (index, mirror) in self.wanted.of(&policy.mirrors) {
            if !self.bodiless.contains(index) {
                self.wanted.remove(index);
                worker.skip(mirror, SkipReason::Memory);
            }
        }
        self.drop_body();
    }

    fn drop_body(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.clear();
        }
    }

    pub fn short(&self, now: Moment) -> Vec<(Rc<Mirror>, usize)> {
        let wanted = self.wanted.of(&self.policy.mirrors);
        let targets = wanted.filter_map(|(_, mirror)| Some((mirror, mirror.select.target.of(&self.head)?.0)));
        let short = targets.filter(|(mirror, target)| mirror.gate.is_short(*target, now));
        short.map(|(mirror, target)| (mirror.clone(), target)).collect()
    }

    /// Puts a copy for every wanted mirror into the worker's outbox, as far as each may have one.
    pub fn copy(mut self, now: Moment, worker: &mut Worker) -> MirrorSet {
        // Ends the charge of the request: from here on each copy is charged for itself.
        let full = Rc::new(self.capture.take().map(Capture::into_bytes).unwrap_or_default());
        let mut copied = MirrorSet::default();
        let mut redacting = Redactions { inline: MAX_REDACTED_AT_ONCE, original: None };
        for (index, mirror) in self.wanted.of(&self.policy.mirrors) {
            let body = if self.bodiless.contains(index) { Rc::default() } else { full.clone() };
            match self.copy_for(mirror, body, &mut redacting, now, worker) {
                Ok(made) => {
                    worker.post(made);
                    copied.insert(index);
                }
                Err(reason) => worker.skip(mirror, reason),
            }
        }
        copied
    }

    /// A copy for a mirror, if it may have one. Its body is redacted at once where that takes no time.
    fn copy_for(
        &self,
        mirror: &Rc<Mirror>,
        mut body: Rc<Vec<u8>>,
        redacting: &mut Redactions,
        now: Moment,
        worker: &Worker,
    ) -> Result<Made, SkipReason> {
        // A request that chooses no target did not come this far.
        let (target, _) = mirror.select.target.of(&self.head).ok_or(SkipReason::NoTarget)?;
        if !mirror.gate.breaker_admits(target, now) {
            return Err(SkipReason::Breaker);
        }
        let mut later = None;
        if let BodyPolicy::Full { max_bytes, on_overflow } = mirror.body {
            let redact = &mirror.transform.redact;
            let refused = match redact.begin(&self.head, &body, max_bytes) {
                Ok(None) => None,
                Ok(Some(redaction)) if body.len() <= redacting.inline => {
                    redacting.inline -= body.len();
                    let redacted = redaction.finish(redact, &body);
                    redacted.map(|redacted| body = redacted.map_or(body.clone(), Rc::new)).err()
                }
                Ok(redaction) => {
                    later = redaction;
                    None
                }
                Err(error) => Some(error),
            };
            if let Some(error) = refused {
                body = match refusal(error, on_overflow) {
                    Some(reason) => return Err(reason),
                    None => Rc::default(),
                };
            }
        }
        if !transform::fits(&self.head, &mirror.transform, body.len()) {
            return Err(SkipReason::HeadersTooLarge);
        }
        // A body that is still to be redacted is held once for all mirrors.
        let own = if later.is_some() { 0 } else { body.len() };
        let size = self.head.size().saturating_add(own).saturating_add(BOOKKEEPING);
        let charge = worker.budget().charge(size).ok_or(SkipReason::Memory)?;
        if mirror.dry_run && later.is_none() {
            mirror.gate.rehearse(target, now)?;
            return Err(SkipReason::DryRun);
        }
        let original = match later {
            Some(_) => Some(redacting.original(&body, worker.budget())?),
            None => None,
        };
        let copy = ShadowRequest {
            permit: mirror.gate.enter(target, now)?,
            mirror: mirror.clone(),
            head: self.head.clone(),
            body,
            exchange: self.exchange.clone(),
            charge,
        };
        let (Some(redaction), Some(original)) = (later, original) else { return Ok(Made::Copy(copy)) };
        Ok(Made::Redacting(Redacting::new(copy, redaction, original, worker.budget().nothing())))
    }
}

/// The redactions of one request's body.
struct Redactions {
    /// Bytes that may still be redacted at once.
    inline: usize,
    /// For the body as it was sent, which they share.
    original: Option<Rc<Charge>>,
}

impl Redactions {
    fn original(&mut self, body: &[u8], budget: &Budget) -> Result<Rc<Charge>, SkipReason> {
        if let Some(original) = &self.original {
            return Ok(original.clone());
        }
        let original = Rc::new(budget.charge(body.len()).ok_or(SkipReason::Memory)?);
        self.original = Some(original.clone());
        Ok(original)
    }
}

/// What was made for a mirror.
#[derive(Debug)]
pub enum Made {
    Copy(ShadowRequest),
    /// A copy, once its body was redacted.
    Redacting(Redacting),
}
