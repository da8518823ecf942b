// SPDX-License-Identifier: Apache-2.0
//! Two answers to one request that wait to be compared, in a tick: no stream's callback does that work.

use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::running::{Comparing, Mirror};
use crate::capture::Charge;
use crate::compare::{Comparison, DifferenceKind, Differences, Observed, Verdict};
use crate::http::{Head, query};
use crate::telemetry::{Answered, ComparisonResult, Ledger, LoggedRequest, News, Notice, line};
use crate::time::Moment;
use crate::transform::{Outgoing, Rewritten};

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
            (Box::new(Comparison::new(logs, compare.key)), logs)
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
        let compare = self.mirror.compare.as_ref()?;
        let (result, differences) = match verdict {
            Verdict::Match => (ComparisonResult::Match, None),
            // Nothing is noise without a control.
            Verdict::Noise | Verdict::Incomparable => (ComparisonResult::Incomparable, None),
            Verdict::Mismatch(differences) => (ComparisonResult::Mismatch, Some(differences)),
        };
        self.mirror.count_comparison(result, ledger);
        let Some(mut differences) = differences else {
            let is_slow = compare.rules.is_slow(self.primary.after, self.shadow.after);
            let admitted = is_slow && compare.throttle.admits(now, compare.rules.log_per_minute);
            return admitted
                .then(|| self.mirror.notice(News::Slow(self.line(compare, &Differences::default()))));
        };
        for (kind, _) in DifferenceKind::ALL.into_iter().filter(|(kind, _)| differences.has(*kind)) {
            ledger.add(compare.meters.difference(kind), 1);
        }
        // Where there was no room for a line at the beginning its differences were not noted.
        let logs = self.comparison.as_ref().is_some_and(|(_, logs)| *logs);
        let per_minute = if logs { compare.rules.log_per_minute } else { 0 };
        if !compare.throttle.admits(now, per_minute) {
            return None;
        }
        if let Some(names) = &compare.known_names {
            names.hide_others(&mut differences);
        }
        Some(self.mirror.notice(News::Difference(self.line(compare, &differences))))
    }

    #[cold]
    fn line(&self, compare: &Comparing, differences: &Differences) -> String {
        let (request, rules, transform) = (&self.request, &compare.rules, &self.mirror.transform);
        let path = request.get(":path").unwrap_or_default();
        let rewritten = Rewritten::of(request, transform);
        let headers = (!rules.log_headers.is_empty()).then(|| {
            let copy = Outgoing::build(request, transform, &rewritten, 0);
            let value = |name: &str| copy.joined(if name == "host" { ":authority" } else { name }.as_bytes());
            rules.log_headers.iter().filter_map(|name| Some((name.as_str(), value(name)?))).collect()
        });
        let request = LoggedRequest {
            method: request.get(":method").unwrap_or_default(),
            path: match rules.log_query {
                true => transform.redact.path(path.into()),
                false => query::split(path).0.into(),
            },
            request_id: request.get("x-request-id"),
            headers,
        };
        let sides = [self.primary.answered(), self.shadow.answered()];
        line(&self.mirror.name, &request, sides, differences, rules.log_values)
    }
}
