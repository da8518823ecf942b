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

use super::exchange::Exchange;
use super::reading::Reading;
use super::set::MirrorSet;
use super::worker::Worker;
use crate::capture::Capture;
use crate::compare::Need;
use crate::http::{Head, MARKER, lists};
use crate::telemetry::SkipReason;
use crate::time::Moment;

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
            if let Some(reason) = worker.refusal(mirror, &head) {
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
        let compare = wanted.of(&policy.mirrors).filter_map(|(_, mirror)| mirror.compare.as_ref());
        let exchange = match compare.map(|compare| compare.rules.need()).reduce(Need::and) {
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

    /// A chunk of the body. `read` fetches its bytes from the host; it is only called if they are kept, and gives `None` if
    /// the host does not hand them over.
    pub fn body(&mut self, len: usize, read: impl FnOnce() -> Option<Vec<u8>>, worker: &mut Worker) {
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
    pub fn answer_body(&self, len: usize, read: impl FnOnce() -> Option<Vec<u8>>) {
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

/// CONNECT, or an upgrade such as WebSocket: what follows is not a request body.
fn is_upgrade(head: &Head) -> bool {
    head.get(":method") == Some(b"CONNECT")
        || head.get("upgrade").is_some()
            && head.iter().any(|(name, value)| name == b"connection" && lists(value, b"upgrade"))
}
