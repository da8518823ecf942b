// SPDX-License-Identifier: Apache-2.0
//! A mirror at run time: the settings of every stage, its metrics, and what it remembers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use super::control;
use crate::admission::{Ending, Gate, Permit, Transition};
use crate::capture::BodyPolicy;
use crate::compare::{DifferenceKind, HashKey, KnownNames, PlaceStyle, Rules, Verdict};
use crate::config::{MirrorConfig, SendAt};
use crate::http::{GrpcStatus, Head, Refusal};
use crate::select::{Dice, Selection};
use crate::telemetry::{
    Class, ClusterChange, ComparisonMeters, ComparisonResult, FailReason, Ledger, Meters, News, Notice, Side,
    SkipReason, Throttle,
};
use crate::time::Moment;
use crate::transform::Transform;

#[derive(Debug)]
pub struct Mirror {
    pub name: String,
    pub select: Selection,
    pub body: BodyPolicy,
    pub transform: Transform,
    pub send: SendAt,
    pub timeout: Duration,
    pub dry_run: bool,
    /// `None`: answers are not compared.
    pub compare: Option<Comparing>,
    /// What tells noise from differences. It gets a copy only where this mirror does.
    pub control: Option<Rc<Self>>,
    pub meters: Meters,
    pub gate: Gate,
    /// Whether the gauge counts this worker's breaker as open.
    shown_open: Cell<bool>,
    retired: Cell<bool>,
    /// Bytes of the largest body of an answer that came whole.
    largest_answer: Cell<usize>,
    /// What Envoy made of the last copies, by the index of the cluster in the target.
    reachable: RefCell<Vec<Reachable>>,
}

/// What Envoy made of the last copy for a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reachable {
    Yes,
    Unknown,
    /// Copies were rejected, the last one then. Between rejections others may be taken.
    Rejecting {
        last: Moment,
        rejected: bool,
    },
}

/// So long must Envoy take copies before that is news: a cluster at its limits rejects some of them.
const CALM: Duration = Duration::from_secs(10);

/// What a mirror needs to compare answers.
#[derive(Debug)]
pub struct Comparing {
    pub rules: Rules,
    /// Of the hashes of values.
    pub key: HashKey,
    /// The keys of JSON objects that may be logged. `None`: all.
    pub known_names: Option<KnownNames>,
    pub meters: ComparisonMeters,
    /// Limits the log lines about differences. `None`: there are none, those of a control are not the shadow's.
    pub throttle: Option<Throttle>,
}

/// What is counted of an answer.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    pub class: Class,
    /// Of an answer to a gRPC request.
    pub grpc: Option<GrpcStatus>,
    /// From the end of the request, or the sending of the copy, to the headers of the answer.
    pub after: Duration,
}

impl Mirror {
    pub fn new(config: MirrorConfig, dice: &mut Dice, ledger: &mut Ledger) -> Self {
        let control = control::settings(&config).map(|config| {
            let mut control = Self::alone(config, dice, ledger);
            control.compare.iter_mut().for_each(|compare| compare.throttle = None);
            Rc::new(control)
        });
        Self { control, ..Self::alone(config, dice, ledger) }
    }

    /// Without a control. `dice` give what tells it from other mirrors that share its limits, and a key that nobody else knows.
    fn alone(config: MirrorConfig, dice: &mut Dice, ledger: &mut Ledger) -> Self {
        let (holder, key) = (dice.identity(), HashKey::new(dice.key()));
        let MirrorConfig {
            name,
            select,
            body,
            transform,
            send,
            timeout,
            limits,
            breaker,
            dry_run,
            compare,
            ..
        } = config;
        let meters = Meters::define(ledger, &name);
        let compare = compare.map(|rules| Comparing {
            known_names: (rules.log_places == PlaceStyle::Pattern)
                .then(|| KnownNames::new(rules.pointers().chain(transform.redact.json.iter()))),
            rules,
            key,
            meters: ComparisonMeters::define(ledger, &name),
            throttle: Some(Throttle::default()),
        });
        let targets = select.target.count();
        let clusters = (0..targets).map(|index| select.target.name(index));
        let gate = Gate::new(limits, breaker, clusters, holder, timeout);
        Self {
            select,
            body,
            transform,
            send,
            timeout,
            dry_run,
            compare,
            control: None,
            meters,
            gate,
            shown_open: Cell::default(),
            retired: Cell::default(),
            largest_answer: Cell::default(),
            reachable: RefCell::new(vec![Reachable::Yes; targets]),
            name,
        }
    }

    /// The control, if it gets a copy of this request where the mirror does.
    pub fn control_for(&self, head: &Head) -> Option<&Rc<Self>> {
        self.control.as_ref().filter(|_| control::may_have(head))
    }

    /// Whether a copy takes the body at all.
    pub fn wants_body(&self) -> bool {
        self.body != BodyPolicy::None
    }

    #[cold]
    #[inline(never)]
    pub fn notice(&self, news: News) -> Notice {
        Notice { mirror: self.name.clone(), news }
    }

    /// Takes the permit of a copy back, and says what the breaker makes of its end.
    pub fn leave(&self, permit: Permit, end: Ending, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let target = permit.target();
        let transition = self.gate.leave(permit, end, now)?;
        self.show_breaker(ledger);
        Some(self.breaker_notice(target, transition))
    }

