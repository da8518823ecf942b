// SPDX-License-Identifier: Apache-2.0
//! The life of one request, as far as its copies go.
//!
//! ```text
//! headers ──► Passing                          no mirror wants it (any more)
//!        └──► Reading ──► Answering ──► Passing
//!              body,       copies wait or are sent;
//!              trailers    the primary's answer is awaited
//! ```
//!
//! The primary is never held up: nothing here can ask for that.

use std::rc::Rc;

use crate::capture::Capture;
use crate::compare::{Need, Rules};
use crate::config::{BodyPolicy, OnOverflow};
use crate::copy::Copy;
use crate::exchange::{Exchange, Moment};
use crate::head::{Head, lists};
use crate::metrics::SkipReason;
use crate::outgoing;
use crate::policy::{Mirror, MirrorSet, Policy};
use crate::redact::Refusal;
use crate::reserved::MARKER;
use crate::worker::Worker;

#[derive(Debug, Default)]
pub enum Request {
    /// Nothing of it is or will be copied.
    #[default]
    Passing,
    /// Mirrors want it, and it is being read.
    Reading(Reading),
    /// Copies were made; the primary's answer has not ended.
    Answering(Rc<Exchange>),
}

#[derive(Debug)]
pub struct Reading {
    policy: Rc<Policy>,
    head: Rc<Head>,
    exchange: Rc<Exchange>,
    /// The mirrors that will get a copy if nothing comes between.
    wanted: MirrorSet,
    /// Those among them whose copy goes without a body.
    bodiless: MirrorSet,
    /// Bytes of the body so far, kept or not.
    body_len: usize,
    capture: Option<Capture>,
}

impl Request {
    /// A request that mirrors were drawn for. Counts every mirror that cannot have it.
    pub fn begin(mut wanted: MirrorSet, head: Head, worker: &mut Worker) -> Self {
        let policy = worker.policy().clone();
        let refused = if policy.loop_guard && head.get(MARKER).is_some() {
            Some(SkipReason::Loop)
        } else if is_upgrade(&head) {
            Some(SkipReason::Upgrade)
        } else {
            None
        };
        if let Some(reason) = refused {
            worker.skip_all(&policy, wanted, reason);
            return Self::Passing;
        }
        for (index, mirror) in wanted.of(&policy.mirrors) {
            if let Some(reason) = refusal(mirror, &head, worker) {
                wanted.remove(index);
                worker.skip(mirror, reason);
            }
        }
        if wanted.is_empty() {
            return Self::Passing;
        }
        let Some(charge) = worker.budget().charge(head.size()) else {
            worker.skip_all(&policy, wanted, SkipReason::Memory);
            return Self::Passing;
        };
        let mut bodiless = MirrorSet::default();
        wanted
            .of(&policy.mirrors)
            .filter(|(_, mirror)| !mirror.wants_body())
            .for_each(|(i, _)| bodiless.insert(i));
        let head = Rc::new(head);
        let rules = wanted.of(&policy.mirrors).filter_map(|(_, mirror)| mirror.compare.as_ref());
        let exchange = match rules.map(Rules::need).reduce(Need::and) {
            Some(need) => Exchange::with_comparison(need, head.clone()),
            None => Exchange::default(),
        };
        Self::Reading(Reading {
            policy,
            head,
            exchange: Rc::new(exchange),
            wanted,
            bodiless,
            body_len: 0,
            capture: Some(Capture::new(charge)),
        })
    }

    /// A chunk of the body. `read` fetches its bytes from the host; it is only called if they are kept.
    pub fn body(&mut self, len: usize, read: impl FnOnce() -> Vec<u8>, worker: &mut Worker) {
        if let Self::Reading(reading) = self {
            reading.body(len, read, worker);
            if reading.wanted.is_empty() {
                *self = Self::Passing;
            }
        }
    }

    /// The request was read whole. Makes the copies, and gives the names of their mirrors if these are to be left for
    /// the primary's access log.
    pub fn end(&mut self, now: Moment, worker: &mut Worker) -> Option<String> {
        let Self::Reading(reading) = std::mem::take(self) else { return None };
        let (policy, exchange) = (reading.policy.clone(), reading.exchange.clone());
        exchange.request_ended(now);
        let copied = reading.copy(now, worker);
        if copied.is_empty() {
            return None;
        }
        if exchange.is_open() {
            *self = Self::Answering(exchange);
        }
        let names = || copied.of(&policy.mirrors).map(|(_, mirror)| mirror.name.as_str()).collect::<Vec<_>>();
        policy.annotate.then(|| names().join(","))
    }

    /// Whether the primary's answer is of interest.
    pub fn awaits_answer(&self) -> bool {
        self.exchange().is_some_and(|exchange| exchange.is_open())
    }

    /// What comparisons need to see of the primary's answer.
    pub fn need(&self) -> Need {
        self.exchange().map(|exchange| exchange.need()).unwrap_or_default()
    }

    /// The primary's answer began. Its headers may be left empty where they are not needed.
    pub fn answer_begins(&self, status: u16, headers: Head, worker: &Worker) {
        if let Some(exchange) = self.exchange() {
            exchange.primary_begins(status, headers, worker.budget());
        }
    }

    /// Whether the body of the primary's answer is wanted.
    pub fn wants_answers_body(&self) -> bool {
        self.exchange().is_some_and(|exchange| exchange.wants_primary_body())
    }

    /// A chunk of the primary's answer. `read` fetches its bytes from the host.
    pub fn answer_body(&self, len: usize, read: impl FnOnce() -> Vec<u8>) {
        if let Some(exchange) = self.exchange() {
            exchange.primary_body(len, read);
        }
    }

