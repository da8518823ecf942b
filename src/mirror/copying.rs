// SPDX-License-Identifier: Apache-2.0
//! A request that was read whole, and the copies that are made of it: one for each mirror, as far as each may have one.

use std::rc::Rc;

use super::copy::ShadowRequest;
use super::exchange::Exchange;
use super::policy::Policy;
use super::redacting::{Redacting, refusal};
use super::running::Mirror;
use super::set::MirrorSet;
use super::worker::Worker;
use crate::capture::{BOOKKEEPING, BodyPolicy, Budget, Charge};
use crate::http::Head;
use crate::telemetry::SkipReason;
use crate::time::Moment;
use crate::transform;

/// Bytes of bodies that are redacted in the callback which ends their request. What is more is done in ticks.
const MAX_REDACTED_AT_ONCE: usize = 16 << 10;

#[derive(Debug)]
pub struct WholeRequest {
    pub policy: Rc<Policy>,
    /// As it came in: mirrors decide on it.
    pub head: Rc<Head>,
    pub exchange: Rc<Exchange>,
    pub body: Rc<Vec<u8>>,
    /// The mirrors whose copy goes without a body.
    pub bodiless: MirrorSet,
}

/// What was made for a mirror.
#[derive(Debug)]
pub enum Made {
    Copy(ShadowRequest),
    /// A copy, once its body was redacted.
    Redacting(Redacting),
}

/// The redactions of one request's body.
struct Redactions {
    /// Bytes that may still be redacted at once.
    inline: usize,
    /// For the body as it was sent, which they share.
    original: Option<Rc<Charge>>,
}

impl WholeRequest {
    /// Puts a copy for every wanted mirror into the worker's outbox, and one for its control. `sent` is the head that copies are made of. Gives the mirrors
    /// that got one; the others are counted.
    pub fn copy(&self, wanted: MirrorSet, sent: &Rc<Head>, now: Moment, worker: &mut Worker) -> MirrorSet {
        let mut copied = MirrorSet::default();
        let mut redactions = Redactions { inline: MAX_REDACTED_AT_ONCE, original: None };
        for (index, mirror) in wanted.of(&self.policy.mirrors) {
            let body = if self.bodiless.contains(index) { Rc::default() } else { self.body.clone() };
            let made = self.copy_for(mirror, sent, body.clone(), &mut redactions, now, worker);
            let (is_made, is_rehearsed) = (made.is_ok(), matches!(made, Err(SkipReason::DryRun)));
            worker.post(mirror, made);
            if is_made {
                copied.insert(index);
            }
            if !is_made && !is_rehearsed {
                continue;
            }
            let Some(control) = mirror.control_for(&self.head) else { continue };
            worker.ledger().add(control.meters.requests, 1);
            let made = self.copy_for(control, sent, body, &mut redactions, now, worker);
            if is_made && made.is_ok() {
                copied.insert_control(index);
                self.exchange.expect_both(mirror.clone());
            }
            worker.post(control, made);
        }
        copied
    }

    /// A copy for a mirror, if it may have one. Its body is redacted at once where that takes no time.
    fn copy_for(
        &self,
        mirror: &Rc<Mirror>,
        sent: &Rc<Head>,
        mut body: Rc<Vec<u8>>,
        redactions: &mut Redactions,
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
            let refused = match redact.begin(sent, &body, max_bytes) {
                Ok(None) => None,
                Ok(Some(redaction)) if body.len() <= redactions.inline => {
                    redactions.inline -= body.len();
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
        if !transform::fits(sent, &mirror.transform, body.len()) {
            return Err(SkipReason::HeadersTooLarge);
        }
        // A body that is still to be redacted is held once for all mirrors.
        let own = if later.is_some() { 0 } else { body.len() };
        let size = sent.size().saturating_add(own).saturating_add(BOOKKEEPING);
        let charge = worker.budget().charge(size).ok_or(SkipReason::Memory)?;
        if mirror.dry_run && later.is_none() {
            mirror.gate.rehearse(target, now)?;
            return Err(SkipReason::DryRun);
        }
        let original = match later {
            Some(_) => Some(redactions.original(&body, worker.budget())?),
            None => None,
        };
        let copy = ShadowRequest {
            permit: mirror.gate.enter(target, now)?,
            mirror: mirror.clone(),
            head: sent.clone(),
            body,
            exchange: self.exchange.clone(),
            charge,
        };
        let (Some(redaction), Some(original)) = (later, original) else { return Ok(Made::Copy(copy)) };
        Ok(Made::Redacting(Redacting::new(copy, redaction, original, worker.budget().nothing())))
    }
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
