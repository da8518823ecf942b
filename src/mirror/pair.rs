// SPDX-License-Identifier: Apache-2.0
//! Two answers to one request that wait to be compared, in a tick: no stream's callback does that work.

use std::rc::Rc;
use std::time::Duration;

use super::running::Mirror;
use crate::capture::Charge;
use crate::compare::{DifferenceKind, Observed, Verdict};
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

#[derive(Debug)]
pub struct Pair {
    pub mirror: Rc<Mirror>,
    pub request: Rc<Head>,
    /// Shared by all pairs of the request.
    pub primary: Rc<Held>,
    pub shadow: Held,
}

impl Held {
    fn answered(&self) -> Answered {
        Answered { status: self.answer.status, after: self.after }
    }
}

impl Pair {
    /// It will not be compared.
    pub fn give_up(self, ledger: &mut Ledger) {
        self.mirror.count_comparison(ComparisonResult::Incomparable, ledger);
    }

    /// Compares, counts, and says what must be logged.
    pub fn compare(self, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let Self { mirror, request, primary, shadow } = self;
        let compare = mirror.compare.as_ref()?;
        match compare.rules.compare(&primary.answer, &shadow.answer) {
            Verdict::Match => mirror.count_comparison(ComparisonResult::Match, ledger),
            Verdict::Incomparable => mirror.count_comparison(ComparisonResult::Incomparable, ledger),
            Verdict::Mismatch(differences) => {
                mirror.count_comparison(ComparisonResult::Mismatch, ledger);
                for (kind, _) in DifferenceKind::ALL.into_iter().filter(|(kind, _)| differences.has(*kind)) {
                    ledger.add(compare.meters.difference(kind), 1);
                }
                if compare.throttle.admits(now, compare.rules.log_per_minute) {
                    let sides = [primary.answered(), shadow.answered()];
                    let line = line(&mirror.name, &request, sides, &differences, compare.rules.log_values);
                    return Some(mirror.notice(News::Difference(line)));
                }
            }
        }
        None
    }
}
