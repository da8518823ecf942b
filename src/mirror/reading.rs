// SPDX-License-Identifier: Apache-2.0
//! A request that mirrors want, while it is read: its body so far, and which of them still want it.

use std::rc::Rc;

use super::copying::WholeRequest;
use super::deferred::Deferred;
use super::exchange::Exchange;
use super::policy::Policy;
use super::set::MirrorSet;
use super::worker::Worker;
use crate::capture::{BodyPolicy, Capture, OnOverflow};
use crate::http::Head;
use crate::telemetry::SkipReason;
use crate::time::Moment;

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
    pub(super) capture: Capture,
    pub(super) patience: Patience,
}

/// Flushes at which the worker was short of room while a request was under way.
#[derive(Debug, Default)]
pub struct Patience(u32);

impl Patience {
    /// There was another one. Whether the request must give its body up: after 30 seconds.
    pub fn ends(&mut self) -> bool {
        const MOST: u32 = 75;
        self.0 = self.0.saturating_add(1);
        self.0 > MOST
    }
}

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
            self.capture.clear();
        } else if !self.capture.take(len, cap, read) {
            self.give_up_body(worker);
        }
    }

    /// The worker is short of room. Clients that send slowly must not hold it for themselves.
    pub fn wait(&mut self, worker: &mut Worker) {
        if self.patience.ends() && !self.capture.is_empty() {
            self.give_up_body(worker);
        }
    }

    fn give_up_body(&mut self, worker: &mut Worker) {
        let bodied = self.wanted.without(self.bodiless);
        worker.skip_all(&self.policy, bodied, SkipReason::Memory);
        self.wanted = self.wanted.without(bodied);
        self.capture.clear();
    }

    /// The request was read whole. Makes the copies that leave now; the second is what waits for the primary's end.
    pub fn end(self, now: Moment, worker: &mut Worker) -> (MirrorSet, Option<Deferred>) {
        let Self { policy, head, exchange, wanted, bodiless, capture, patience, .. } = self;
        let later = wanted.and(policy.at_primary_end);
        let (body, charge) = capture.into_parts();
        let request = WholeRequest { policy, head, exchange, body: Rc::new(body), bodiless };
        if later.is_empty() {
            // Ends the charge of the request: from here on each copy is charged for itself.
            drop(charge);
            return (request.copy(wanted, &request.head, now, worker), None);
        }
        let copied = request.copy(wanted.without(later), &request.head, now, worker);
        let mut deferred = Deferred { request, wanted: later, copied, charge, patience };
        if later.without(bodiless).is_empty() {
            deferred.drop_body();
        }
        (copied, Some(deferred))
    }
}