    #[cold]
    pub fn breaker_notice(&self, target: usize, transition: Transition) -> Notice {
        let cluster = self.select.target.name(target).to_owned();
        self.notice(News::Breaker { cluster, transition })
    }

    /// Another mirror takes over under this name. Copies that were made go on.
    pub fn retire(&self, ledger: &mut Ledger) {
        self.retired.set(true);
        self.show_breaker(ledger);
    }

    /// Whether there is something to settle with the other workers at the next flush.
    pub fn shares(&self) -> bool {
        self.gate.holds() || !self.retired.get() && self.gate.awaits_news()
    }

    /// Has the gauge say whether this worker's breaker is open.
    pub fn show_breaker(&self, ledger: &mut Ledger) {
        let open = !self.retired.get() && !self.gate.breakers_are_closed();
        if self.shown_open.replace(open) != open {
            ledger.add(self.meters.breaker_open, if open { 1 } else { -1 });
        }
    }

    /// Notes what Envoy made of a copy for one of the target's clusters, and says what has changed.
    pub fn note_cluster(
        &self,
        target: usize,
        refusal: Option<Refusal>,
        now: Moment,
    ) -> Option<ClusterChange> {
        let mut reachable = self.reachable.borrow_mut();
        let before = reachable.get_mut(target)?;
        let (after, change) = match (*before, refusal) {
            (Reachable::Unknown, Some(Refusal::UnknownCluster)) => (Reachable::Unknown, None),
            (_, Some(Refusal::UnknownCluster)) => (Reachable::Unknown, Some(ClusterChange::Unknown)),
            (Reachable::Unknown, None) => (Reachable::Yes, Some(ClusterChange::Known)),
            (Reachable::Rejecting { last, .. }, None) if now.saturating_sub(last) >= CALM => {
                (Reachable::Yes, Some(ClusterChange::Accepting))
            }
            (Reachable::Rejecting { last, .. }, None) => {
                (Reachable::Rejecting { last, rejected: false }, None)
            }
            (Reachable::Yes, None) => (Reachable::Yes, None),
            (before, Some(Refusal::Rejected)) => {
                let is_news = !matches!(before, Reachable::Rejecting { .. });
                let change = is_news.then_some(ClusterChange::Rejecting);
                (Reachable::Rejecting { last: now, rejected: true }, change)
            }
        };
        *before = after;
        change
    }

    /// Whether Envoy refused the last copy for one of the target's clusters.
    pub fn was_refused(&self, target: usize) -> bool {
        let reachable = self.reachable.borrow();
        matches!(
            reachable.get(target),
            Some(Reachable::Unknown | Reachable::Rejecting { rejected: true, .. })
        )
    }

    pub fn count_skip(&self, reason: SkipReason, ledger: &mut Ledger) {
        ledger.add(self.meters.skipped(reason), 1);
    }

    /// Counts one answer to a request whose copy was sent.
    pub fn count_answer(&self, side: Side, answer: &Counted, ledger: &mut Ledger) {
        ledger.add(self.meters.responses(side, answer.class), 1);
        ledger.add(answer.grpc.and_then(|status| self.meters.grpc(side, status)), 1);
        ledger.observe(self.meters.duration(side), micros(answer.after));
    }

    /// Counts how much slower the shadow was than the primary, in per cent: 100 if both took the same time.
    pub fn count_slowdown(&self, primary: Duration, shadow: Duration, ledger: &mut Ledger) {
        let percent = micros(shadow).saturating_mul(100).checked_div(micros(primary).max(1));
        ledger.observe(Some(self.meters.slowdown), percent.unwrap_or(0));
    }

    /// An answer of the shadow came whole.
    pub fn note_answer(&self, bytes: usize) {
        self.largest_answer.set(self.largest_answer.get().max(bytes));
    }

    /// Why an answer of the shadow broke off where the primary's has this size. It is over Envoy's limit if it is larger than any that
    /// has come whole, and large enough for the limit to be near: the limit is a runtime key, which a module cannot read, and
    /// no error of its own tells of it.
    pub fn broken_by(&self, bytes: u64) -> FailReason {
        const LEAST: u64 = 64 << 10;
        let largest = self.largest_answer.get();
        let beyond = bytes >= LEAST && largest > 0 && bytes > largest as u64;
        if beyond { FailReason::Cut } else { FailReason::Reset }
    }

    /// Counts what came of a comparison.
    pub fn count_verdict(&self, verdict: &Verdict, ledger: &mut Ledger) {
        let Some(compare) = &self.compare else { return };
        let result = match verdict {
            Verdict::Match => ComparisonResult::Match,
            Verdict::Noise => ComparisonResult::Noise,
            Verdict::Incomparable => ComparisonResult::Incomparable,
            Verdict::Mismatch(differences) => {
                let kinds = DifferenceKind::ALL.into_iter().filter(|(kind, _)| differences.has(*kind));
                kinds.for_each(|(kind, _)| ledger.add(compare.meters.difference(kind), 1));
                ComparisonResult::Mismatch
            }
        };
        self.count_comparison(result, ledger);
    }

    /// Counts a comparison, if this mirror makes any.
    pub fn count_comparison(&self, result: ComparisonResult, ledger: &mut Ledger) {
        if let Some(compare) = &self.compare {
            ledger.add(compare.meters.result(result), 1);
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
