// SPDX-License-Identifier: Apache-2.0
//! The life of one request, as far as its copies go.
//!
//! ```text
//! headers ──► Passing                          no mirror wants it (any more)
//!        └──► Reading ───────────────► Answering ──► Passing
//!              body,    │               copies wait or are sent;
//!              trailers │               the primary's answer is awaited
//!                       └──► Deferred ──┘
//!                             copies are made when the primary's exchange is over
//! ```
//!
//! The primary is never held up: nothing here can ask for that.

use std::rc::Rc;

use super::copied::Copied;
use super::copying::WholeRequest;
use super::deferred::{Deferred, PrimaryEnd};
use super::exchange::Exchange;
use super::reading::{Patience, Reading};
use super::running::Mirror;
use super::set::MirrorSet;
use super::worker::Worker;
use crate::capture::Capture;
use crate::compare::Need;
use crate::http::{GrpcStatus, Head, MARKER, lists};
use crate::telemetry::SkipReason;
use crate::time::Moment;

#[derive(Debug, Default)]
pub enum Request {
    /// Nothing of it is or will be copied.
    #[default]
    Passing,
    /// Mirrors want it, and it is being read.
    Reading(Reading),
    /// It was read whole, and mirrors wait for the end of the primary's exchange.
    Deferred(Deferred),
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
        let exchange = Exchange::new(policy.need(wanted), head.clone());
        Self::Reading(Reading {
            policy,
            head,
            exchange: Rc::new(exchange),
            wanted,
            bodiless,
            body_len: 0,
            capture: Capture::new(charge),
            patience: Patience::default(),
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

    /// The mirrors that should ask their pools before the next copies are made, each with the index of its target.
    pub fn short(&self, now: Moment) -> Vec<(Rc<Mirror>, usize)> {
        let (policy, head, wanted) = match self {
            Self::Reading(Reading { policy, head, wanted, .. }) => {
                (policy, head, wanted.without(policy.at_primary_end))
            }
            Self::Deferred(Deferred { request, wanted, .. }) => (&request.policy, &request.head, *wanted),
            Self::Passing | Self::Answering(_) => return Vec::new(),
        };
        let wanted = wanted.of(&policy.mirrors).map(|(_, mirror)| mirror);
        let with_controls = wanted.flat_map(|mirror| std::iter::once(mirror).chain(mirror.control_for(head)));
        let targets = with_controls.filter_map(|mirror| Some((mirror, mirror.select.target.of(head)?.0)));
        let short = targets.filter(|(mirror, target)| mirror.gate.is_short(*target, now));
        short.map(|(mirror, target)| (mirror.clone(), target)).collect()
    }

    /// The worker is short of room while the request is under way.
    pub fn wait(&mut self, worker: &mut Worker) {
        let wanted = match self {
            Self::Reading(reading) => {
                reading.wait(worker);
                reading.wanted
            }
            Self::Deferred(deferred) => {
                deferred.wait(worker);
                deferred.wanted.or(deferred.copied)
            }
            Self::Passing | Self::Answering(_) => return,
        };
        if wanted.is_empty() {
            *self = Self::Passing;
        }
    }

    /// Whether it was read whole, though its end was not signalled.
    pub fn is_whole(&self) -> bool {
        matches!(self, Self::Reading(reading) if reading.is_whole())
    }

    /// The request was read whole. Makes the copies that leave then; these are their mirrors.
    pub fn end(&mut self, now: Moment, worker: &mut Worker) -> Option<Copied> {
        let Self::Reading(reading) = std::mem::take(self) else { return None };
        let (policy, exchange, head) =
            (reading.policy.clone(), reading.exchange.clone(), reading.head.clone());
        exchange.request_ended(now);
        let (mirrors, deferred) = reading.end(now, worker);
        let waited_for = deferred.as_ref().map(|deferred| deferred.wanted).unwrap_or_default();
        exchange.needs(policy.need(mirrors.or(waited_for)));
        if let Some(deferred) = deferred {
            *self = Self::Deferred(deferred);
        } else if !mirrors.is_empty() && exchange.is_open() {
            *self = Self::Answering(exchange);
        }
        Some(Copied { policy, head, earlier: MirrorSet::default(), mirrors })
    }

    /// Envoy took copies or refused them by now.
    pub fn are_taken(&mut self, copied: &Copied) {
        if let Self::Deferred(deferred) = self {
            deferred.copied = copied.taken();
        }
    }

    /// The primary's exchange is over. Makes the copies that waited for that; the mirrors are all that have one of this request.
    pub fn primary_ends(&mut self, end: PrimaryEnd, now: Moment, worker: &mut Worker) -> Option<Copied> {
        let deferred = match std::mem::take(self) {
            Self::Deferred(deferred) => deferred,
            other => {
                *self = other;
                return None;
            }
        };
        let WholeRequest { policy, head, exchange, .. } = &deferred.request;
        let (policy, exchange, head) = (policy.clone(), exchange.clone(), head.clone());
        let earlier = deferred.copied;
        let mirrors = deferred.end(end, now, worker);
        let copied = mirrors.or(earlier);
        exchange.needs(policy.need(copied));
        if !copied.is_empty() && exchange.is_open() {
            *self = Self::Answering(exchange);
        }
        (!mirrors.is_empty()).then_some(Copied { policy, head, earlier, mirrors })
    }

    /// Whether the primary's answer is of interest.
    pub fn awaits_answer(&self) -> bool {
        self.exchange().is_some_and(|exchange| exchange.is_open())
    }

    /// What comparisons need to see of the primary's answer.
    pub fn need(&self) -> Need {
        self.exchange().map(|exchange| exchange.need()).unwrap_or_default()
    }

    /// Whether the primary's answer has a gRPC status that is of interest.
    pub fn awaits_grpc_status(&self) -> bool {
        self.exchange().is_some_and(|exchange| exchange.is_open() && exchange.is_grpc())
    }

    /// The primary's answer began. Its headers may be left empty where they are not needed.
    pub fn answer_begins(
        &self,
        status: u16,
        grpc: Option<GrpcStatus>,
        headers: Head,
        now: Moment,
        worker: &Worker,
    ) {
        if let Some(exchange) = self.exchange() {
            exchange.primary_begins(status, grpc, headers, now, worker.budget());
        }
    }

    /// The primary's answer has trailers with this status.
    pub fn answer_trailers(&self, grpc: GrpcStatus) {
        if let Some(exchange) = self.exchange() {
            exchange.primary_trailers(grpc);
        }
    }

    /// A chunk of the primary's answer. `read` fetches its bytes from the host, if they are wanted.
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
        if self.is_whole() {
            // Envoy ends a stream as soon as the primary has answered, be it before the end of the request was
            // signalled: HTTP/2 may put that into a frame of its own behind the last byte.
            self.end(now, worker);
        }
        // Nobody has told what became of it.
        self.primary_ends(PrimaryEnd::Unknown, now, worker);
        self.answer_is_over(now, false, worker);
        if let Self::Reading(reading) = std::mem::take(self) {
            worker.skip_all(&reading.policy, reading.wanted, SkipReason::Aborted);
        }
    }

    fn exchange(&self) -> Option<&Rc<Exchange>> {
        match self {
            Self::Passing => None,
            Self::Reading(reading) => Some(&reading.exchange),
            Self::Deferred(deferred) => Some(&deferred.request.exchange),
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
