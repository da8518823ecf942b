// SPDX-License-Identifier: Apache-2.0
//! Two answers to one request that wait to be compared, in a tick: no stream's callback does that work.

use std::rc::Rc;
use std::time::Duration;

use super::difference::Kind;
use super::report::{self, Side};
use super::{Observed, Verdict};
use crate::budget::Charge;
use crate::exchange::Moment;
use crate::head::Head;
use crate::ledger::Ledger;
use crate::metrics::Comparison;
use crate::notice::{News, Notice};
use crate::policy::Mirror;

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
    fn side(&self) -> Side {
        Side { status: self.answer.status, after: self.after }
    }
}

impl Pair {
    /// Compares, counts, and says what is to be logged. Adds the bytes that were gone over to `effort`.
    pub fn compare(self, now: Moment, ledger: &mut Ledger, effort: &mut usize) -> Option<Notice> {
        let Self { mirror, request, primary, shadow } = self;
        let rules = mirror.compare.as_ref()?;
        *effort += primary.answer.size() + shadow.answer.size();
        match rules.compare_counting(&primary.answer, &shadow.answer, effort) {
            Verdict::Match => mirror.count_comparison(Comparison::Match, ledger),
            Verdict::Incomparable => mirror.count_comparison(Comparison::Incomparable, ledger),
            Verdict::Mismatch(differences) => {
                mirror.count_comparison(Comparison::Mismatch, ledger);
                for (kind, _) in Kind::ALL.into_iter().filter(|(kind, _)| differences.has(*kind)) {
                    ledger.add(mirror.meters.differences(kind), 1);
                }
                if mirror.throttle.admits(now, rules.log_per_minute) {
                    let sides = [primary.side(), shadow.side()];
                    let line = report::line(&mirror.name, &request, sides, &differences, rules.log_values);
                    return Some(Notice { mirror: mirror.name.clone(), news: News::Difference(line) });
                }
            }
        }
        None
    }
}

impl Mirror {
    /// Counts a comparison, if this mirror makes any.
    pub fn count_comparison(&self, result: Comparison, ledger: &mut Ledger) {
        if self.compare.is_some() {
            ledger.add(self.meters.comparisons(result), 1);
        }
    }
}
