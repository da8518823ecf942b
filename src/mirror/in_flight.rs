// SPDX-License-Identifier: Apache-2.0
//! The copies that the host took and has not answered, by the token under which it will.

use std::rc::Rc;
use std::time::Duration;

use super::copy::ShadowRequest;
use super::exchange::Exchange;
use super::running::Mirror;
use super::table::Table;
use crate::admission::{Ending, Permit};
use crate::capture::Charge;
use crate::compare::Need;
use crate::http::Outcome;
use crate::telemetry::{Class, ComparisonResult, FailReason, Ledger, Notice, Side};
use crate::time::Moment;

/// How much later than its timeout an answer may come: a busy worker runs its timers late.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct InFlight(Table<Sent>);

/// What must be read of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// The copy is a gRPC request.
    pub grpc: bool,
    pub need: Need,
}

/// A copy that is not in flight any more.
#[derive(Debug)]
pub struct Settled {
    pub mirror: Rc<Mirror>,
    pub exchange: Rc<Exchange>,
    /// From its sending to the end of the answer.
    pub after: Duration,
    pub notice: Option<Notice>,
}

#[derive(Debug)]
struct Sent {
    mirror: Rc<Mirror>,
    exchange: Rc<Exchange>,
    at: Moment,
    /// The host has answered by then, if with its own timeout.
    deadline: Moment,
    grpc: bool,
    permit: Permit,
    _charge: Charge,
}

impl InFlight {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The host took a copy. If it gave it the token of another, that one was lost.
    pub fn sent(
        &mut self,
        token: u32,
        copy: ShadowRequest,
        now: Moment,
        ledger: &mut Ledger,
    ) -> Option<Notice> {
        let grpc = copy.is_grpc();
        let ShadowRequest { mirror, exchange, permit, charge, .. } = copy;
        ledger.add(mirror.meters.sent, 1);
        ledger.add(mirror.meters.in_flight, 1);
        exchange.copy_sent(&mirror, ledger);
        let deadline = now.saturating_add(mirror.timeout).saturating_add(GRACE);
        let sent = Sent { mirror, exchange, at: now, deadline, grpc, permit, _charge: charge };
        let replaced = self.0.insert(token, sent)?;
        replaced.lost(now, ledger)
    }

    /// Whether a copy should have had its answer by now.
    pub fn is_overdue(&self, now: Moment) -> bool {
        self.0.iter().any(|(_, sent)| sent.deadline <= now)
    }

    /// Gives up the copies whose answer the host owes: it ended the context that they belonged to without a word.
    pub fn give_up_overdue(&mut self, now: Moment, ledger: &mut Ledger) -> Vec<Notice> {
        let overdue: Vec<u32> =
            self.0.iter().filter(|(_, sent)| sent.deadline <= now).map(|(token, _)| token).collect();
        let lost: Vec<Sent> = overdue.into_iter().filter_map(|token| self.0.remove(token)).collect();
        lost.into_iter().filter_map(|sent| sent.lost(now, ledger)).collect()
    }

    /// What must be read of the answer to a copy; `None` if no copy has this token.
    pub fn awaited(&self, token: u32) -> Option<Awaited> {
        let Sent { mirror, grpc, .. } = self.0.get(token)?;
        let need = mirror.compare.as_ref().map(|compare| compare.rules.need()).unwrap_or_default();
        Some(Awaited { grpc: *grpc, need })
    }

    /// The host answered.
    pub fn settle(
        &mut self,
        token: u32,
        outcome: Outcome,
        now: Moment,
        ledger: &mut Ledger,
    ) -> Option<Settled> {
        let Sent { mirror, exchange, at, permit, .. } = self.0.remove(token)?;
        let after = now.saturating_sub(at);
        ledger.add(mirror.meters.in_flight, -1);
        let end = match outcome {
            Outcome::Answered(status) => {
                mirror.count_answer(Side::Shadow, Class::of(status), after, ledger);
                Ending::Answered
            }
            Outcome::Failed(failure) => {
                ledger.add(mirror.meters.failed(FailReason::from(failure)), 1);
                mirror.count_comparison(ComparisonResult::Incomparable, ledger);
                Ending::Failed
            }
        };
        let notice = mirror.leave(permit, end, now, ledger);
        Some(Settled { mirror, exchange, after, notice })
    }
}

impl Sent {
    /// No answer will come. Counts as a timeout, which says nothing of the shadow to the breaker.
    fn lost(self, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let Self { mirror, permit, .. } = self;
        ledger.add(mirror.meters.in_flight, -1);
        ledger.add(mirror.meters.failed(FailReason::Timeout), 1);
        mirror.count_comparison(ComparisonResult::Incomparable, ledger);
        mirror.leave(permit, Ending::Unknown, now, ledger)
    }
}
