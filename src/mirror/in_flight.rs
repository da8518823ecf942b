// SPDX-License-Identifier: Apache-2.0
//! The copies that the host took and has not answered, by the token under which it will.

use std::rc::Rc;
use std::time::Duration;

use super::copy::ShadowRequest;
use super::exchange::Exchange;
use super::running::{Counted, Mirror};
use super::table::Table;
use crate::admission::{Ending, Permit};
use crate::capture::Charge;
use crate::compare::Need;
use crate::http::{Failure, GrpcStatus, Outcome};
use crate::telemetry::{Class, ComparisonResult, FailReason, Ledger, Notice, Side};
use crate::time::Moment;

/// How much later than its timeout an answer may come: a busy worker runs its timers late.
const GRACE: Duration = Duration::from_secs(5);
/// How much earlier than its timeout a copy may end by it: a worker reckons its timers from when its round of events began, which
/// is before the copy was sent. Never more than an eighth of the timeout.
const EARLY: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub struct InFlight(Table<Sent>);

/// What must be read of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// The copy is a gRPC request.
    pub grpc: bool,
    pub need: Need,
    /// Since the copy was sent.
    pub elapsed: Duration,
}

/// How a copy ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    pub outcome: Outcome,
    /// Of an answer to a gRPC request.
    pub grpc: Option<GrpcStatus>,
    /// What Envoy says of the time to the answer's headers, in whole milliseconds, where that was asked for.
    pub service_time: Option<u64>,
    /// Bytes of the answer's body.
    pub size: usize,
}

impl Ended {
    /// An answer that broke off.
    pub const NO_HEADERS: Self =
        Self { outcome: Outcome::NO_HEADERS, grpc: None, service_time: None, size: 0 };
}

/// A copy that is not in flight any more.
#[derive(Debug)]
pub struct Settled {
    pub mirror: Rc<Mirror>,
    pub exchange: Rc<Exchange>,
    /// From its sending to the headers of the answer; `None` if there is no answer.
    pub answered_after: Option<Duration>,
    pub notice: Option<Notice>,
}

#[derive(Debug)]
struct Sent {
    mirror: Rc<Mirror>,
    exchange: Rc<Exchange>,
    at: Moment,
    /// The host has answered by then, if with its own timeout.
    deadline: Moment,
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
    ) -> Option<Settled> {
        let ShadowRequest { mirror, exchange, permit, charge, .. } = copy;
        ledger.add(mirror.meters.sent, 1);
        ledger.add(mirror.meters.in_flight, 1);
        exchange.copy_sent(&mirror, ledger);
        let deadline = now.saturating_add(mirror.timeout).saturating_add(GRACE);
        let sent = Sent { mirror, exchange, at: now, deadline, permit, _charge: charge };
        let replaced = self.0.insert(token, sent)?;
        Some(replaced.lost(now, ledger))
    }

    /// Whether a copy should have had its answer by now.
    pub fn is_overdue(&self, now: Moment) -> bool {
        self.0.iter().any(|(_, sent)| sent.deadline <= now)
    }

    /// Gives up the copies whose answer is overdue: the host ended their context and reported nothing.
    pub fn give_up_overdue(&mut self, now: Moment, ledger: &mut Ledger) -> Vec<Settled> {
        let overdue: Vec<u32> =
            self.0.iter().filter(|(_, sent)| sent.deadline <= now).map(|(token, _)| token).collect();
        let lost: Vec<Sent> = overdue.into_iter().filter_map(|token| self.0.remove(token)).collect();
        lost.into_iter().map(|sent| sent.lost(now, ledger)).collect()
    }

    /// What must be read of the answer to a copy; `None` if no copy has this token.
    pub fn awaited(&self, token: u32, now: Moment) -> Option<Awaited> {
        let Sent { mirror, exchange, at, .. } = self.0.get(token)?;
        let need = mirror.compare.as_ref().map(|compare| compare.rules.need()).unwrap_or_default();
        Some(Awaited { grpc: exchange.is_grpc(), need, elapsed: now.saturating_sub(*at) })
    }

    /// The host answered.
    pub fn settle(&mut self, token: u32, ended: Ended, now: Moment, ledger: &mut Ledger) -> Option<Settled> {
        let Sent { mirror, exchange, at, permit, .. } = self.0.remove(token)?;
        let elapsed = now.saturating_sub(at);
        let after = to_headers(elapsed, ended.service_time);
        ledger.add(mirror.meters.in_flight, -1);
        let mut answered_after = None;
        let end = match ended.outcome {
            Outcome::Answered(status) => {
                answered_after = Some(after);
                let counted = Counted { class: Class::of(status), grpc: ended.grpc, after };
                mirror.count_answer(Side::Shadow, &counted, ledger);
                mirror.note_answer(ended.size);
                exchange.shadow_took(&mirror, after, ledger);
                Ending::Answered
            }
            Outcome::Failed(failure) => {
                mirror.count_comparison(ComparisonResult::Incomparable, ledger);
                match reason(failure, &mirror, &exchange, elapsed, now) {
                    Some(reason) => {
                        ledger.add(mirror.meters.failed(reason), 1);
                        if reason == FailReason::Cut { Ending::Answered } else { Ending::Failed }
                    }
                    // The primary's end will tell. Until then it says nothing of the shadow.
                    None => Ending::Unknown,
                }
            }
        };
        let notice = mirror.leave(permit, end, now, ledger);
        Some(Settled { mirror, exchange, answered_after, notice })
    }
}

/// Time to the headers of an answer that has come whole. Envoy's own measure has whole milliseconds; it bounds what the answer's body
/// took after them.
fn to_headers(elapsed: Duration, service_time: Option<u64>) -> Duration {
    match service_time {
        Some(millis) => elapsed.clamp(
            Duration::from_millis(millis),
            Duration::from_micros(millis.saturating_mul(1000).saturating_add(999)),
        ),
        None => elapsed,
    }
}

/// Why a copy failed. [`FailReason::Cut`] where a bound of our own has ended it and the primary met the same bound: the timeout, while
/// the primary's answer was still under way or took as long; Envoy's limit for the answers to calls, where the primary's answer is
/// larger than any that has come whole. `None` where the end of the primary's answer decides; the exchange counts it then.
fn reason(
    failure: Failure,
    mirror: &Rc<Mirror>,
    exchange: &Exchange,
    elapsed: Duration,
    now: Moment,
) -> Option<FailReason> {
    let timeout = mirror.timeout.saturating_sub(EARLY.min(mirror.timeout / 8));
    match failure {
        Failure::Timeout | Failure::Reset if elapsed >= timeout => {
            let cut = exchange.primary_took(now) >= timeout;
            Some(if cut { FailReason::Cut } else { FailReason::from(failure) })
        }
        Failure::Reset => exchange.broke_off(mirror),
        Failure::Timeout | Failure::Unreachable => Some(FailReason::from(failure)),
    }
}

impl Sent {
    /// No answer will come. Counts as a timeout, which says nothing of the shadow to the breaker.
    fn lost(self, now: Moment, ledger: &mut Ledger) -> Settled {
        let Self { mirror, exchange, permit, .. } = self;
        ledger.add(mirror.meters.in_flight, -1);
        ledger.add(mirror.meters.failed(FailReason::Timeout), 1);
        mirror.count_comparison(ComparisonResult::Incomparable, ledger);
        let notice = mirror.leave(permit, Ending::Unknown, now, ledger);
        Settled { mirror, exchange, answered_after: None, notice }
    }
}
