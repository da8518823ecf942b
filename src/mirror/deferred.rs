// SPDX-License-Identifier: Apache-2.0
//! A request that was read whole, while the primary's exchange goes on: copies of it are made when that is over, of the request as
//! it was sent to the primary.

use std::rc::Rc;

use super::copying::WholeRequest;
use super::reading::Patience;
use super::set::MirrorSet;
use super::worker::Worker;
use crate::capture::Charge;
use crate::http::Head;
use crate::telemetry::SkipReason;
use crate::time::Moment;

#[derive(Debug)]
pub struct Deferred {
    pub(super) request: WholeRequest,
    /// The mirrors that will get a copy then.
    pub(super) wanted: MirrorSet,
    /// Those that got one when the request was read.
    pub(super) copied: MirrorSet,
    /// For head and body.
    pub(super) charge: Charge,
    pub(super) patience: Patience,
}

/// What became of a request at the primary, as it is known when the exchange is over.
#[derive(Debug)]
pub enum PrimaryEnd {
    /// An upstream answered the request, which was sent with this head.
    Answered(Head),
    /// No upstream was asked, or none answered.
    NotForwarded,
    /// The client went away before there was an answer.
    Aborted,
    /// The host does not say.
    Unknown,
}

impl Deferred {
    /// The worker is short of room. A primary that answers slowly must not hold it for its requests.
    pub fn wait(&mut self, worker: &mut Worker) {
        if self.patience.ends() && !self.request.body.is_empty() {
            let bodied = self.wanted.without(self.request.bodiless);
            worker.skip_all(&self.request.policy, bodied, SkipReason::Memory);
            self.wanted = self.wanted.without(bodied);
            self.drop_body();
        }
    }

    /// Keeps the head alone.
    pub fn drop_body(&mut self) {
        self.request.body = Rc::default();
        self.charge.set(self.request.head.size());
    }

    /// Makes the copies. Gives the mirrors that got one; the others are counted.
    pub fn end(self, end: PrimaryEnd, now: Moment, worker: &mut Worker) -> MirrorSet {
        let Self { request, wanted, charge, .. } = self;
        let reason = match end {
            PrimaryEnd::Answered(sent) => {
                let status = request.exchange.primary_status();
                let mut wanted = wanted;
                for (index, mirror) in wanted.of(&request.policy.mirrors) {
                    if let Some(reason) = mirror.select.refusal_by_answer(&request.head, status) {
                        wanted.remove(index);
                        worker.skip(mirror, reason.into());
                    }
                }
                // From here on each copy is charged for itself.
                drop(charge);
                return request.copy(wanted, &Rc::new(sent), now, worker);
            }
            PrimaryEnd::NotForwarded => SkipReason::NotForwarded,
            PrimaryEnd::Aborted => SkipReason::Aborted,
            PrimaryEnd::Unknown => SkipReason::Memory,
        };
        worker.skip_all(&request.policy, wanted, reason);
        MirrorSet::default()
    }
}
