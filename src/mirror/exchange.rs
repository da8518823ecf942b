// SPDX-License-Identifier: Apache-2.0
//! One request and the answers to it, shared by the stream and the copies.
//!
//! The primary may answer before the copy is sent, after the copy's answer, or never. Its answer counts for a
//! mirror from the moment that both are known: that the copy was sent, and how the primary answered. Where answers are
//! compared, the first of them waits here, within the budget, and makes a [`Pair`] with the other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::observing::Observing;
use super::pair::{Held, Pair};
use super::running::{Counted, Mirror};
use super::trials::Trials;
use crate::capture::Budget;
use crate::compare::{Need, Observed};
use crate::http::{GrpcStatus, Head, is_grpc};
use crate::telemetry::{Class, ComparisonResult, FailReason, Ledger, Side};
use crate::time::Moment;

#[derive(Debug, Default)]
pub struct Exchange {
    /// `None` until it is known: the primary may answer before.
    request_end: Cell<Option<Moment>>,
    /// What comparisons need of the primary's answer; `None` if there are none.
    need: Cell<Option<Need>>,
    /// The request, for what is logged of a comparison.
    request: Rc<Head>,
    is_grpc: bool,
    primary: RefCell<Primary>,
    /// The answers to copies.
    trials: RefCell<Trials>,
}

#[derive(Debug)]
enum Primary {
    Open(Open),
    Answered {
        status: u16,
        grpc: Option<GrpcStatus>,
        /// When its headers came, and when it ended.
        began: Moment,
        ended: Moment,
        bytes: u64,
        /// Kept for comparisons; `None` if there are none, or no room.
        held: Option<Rc<Held>>,
    },
    /// Gone without an answer.
    Lost,
}

/// The primary has not answered whole.
#[derive(Debug, Default)]
struct Open {
    /// Once its headers were seen.
    begun: Option<Begun>,
    /// Bytes of its body so far.
    bytes: u64,
    observing: Option<Observing>,
    /// The mirrors that wait for it.
    sent_to: Vec<Rc<Mirror>>,
    /// How long the shadows took, of those that have answered.
    took: Vec<(Rc<Mirror>, Duration)>,
    /// The mirrors whose shadow's answer broke off.
    broke_off: Vec<Rc<Mirror>>,
}

/// The headers of an answer.
#[derive(Debug, Clone, Copy)]
struct Begun {
    status: u16,
    /// As far as it is known: it may come in the trailers.
    grpc: Option<GrpcStatus>,
    at: Moment,
}

impl Default for Primary {
    fn default() -> Self {
        Self::Open(Open::default())
    }
}

impl Exchange {
    /// One whose answers will be compared by those that need this of them.
    pub fn new(need: Option<Need>, request: Rc<Head>) -> Self {
        Self { need: Cell::new(need), is_grpc: is_grpc(&request), request, ..Self::default() }
    }

    /// Says what comparisons need after all: a mirror may have made no copy.
    pub fn needs(&self, need: Option<Need>) {
        self.need.set(need);
        if let (None, Primary::Open(open)) = (need, &mut *self.primary.borrow_mut()) {
            open.observing = None;
        }
    }

    pub fn request_ended(&self, now: Moment) {
        self.request_end.set(Some(now));
    }

    /// Time from the end of the request; zero for an answer that came before it.
    pub fn elapsed(&self, now: Moment) -> Duration {
        self.request_end.get().map_or(Duration::ZERO, |end| now.saturating_sub(end))
    }

    /// Whether the request is one of gRPC.
    pub fn is_grpc(&self) -> bool {
        self.is_grpc
    }

    /// What comparisons need to see of the primary's answer.
    pub fn need(&self) -> Need {
        self.need.get().unwrap_or_default()
    }

    /// The primary's answer began. Its headers may be left empty where nobody needs them.
    pub fn primary_begins(
        &self,
        status: u16,
        grpc: Option<GrpcStatus>,
        headers: Head,
        now: Moment,
        budget: &Budget,
    ) {
        let Primary::Open(open) = &mut *self.primary.borrow_mut() else { return };
        open.begun = Some(Begun { status, grpc, at: now });
        if let Some(need) = self.need.get()
            && let Some(charge) = budget.charge(self.request.size().saturating_add(headers.size()))
        {
            open.observing = Some(Observing::new(headers, need, charge));
        }
    }

    /// A chunk of the primary's answer. `read` fetches its bytes from the host, if they are wanted.
    pub fn primary_body(&self, len: usize, read: impl FnOnce() -> Option<Vec<u8>>) {
        let Primary::Open(open) = &mut *self.primary.borrow_mut() else { return };
        open.bytes = open.bytes.saturating_add(len as u64);
        if let Some(observing) = &mut open.observing {
            observing.body(len, self.need().body.unwrap_or(0), read);
        }
    }

    /// Whether the end of the primary's answer is still of interest.
    pub fn is_open(&self) -> bool {
        matches!(&*self.primary.borrow(), Primary::Open(_))
    }

    /// The trailers of the primary's answer came.
    pub fn primary_trailers(&self, status: GrpcStatus) {
        if let Primary::Open(Open { begun: Some(begun), .. }) = &mut *self.primary.borrow_mut() {
            begun.grpc = Some(status);
        }
    }