    /// The primary's answer ended.
    pub fn answer_ends(&mut self, now: Moment, worker: &mut Worker) {
        self.answer_is_over(now, true, worker);
    }

    fn answer_is_over(&mut self, now: Moment, whole: bool, worker: &mut Worker) {
        if let Some(exchange) = self.exchange() {
            worker.primary_ended(exchange, now, whole);
        }
        if matches!(self, Self::Answering(_)) {
            *self = Self::Passing;
        }
    }

    /// The stream is gone: a request that was not read whole leaves no copy behind.
    pub fn gone(&mut self, now: Moment, worker: &mut Worker) {
        if matches!(self, Self::Reading(reading) if reading.is_whole()) {
            // Envoy ends a stream as soon as the primary has answered, be it before the end of the request was
            // signalled: HTTP/2 may put that into a frame of its own behind the last byte.
            self.end(now, worker);
        }
        self.answer_is_over(now, false, worker);
        if let Self::Reading(reading) = std::mem::take(self) {
            worker.skip_all(&reading.policy, reading.wanted, SkipReason::Aborted);
        }
    }

    fn exchange(&self) -> Option<&Rc<Exchange>> {
        match self {
            Self::Passing => None,
            Self::Reading(reading) => Some(&reading.exchange),
            Self::Answering(exchange) => Some(exchange),
        }
    }
}

impl Reading {
    /// Whether the body has the length that was announced.
    fn is_whole(&self) -> bool {
        let length = self.head.get("content-length").and_then(|value| std::str::from_utf8(value).ok());
        length.and_then(|length| length.parse().ok()) == Some(self.body_len)
    }

    fn body(&mut self, len: usize, read: impl FnOnce() -> Vec<u8>, worker: &mut Worker) {
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
            && capture.push(read(), cap).is_err()
        {
            for (index, mirror) in self.wanted.of(&policy.mirrors) {
                if !self.bodiless.contains(index) {
                    self.wanted.remove(index);
                    worker.skip(mirror, SkipReason::Memory);
                }
            }
            self.drop_body();
        }
    }

    fn drop_body(&mut self) {
        if let Some(capture) = &mut self.capture {
            capture.clear();
        }
    }

    /// Puts a copy for every wanted mirror into the worker's outbox, as far as each may have one.
    fn copy(mut self, now: Moment, worker: &mut Worker) -> MirrorSet {
        // Ends the charge of the request: from here on each copy is charged for itself.
        let full = Rc::new(self.capture.take().map(Capture::into_bytes).unwrap_or_default());
        let empty = Rc::new(Vec::new());
        let mut copied = MirrorSet::default();
        for (index, mirror) in self.wanted.of(&self.policy.mirrors) {
            let body = if self.bodiless.contains(index) { &empty } else { &full };
            match self.copy_for(mirror, body, now, worker) {
                Ok(copy) => {
                    worker.post(copy);
                    copied.insert(index);
                }
                Err(reason) => worker.skip(mirror, reason),
            }
        }
        copied
    }

    fn copy_for(
        &self,
        mirror: &Rc<Mirror>,
        body: &Rc<Vec<u8>>,
        now: Moment,
        worker: &Worker,
    ) -> Result<Copy, SkipReason> {
        if !mirror.gate.breaker_admits(now) {
            return Err(SkipReason::Breaker);
        }
        let body = self.redacted(mirror, body, worker)?;
        if !outgoing::fits(&self.head, mirror, body.len()) {
            return Err(SkipReason::HeadersTooLarge);
        }
        let size = self.head.size().saturating_add(body.len());
        let charge = worker.budget().charge(size).ok_or(SkipReason::Memory)?;
        if mirror.dry_run {
            mirror.gate.rehearse(now)?;
            return Err(SkipReason::DryRun);
        }
        Ok(Copy {
            place: mirror.gate.enter(now)?,
            mirror: mirror.clone(),
            head: self.head.clone(),
            body,
            exchange: self.exchange.clone(),
            charge,
        })
    }
}

impl Reading {
    /// A body without what the mirror must not show. Never grows beyond what the mirror or the worker may hold.
    fn redacted(
        &self,
        mirror: &Mirror,
        body: &Rc<Vec<u8>>,
        worker: &Worker,
    ) -> Result<Rc<Vec<u8>>, SkipReason> {
        let BodyPolicy::Full { max_bytes, on_overflow } = mirror.body else { return Ok(body.clone()) };
        let room = worker.budget().room();
        match mirror.redact.body(&self.head, body, max_bytes.min(room)) {
            Ok(Some(redacted)) => Ok(Rc::new(redacted)),
            Ok(None) => Ok(body.clone()),
            Err(Refusal::Unredactable) => Err(SkipReason::Unredactable),
            Err(Refusal::TooLong) if max_bytes > room => Err(SkipReason::Memory),
            Err(Refusal::TooLong) if on_overflow == OnOverflow::HeadersOnly => Ok(Rc::default()),
            Err(Refusal::TooLong) => Err(SkipReason::BodyTooLarge),
        }
    }
}

/// Why a mirror does not want a request of which the head is known.
fn refusal(mirror: &Mirror, head: &Head, worker: &mut Worker) -> Option<SkipReason> {
    if !worker.keeps(mirror, head) {
        Some(SkipReason::Unsampled)
    } else if !mirror.conditions.admit(head) {
        Some(SkipReason::Unmatched)
    } else if mirror.target.of(head).is_none() {
        Some(SkipReason::NoTarget)
    } else {
        None
    }
}

/// CONNECT, or an upgrade such as WebSocket: what follows is not a request body.
fn is_upgrade(head: &Head) -> bool {
    head.get(":method") == Some(b"CONNECT")
        || head.get("upgrade").is_some()
            && head.iter().any(|(name, value)| name == b"connection" && lists(value, b"upgrade"))
}
