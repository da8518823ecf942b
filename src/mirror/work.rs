// SPDX-License-Identifier: Apache-2.0
//! The work for copies that is done in ticks, a part in each: bodies to redact, and answers to compare.

use std::collections::VecDeque;

use super::copy::ShadowRequest;
use super::pair::{Compared, Pair};
use super::redacting::{Progress, Redacting};
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
                Progress::Done(Err(dropped)) => dropped.count(now, ledger),
            }
        }
        if let Some(pair) = self.pairs.pop_front() {
            match pair.step(STEP, now, ledger) {
                Compared::More(pair) => self.pairs.push_front(pair),
                Compared::Done(notice) => worked.notice = notice,
            }
        }
        Some(worked)
    }

    /// Counts what will not be done.
    pub fn give_up(&mut self, now: Moment, ledger: &mut Ledger) {
        self.redactions.drain(..).for_each(|redaction| redaction.give_up().count(now, ledger));
        self.pairs.drain(..).for_each(|pair| pair.give_up(ledger));
    }
}
