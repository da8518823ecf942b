// SPDX-License-Identifier: Apache-2.0
//! Two answers to one request that wait to be compared, in a tick: no stream's callback does that work.

use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::running::Mirror;
use crate::capture::Charge;
use crate::compare::{Comparison, DifferenceKind, Observed, Verdict};
use crate::http::Head;
use crate::telemetry::{Answered, ComparisonResult, Ledger, News, Notice, line};
use crate::time::Moment;

/// An answer that is held for a comparison.
#[derive(Debug)]
pub struct Held {
    pub answer: Observed,
    /// From the end of the request, or of the copy of it, to the end of the answer.
    pub after: Duration,
    pub charge: Charge,
}

/// Two answers that are compared.
#[derive(Debug)]
pub struct Pair {
    mirror: Rc<Mirror>,
    request: Rc<Head>,
    /// Shared by all pairs of the request.
    primary: Rc<Held>,
    shadow: Held,
    /// Once it was begun, with whether its differences may be logged.
    comparison: Option<(Box<Comparison>, bool)>,
    /// For what the comparison allocates.
    charge: Charge,
}

/// How far a comparison has come.
#[derive(Debug)]
pub enum Compared {
    More(Pair),
    Done(Option<Notice>),
}

impl Held {
    fn answered(&self) -> Answered {
        Answered { status: self.answer.status, after: self.after }
    }
}

impl Pair {
    /// `charge` has nothing charged yet.
    pub fn new(
        mirror: Rc<Mirror>,
        request: Rc<Head>,
        primary: Rc<Held>,
        shadow: Held,
        charge: Charge,
    ) -> Self {
        Self { mirror, request, primary, shadow, comparison: None, charge }
    }

    /// It will not be compared.
    pub fn give_up(self, ledger: &mut Ledger) {
        self.mirror.count_comparison(ComparisonResult::Incomparable, ledger);
    }

    /// Does so much work, which is counted in bytes that are read. At the end it is counted, and gives what must be logged.
    pub fn step(mut self, work: usize, now: Moment, ledger: &mut Ledger) -> Compared {
        let Some(compare) = &self.mirror.compare else { return Compared::Done(None) };
        let (comparison, _) = self.comparison.get_or_insert_with(|| {
            let logs = compare.throttle.has_room(now, compare.rules.log_per_minute);
            (Box::new(Comparison::new(logs)), logs)
        });
        if !self.charge.set(comparison.held_bytes()) {
            self.give_up(ledger);
            return Compared::Done(None);
        }
        match comparison.step(&compare.rules, &self.primary.answer, &self.shadow.answer, work) {
            Poll::Pending => Compared::More(self),
            Poll::Ready(verdict) => Compared::Done(self.count(verdict, now, ledger)),
        }
    }

    fn count(self, verdict: Verdict, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let Self { mirror, request, primary, shadow, comparison, .. } = self;
        let compare = mirror.compare.as_ref()?;
        let mut differences = match verdict {
            Verdict::Match => {
                mirror.count_comparison(ComparisonResult::Match, ledger);
                return None;
            }
            // Nothing is noise without a control.
            Verdict::Noise | Verdict::Incomparable => {
                mirror.count_comparison(ComparisonResult::Incomparable, ledger);
                return None;
            }
            Verdict::Mismatch(differences) => differences,
        };
        mirror.count_comparison(ComparisonResult::Mismatch, ledger);
        for (kind, _) in DifferenceKind::ALL.into_iter().filter(|(kind, _)| differences.has(*kind)) {
            ledger.add(compare.meters.difference(kind), 1);
        }
        // Where there was no room for a line at the beginning its differences were not noted.
        let logs = comparison.is_some_and(|(_, logs)| logs);
        let per_minute = if logs { compare.rules.log_per_minute } else { 0 };
        if !compare.throttle.admits(now, per_minute) {
            return None;
        }
        if let Some(names) = &compare.known_names {
            names.hide_others(&mut differences);
        }
        let sides = [primary.answered(), shadow.answered()];
        let line = line(&mirror.name, &request, sides, &differences, compare.rules.log_values);
        Some(mirror.notice(News::Difference(line)))
    }
}