    /// The primary's answer ended, whole or broken off. Gives the pairs for which it was waited for.
    pub fn primary_ended(&self, now: Moment, whole: bool, ledger: &mut Ledger) -> Vec<Pair> {
        let mut primary = self.primary.borrow_mut();
        let Primary::Open(open) = &mut *primary else { return Vec::new() };
        let Open { begun, bytes, observing, sent_to, took, broke_off } = std::mem::take(open);
        for mirror in &broke_off {
            ledger.add(mirror.meters.failed(mirror.broken_by(bytes)), 1);
        }
        let complete = self.trials.borrow_mut().take_complete();
        let Some(Begun { status, grpc, at }) = begun else {
            *primary = Primary::Lost;
            complete.into_iter().for_each(|trial| trial.incomparable(ledger));
            return Vec::new();
        };
        let grpc = self.is_grpc.then(|| grpc.unwrap_or(GrpcStatus::Unknown));
        let counted = Counted { class: Class::of(status), grpc, after: self.elapsed(at) };
        sent_to.iter().for_each(|mirror| mirror.count_answer(Side::Primary, &counted, ledger));
        took.iter().for_each(|(mirror, shadow)| mirror.count_slowdown(counted.after, *shadow, ledger));
        let held = observing.filter(|_| whole);
        let held = held.map(|observing| Rc::new(observing.held(status, grpc, counted.after)));
        *primary = Primary::Answered { status, grpc, began: at, ended: now, bytes, held: held.clone() };
        complete.into_iter().filter_map(|trial| trial.pair(&self.request, held.clone(), ledger)).collect()
    }

    /// A copy was sent: the primary's answer counts for this mirror.
    pub fn copy_sent(&self, mirror: &Rc<Mirror>, ledger: &mut Ledger) {
        match &mut *self.primary.borrow_mut() {
            Primary::Open(open) => open.sent_to.push(mirror.clone()),
            Primary::Answered { status, grpc, began, .. } => {
                let class = Class::of(*status);
                let counted = Counted { class, grpc: *grpc, after: self.elapsed(*began) };
                mirror.count_answer(Side::Primary, &counted, ledger);
            }
            Primary::Lost => {}
        }
    }

    /// How long the shadow took for a copy. Counts it against the primary as soon as that has answered.
    pub fn shadow_took(&self, mirror: &Rc<Mirror>, shadow: Duration, ledger: &mut Ledger) {
        match &mut *self.primary.borrow_mut() {
            Primary::Open(open) => open.took.push((mirror.clone(), shadow)),
            Primary::Answered { began, .. } => mirror.count_slowdown(self.elapsed(*began), shadow, ledger),
            Primary::Lost => {}
        }
    }

    /// The status of the primary's answer, once that has begun and if it could be read.
    pub fn primary_status(&self) -> Option<u16> {
        match &*self.primary.borrow() {
            Primary::Open(open) => open.begun.map(|begun| begun.status),
            Primary::Answered { status, .. } => Some(*status),
            Primary::Lost => None,
        }
    }

    /// How long the primary's whole answer took, or has taken by now.
    pub fn primary_took(&self, now: Moment) -> Duration {
        match &*self.primary.borrow() {
            Primary::Open(_) => self.elapsed(now),
            Primary::Answered { ended, .. } => self.elapsed(*ended),
            Primary::Lost => Duration::ZERO,
        }
    }

    /// The shadow's answer broke off. Gives the reason, or counts it with the end of the primary's answer: how large that is tells.
    pub fn broke_off(&self, mirror: &Rc<Mirror>) -> Option<FailReason> {
        match &mut *self.primary.borrow_mut() {
            Primary::Open(open) => {
                open.broke_off.push(mirror.clone());
                None
            }
            Primary::Answered { bytes, .. } => Some(mirror.broken_by(*bytes)),
            Primary::Lost => Some(FailReason::Reset),
        }
    }

    /// Both the mirror and its control have a copy: what they are answered is compared when both have ended.
    pub fn expect_both(&self, mirror: Rc<Mirror>) {
        self.trials.borrow_mut().expect_both(mirror);
    }

    /// A copy of a mirror that compares was answered. Gives what can be compared with that.
    pub fn copy_answered(
        &self,
        mirror: &Rc<Mirror>,
        answer: Observed,
        after: Duration,
        budget: &Budget,
        ledger: &mut Ledger,
    ) -> Option<Pair> {
        let size = answer.size().saturating_add(self.request.size());
        let held = budget.charge(size).map(|charge| Held { answer, after, charge });
        if held.is_none() {
            mirror.count_comparison(ComparisonResult::Incomparable, ledger);
        }
        self.copy_ended(mirror, held, ledger)
    }

    /// A copy will not be answered, sent or not. Gives what can be compared without it.
    pub fn copy_failed(&self, mirror: &Rc<Mirror>, ledger: &mut Ledger) -> Option<Pair> {
        self.copy_ended(mirror, None, ledger)
    }

    fn copy_ended(&self, mirror: &Rc<Mirror>, answer: Option<Held>, ledger: &mut Ledger) -> Option<Pair> {
        mirror.compare.as_ref()?;
        let mut trials = self.trials.borrow_mut();
        let trial = trials.ended(mirror, answer);
        let held = match &*self.primary.borrow() {
            Primary::Answered { held, .. } => held.clone(),
            Primary::Lost => None,
            Primary::Open(_) => {
                trials.keep(trial);
                return None;
            }
        };
        if !trial.is_complete() {
            trials.keep(trial);
            return None;
        }
        trial.pair(&self.request, held, ledger)
    }
}
