// SPDX-License-Identifier: Apache-2.0
//! The work for copies that is done in ticks, a part in each: bodies to redact, and answers to compare.

use std::collections::VecDeque;
use std::task::Poll;

use super::copy::ShadowRequest;
use super::in_flight::Settled;
use super::pair::Pair;
use super::redacting::{Progress, Redacting};
use crate::capture::Budget;
use crate::compare::Observed;
use crate::telemetry::{Ledger, Notice};
use crate::time::Moment;

/// Work of one step of a redaction or a comparison, counted in bytes that are read: some 100 µs of a worker's time.
const STEP: usize = 8192;

#[derive(Debug, Default)]
pub struct Work {
    redactions: VecDeque<Redacting>,
    pairs: VecDeque<Pair>,
}

/// What came of a part of it.
#[derive(Debug, Default)]
pub struct Worked {
    /// A copy that can be sent now.
    pub copy: Option<ShadowRequest>,
    pub notice: Option<Notice>,
}

impl Work {
    pub fn is_empty(&self) -> bool {
        self.redactions.is_empty() && self.pairs.is_empty()
    }

    pub fn redact(&mut self, redaction: Redacting) {
        self.redactions.push_back(redaction);
    }

    pub fn compare(&mut self, pairs: impl IntoIterator<Item = Pair>) {
        self.pairs.extend(pairs);
    }

    /// A copy that was sent has ended, with this answer if there is one. Gives what must be logged.
    pub fn copy_ended(
        &mut self,
        settled: Settled,
        answer: Observed,
        budget: &Budget,
        ledger: &mut Ledger,
    ) -> Option<Notice> {
        let Some(after) = settled.answered_after else { return self.copy_lost(settled, ledger) };
        let Settled { mirror, exchange, notice, .. } = settled;
        if mirror.compare.is_some() {
            self.compare(exchange.copy_answered(&mirror, answer, after, budget, ledger));
        }
        notice
    }

    /// A copy that was sent has ended without an answer. Gives what must be logged.
    pub fn copy_lost(&mut self, settled: Settled, ledger: &mut Ledger) -> Option<Notice> {
        let Settled { mirror, exchange, notice, .. } = settled;
        self.compare(exchange.copy_failed(&mirror, ledger));
        notice
    }

    /// Does a part of what waits for longest: of a redaction, and of a comparison. `None` if nothing waits.
    pub fn step(&mut self, now: Moment, ledger: &mut Ledger) -> Option<Worked> {
        if self.is_empty() {
            return None;
        }
        let mut worked = Worked::default();
        if let Some(redaction) = self.redactions.pop_front() {
            match redaction.step(STEP) {
                Progress::More(redaction) => self.redactions.push_front(redaction),
                Progress::Done(Ok(copy)) => worked.copy = Some(copy),
                Progress::Done(Err(dropped)) => self.pairs.extend(dropped.count(now, ledger)),
            }
        }
        if let Some(pair) = self.pairs.front_mut()
            && let Poll::Ready(notice) = pair.step(STEP, now, ledger)
        {
            worked.notice = notice;
            self.pairs.pop_front();
        }
        Some(worked)
    }

    /// Counts what will not be done.
    pub fn give_up(&mut self, now: Moment, ledger: &mut Ledger) {
        let dropped = self.redactions.drain(..).map(Redacting::give_up);
        self.pairs.extend(dropped.filter_map(|dropped| dropped.count(now, ledger)));
        self.pairs.drain(..).for_each(|pair| pair.give_up(ledger));
    }
}
