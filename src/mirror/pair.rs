// SPDX-License-Identifier: Apache-2.0
//! Two answers to one request that wait to be compared, in a tick: no stream's callback does that work.

use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use super::running::{Comparing, Mirror};
use crate::capture::Charge;
use crate::compare::{Comparison, Differences, Noise, Observed, Verdict};
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
    /// The control's answer. It is compared first, so that it is known what of the shadow's differences is noise.
    control: Option<(Rc<Mirror>, Held)>,
    /// Of the control that was compared.
    noise: Option<Box<Noise>>,
    /// Once it was begun, with whether its differences may be logged.
    comparison: Option<(Box<Comparison>, bool)>,
    /// For what the comparison allocates.
    charge: Charge,
}

impl Held {
    fn answered(&self) -> Answered {
        Answered { status: self.answer.status, after: self.after }
    }
}

impl Pair {
    /// Of a primary's answer with those of a mirror and its control.
    pub fn new(
        request: Rc<Head>,
        primary: Rc<Held>,
        (mirror, shadow): (Rc<Mirror>, Held),
        control: Option<(Rc<Mirror>, Held)>,
    ) -> Self {
        let charge = shadow.charge.beside();
        Self { mirror, request, primary, shadow, control, noise: None, comparison: None, charge }
    }

    /// It will not be compared.
    pub fn give_up(&self, ledger: &mut Ledger) {
        let controls = self.control.as_ref().map(|(control, _)| control);
        for mirror in controls.into_iter().chain([&self.mirror]) {
            mirror.count_comparison(ComparisonResult::Incomparable, ledger);
        }
    }

    /// Does so much work, which is counted in bytes that are read. At the end it is counted, and gives what must be logged.
    pub fn step(&mut self, work: usize, now: Moment, ledger: &mut Ledger) -> Poll<Option<Notice>> {
        match self.control.take() {
            Some((mirror, control)) => {
                self.control = self.step_control(mirror, control, work, ledger);
                Poll::Pending
            }
            None => self.step_shadow(work, now, ledger),
        }
    }

    /// Gives the control back until it is compared, or cannot be.
    fn step_control(
        &mut self,
        mirror: Rc<Mirror>,
        control: Held,
        work: usize,
        ledger: &mut Ledger,
    ) -> Option<(Rc<Mirror>, Held)> {
        let compare = mirror.compare.as_ref()?;
        let (mut comparison, _) =
            self.comparison.take().unwrap_or_else(|| (Box::new(Comparison::of_control(compare.key)), false));
        let (primary, shadow) = (&self.primary.answer, &self.shadow.answer);
        if !self.charge.set(comparison.held_bytes()) {
            // The shadow is compared as without a control.
            mirror.count_comparison(ComparisonResult::Incomparable, ledger);
            return None;
        }
        match comparison.step(&compare.rules, primary, &control.answer, work) {
            Poll::Pending => {
                self.comparison = Some((comparison, false));
                Some((mirror, control))
            }
            Poll::Ready(verdict) => {
                mirror.count_verdict(&verdict, ledger);
                self.noise = Some(Box::new(comparison.into_noise(primary, &control.answer, shadow)));
                None
            }
        }
    }

    fn step_shadow(&mut self, work: usize, now: Moment, ledger: &mut Ledger) -> Poll<Option<Notice>> {
        let Some(compare) = &self.mirror.compare else { return Poll::Ready(None) };
        let (comparison, logs) = self.comparison.get_or_insert_with(|| {
            let throttle = compare.throttle.as_ref();
            let logs = throttle.is_some_and(|throttle| throttle.has_room(now, compare.rules.log_per_minute));
            let comparison = match self.noise.take() {
                Some(noise) => Comparison::without(*noise, logs, compare.key),
                None => Comparison::new(logs, compare.key),
            };
            (Box::new(comparison), logs)
        });
        if !self.charge.set(comparison.held_bytes()) {
            self.give_up(ledger);
            return Poll::Ready(None);
        }
        let logs = *logs;
        let verdict = comparison.step(&compare.rules, &self.primary.answer, &self.shadow.answer, work);
        verdict.map(|verdict| self.count(verdict, logs, now, ledger))
    }

    /// `logs`: whether its differences were noted, as there was room for a line at the beginning.
    fn count(&self, verdict: Verdict, logs: bool, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        self.mirror.count_verdict(&verdict, ledger);
        let compare = self.mirror.compare.as_ref()?;
        let throttle = compare.throttle.as_ref()?;
        let Verdict::Mismatch(mut differences) = verdict else {
            let is_slow = compare.rules.is_slow(self.primary.after, self.shadow.after);
            let admitted = is_slow && throttle.admits(now, compare.rules.log_per_minute);
            return admitted
                .then(|| self.mirror.notice(News::Slow(self.line(compare, &Differences::default()))));
        };
        let per_minute = if logs { compare.rules.log_per_minute } else { 0 };
        if !throttle.admits(now, per_minute) {
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
