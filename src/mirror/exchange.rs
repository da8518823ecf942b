// SPDX-License-Identifier: Apache-2.0
//! One request and the answers to it, shared by the stream and the copies.
//!
//! The primary may answer before the copy is sent, after the copy's answer, or never. Its answer counts for a
//! mirror from the moment that both are known: that the copy was sent, and how the primary answered. Where answers are
//! compared, the first of them waits here, within the budget, and makes a [`Pair`] with the other.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::pair::{Held, Pair};
use super::running::Mirror;
use crate::capture::{Budget, Capture};
use crate::compare::{Need, Observed};
use crate::http::Head;
use crate::telemetry::{Class, ComparisonResult, Ledger, Side};
use crate::time::Moment;

#[derive(Debug, Default)]
pub struct Exchange {
    /// `None` until it is known: the primary may answer before.
    request_end: Cell<Option<Moment>>,
    /// What comparisons need of the primary's answer; `None` if there are none.
    need: Cell<Option<Need>>,
    /// The request, for what is logged of a comparison.
    request: Rc<Head>,
    primary: RefCell<Primary>,
}

#[derive(Debug)]
enum Primary {
    Open(Open),
    Answered {
        class: Class,
        at: Moment,
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
    status: Option<u16>,
    observing: Option<Observing>,
    /// The mirrors that wait for it.
    sent_to: Vec<Rc<Mirror>>,
    /// The shadows' answers that wait for it.
    answers: Vec<(Rc<Mirror>, Held)>,
}

/// What is kept of an answer that has begun.
#[derive(Debug)]
struct Observing {
    headers: Head,
    body: Capture,
    /// Until it is too long, or there is no room; never where nobody wants it.
    keeps_body: bool,
}

impl Default for Primary {
    fn default() -> Self {
        Self::Open(Open::default())
    }
}

impl Exchange {
    /// One whose answers will be compared by those that need this of them.
    pub fn new(need: Option<Need>, request: Rc<Head>) -> Self {
        Self { need: Cell::new(need), request, ..Self::default() }
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

    /// What comparisons need to see of the primary's answer.
    pub fn need(&self) -> Need {
        self.need.get().unwrap_or_default()
    }

    /// The primary's answer began. Its headers may be left empty where nobody needs them.
    pub fn primary_begins(&self, code: u16, headers: Head, budget: &Budget) {
        let Primary::Open(open) = &mut *self.primary.borrow_mut() else { return };
        open.status = Some(code);
        if let Some(need) = self.need.get()
            && let Some(charge) = budget.charge(self.request.size().saturating_add(headers.size()))
        {
            let keeps_body = need.body.is_some();
            open.observing = Some(Observing { headers, body: Capture::new(charge), keeps_body });
        }
    }

    /// Whether the body of the primary's answer is wanted.
    pub fn wants_primary_body(&self) -> bool {
        match &*self.primary.borrow() {
            Primary::Open(open) => open.observing.as_ref().is_some_and(|observing| observing.keeps_body),
            _ => false,
        }
    }

    /// A chunk of the primary's answer. `read` fetches its bytes from the host.
    /// It gives `None` if the host does not hand them over; the answer is incomparable then.
    pub fn primary_body(&self, len: usize, read: impl FnOnce() -> Option<Vec<u8>>) {
        let Primary::Open(Open { observing: Some(observing), .. }) = &mut *self.primary.borrow_mut() else {
            return;
        };
        let most = self.need().body.unwrap_or(0);
        let Observing { body, keeps_body, .. } = observing;
        if *keeps_body {
            *keeps_body = body.len().saturating_add(len) <= most && body.take(len, most, read);
            if !*keeps_body {
                body.clear();
            }
        }
    }

    /// Whether the end of the primary's answer is still of interest.
    pub fn is_open(&self) -> bool {
        matches!(&*self.primary.borrow(), Primary::Open(_))
    }

    /// The primary's answer ended, whole or broken off. Gives the pairs for which it was waited for.
    pub fn primary_ended(&self, now: Moment, whole: bool, ledger: &mut Ledger) -> Vec<Pair> {
        let mut primary = self.primary.borrow_mut();
        let Primary::Open(open) = &mut *primary else { return Vec::new() };
        let Open { status, observing, sent_to, answers } = std::mem::take(open);
        let Some(status) = status else {
            *primary = Primary::Lost;
            answers
                .iter()
                .for_each(|(mirror, _)| mirror.count_comparison(ComparisonResult::Incomparable, ledger));
            return Vec::new();
        };
        let (class, after) = (Class::of(status), self.elapsed(now));
        sent_to.iter().for_each(|mirror| mirror.count_answer(Side::Primary, class, after, ledger));
        let held = observing.filter(|_| whole).map(|observing| Rc::new(observing.held(status, after)));
        *primary = Primary::Answered { class, at: now, held: held.clone() };
        let pair = |(mirror, shadow)| self.pair(mirror, held.clone(), shadow, ledger);
        answers.into_iter().filter_map(pair).collect()
    }

    /// A copy was sent: the primary's answer counts for this mirror.
    pub fn copy_sent(&self, mirror: &Rc<Mirror>, ledger: &mut Ledger) {
        match &mut *self.primary.borrow_mut() {
            Primary::Open(open) => open.sent_to.push(mirror.clone()),
            Primary::Answered { class, at, .. } => {
                mirror.count_answer(Side::Primary, *class, self.elapsed(*at), ledger);
            }
            Primary::Lost => {}
        }
    }

    /// The shadow's answer to a copy of a mirror that compares. Gives the pair if the primary has answered.
    pub fn shadow_answered(
        &self,
        mirror: Rc<Mirror>,
        answer: Observed,
        after: Duration,
        budget: &Budget,
        ledger: &mut Ledger,
    ) -> Option<Pair> {
        let size = answer.size().saturating_add(self.request.size());
        let Some(charge) = budget.charge(size) else {
            mirror.count_comparison(ComparisonResult::Incomparable, ledger);
            return None;
        };
        let shadow = Held { answer, after, charge };
        let held = match &mut *self.primary.borrow_mut() {
            Primary::Open(open) => {
                open.answers.push((mirror, shadow));
                return None;
            }
            Primary::Answered { held, .. } => held.clone(),
            Primary::Lost => None,
        };
        self.pair(mirror, held, shadow, ledger)
    }

    /// A pair, if there is a primary's answer to compare with.
    fn pair(
        &self,
        mirror: Rc<Mirror>,
        primary: Option<Rc<Held>>,
        shadow: Held,
        ledger: &mut Ledger,
    ) -> Option<Pair> {
        let Some(primary) = primary else {
            mirror.count_comparison(ComparisonResult::Incomparable, ledger);
            return None;
        };
        let charge = shadow.charge.beside();
        Some(Pair::new(mirror, self.request.clone(), primary, shadow, charge))
    }
}

impl Observing {
    /// The answer, once it has ended.
    fn held(self, status: u16, after: Duration) -> Held {
        let Self { headers, body, keeps_body } = self;
        let (body, charge) = body.into_parts();
        Held { answer: Observed { status, headers, body: keeps_body.then_some(body) }, after, charge }
    }
}
