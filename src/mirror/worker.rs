// SPDX-License-Identifier: Apache-2.0
//! What one worker's VM knows between two events: policy, outbox, copies on the wire, sums.
//!
//! The shell asks it at each event and makes the host calls that follow; the worker makes none.

use std::rc::Rc;

use super::buffered::Buffered;
use super::copy::ShadowRequest;
use super::copying::Made;
use super::exchange::Exchange;
use super::in_flight::{Awaited, Ended, InFlight};
use super::outbox::Outbox;
use super::policy::Policy;
use super::redacting::Dropped;
use super::running::Mirror;
use super::set::MirrorSet;
use super::sharing::Sharing;
use super::work::{Work, Worked};
use crate::admission::{Ending, Pace, Transition, Waiting};
use crate::capture::Budget;
use crate::compare::Observed;
use crate::config::Config;
use crate::http::{Head, Refusal};
use crate::select::{Dice, Drawn};
use crate::telemetry::{FailReason, Ledger, MetricUpdate, News, Notice, SkipReason};
use crate::time::{Moment, Timestamp};

#[derive(Debug)]
pub struct Worker {
    policy: Rc<Policy>,
    /// What is settled with other workers.
    pub sharing: Sharing,
    dice: Dice,
    budget: Budget,
    outbox: Outbox,
    pace: Pace,
    in_flight: InFlight,
    work: Work,
    ledger: Ledger,
    buffered: Buffered,
    /// What time it is, as far as the mirrors' schedules go.
    time: Option<Timestamp>,
}

impl Worker {
    pub fn new(config: Config, seed: u64) -> Self {
        Self::beside(&Budget::new(0), config, seed)
    }

    /// What one configuration knows of a worker on which there are others.
    pub fn beside(others: &Budget, config: Config, seed: u64) -> Self {
        let mut ledger = Ledger::default();
        let buffered = Buffered::define(&mut ledger);
        let mut dice = Dice::seeded(seed);
        Self {
            budget: others.beside(config.max_buffered_bytes),
            policy: Rc::new(Policy::new(config, &mut dice, &mut ledger)),
            sharing: Sharing::default(),
            dice,
            outbox: Outbox::default(),
            pace: Pace::default(),
            in_flight: InFlight::default(),
            work: Work::default(),
            ledger,
            buffered,
            time: None,
        }
    }

    /// Takes another configuration for the requests to come; without one they pass. Copies that were made go on under
    /// theirs.
    pub fn reconfigure(&mut self, config: Option<Config>) {
        self.policy.retire(&mut self.ledger);
        let policy = Rc::new(match config {
            Some(config) => {
                self.budget = self.budget.with_limit(config.max_buffered_bytes);
                Policy::new(config, &mut self.dice, &mut self.ledger)
            }
            None => Policy::none(),
        });
        self.sharing.retire(std::mem::replace(&mut self.policy, policy));
    }

    pub fn policy(&self) -> &Rc<Policy> {
        &self.policy
    }

    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    pub fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Draws for every mirror, before anything of the request was read.
    pub fn draw(&mut self) -> MirrorSet {
        let Self { policy, dice, ledger, time, .. } = self;
        let mut wanted = MirrorSet::default();
        for (index, mirror) in policy.mirrors.iter().enumerate() {
            ledger.add(mirror.meters.requests, 1);
            match mirror.select.draw(*time, dice) {
                Drawn::In => wanted.insert(index),
                Drawn::Out => mirror.count_skip(SkipReason::Unsampled, ledger),
                Drawn::Inactive => mirror.count_skip(SkipReason::Inactive, ledger),
            }
        }
        wanted
    }

    /// Why a mirror that was drawn does not copy the request after all.
    pub fn refusal(&mut self, mirror: &Mirror, head: &Head) -> Option<SkipReason> {
        mirror.select.refusal(head, self.time, &mut self.dice).map(SkipReason::from)
    }

    /// Whether a mirror has a schedule, and the time is not known.
    pub fn lacks_time(&self) -> bool {
        self.policy.is_scheduled && self.time.is_none()
    }

    /// Says what time it is, until [`Self::forget_time`].
    pub fn tell_time(&mut self, time: Option<Timestamp>) {
        self.time = time;
    }

    pub fn forget_time(&mut self) {
        self.time = None;
    }

    pub fn skip(&mut self, mirror: &Mirror, reason: SkipReason) {
        mirror.count_skip(reason, &mut self.ledger);
    }

    pub fn skip_all(&mut self, policy: &Policy, mirrors: MirrorSet, reason: SkipReason) {
        mirrors.of(&policy.mirrors).for_each(|(_, mirror)| self.skip(mirror, reason));
    }

    pub fn post(&mut self, mirror: &Mirror, made: Result<Made, SkipReason>) {
        let made = match made {
            Ok(made) => made,
            Err(reason) => return self.skip(mirror, reason),
        };
        self.pace.copy_made();
        match made {
            Made::Copy(copy) => self.outbox.push([copy]),
            Made::Redacting(redaction) => self.work.redact(redaction),
        }
    }

    /// When copies leave and sums are told.
    pub fn pace(&mut self) -> &mut Pace {
        &mut self.pace
    }

    /// How many copies should not wait for the tick.
    pub fn due_at_once(&self) -> usize {
        let at_once = self.pace.sends_at_once() || self.outbox.is_behind();
        if at_once { self.outbox.quickly_sent() } else { 0 }
    }

    /// What the next ticks have to do.
    pub fn waiting(&self) -> Waiting {
        Waiting {
            work: !self.outbox.is_empty() || !self.work.is_empty(),
            // Copies in flight are looked after until they were answered, those of other configurations as well. Where room is short
            // slow requests must give way.
            news: self.has_news()
                || !self.in_flight.is_empty()
                || self.budget.others_hold()
                || self.budget.is_short()
                || self.sharing.is_due(&self.policy),
        }
    }

    /// The copy that waits for longest.
    pub fn next_copy(&mut self) -> Option<ShadowRequest> {
        self.outbox.next()
    }

    /// The host took a copy and will answer under the token, or refused it.
    pub fn dispatched(
        &mut self,
        copy: ShadowRequest,
        result: Result<u32, Refusal>,
        now: Moment,
    ) -> Vec<Notice> {
        let (mirror, target) = (copy.mirror.clone(), copy.permit.target());
        let mut notices = Vec::new();
        if let Some(change) = mirror.note_cluster(target, result.err(), now) {
            notices.push(mirror.notice(News::Cluster { cluster: copy.cluster().to_owned(), change }));
        }
        match result {
            Ok(token) => {
                if copy.permit.is_probe() {
                    notices.push(mirror.breaker_notice(target, Transition::Probing));
                }
                let replaced = self.in_flight.sent(token, copy, now, &mut self.ledger);
                notices.extend(replaced.and_then(|lost| self.work.copy_lost(lost, &mut self.ledger)));
            }
            Err(refusal) => {
                self.ledger.add(mirror.meters.failed(FailReason::from(refusal)), 1);
                // What was never sent costs nobody.
                notices.extend(mirror.leave(copy.permit, Ending::Unknown, now, &mut self.ledger));
                self.sharing.copy_ended(&mirror, now);
                self.work.compare(copy.exchange.copy_failed(&mirror, &mut self.ledger));
            }
        }
        notices
    }

    /// What must be read of the answer to the copy with this token; `None` if there is no such copy.
    pub fn awaited(&self, token: u32, now: Moment) -> Option<Awaited> {
        self.in_flight.awaited(token, now)
    }

    /// The host answered a copy. `answer` is what comparisons need of it.
    pub fn settle(&mut self, token: u32, ended: Ended, answer: Observed, now: Moment) -> Option<Notice> {
        let settled = self.in_flight.settle(token, ended, now, &mut self.ledger)?;
        self.sharing.copy_ended(&settled.mirror, now);
        self.work.copy_ended(settled, answer, &self.budget, &mut self.ledger)
    }

    /// Whether answers are awaited.
    pub fn awaits_answers(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether a copy should have had its answer by now.
    pub fn is_overdue(&self, now: Moment) -> bool {
        self.in_flight.is_overdue(now)
    }

    /// Gives up the copies whose answer is overdue.
    pub fn give_up_overdue(&mut self, now: Moment) -> Vec<Notice> {
        let lost = self.in_flight.give_up_overdue(now, &mut self.ledger);
        lost.into_iter().filter_map(|lost| self.work.copy_lost(lost, &mut self.ledger)).collect()
    }

    /// Nothing will be done with this worker any more: counts the copies that were not made and the answers that were not compared.
    pub fn abandon(&mut self, now: Moment) {
        while let Some(copy) = self.outbox.next() {
            self.work.compare(Dropped::aborted(copy).count(now, &mut self.ledger));
        }
        self.work.give_up(now, &mut self.ledger);
    }

    /// The primary's answer ended, whole or broken off.
    pub fn primary_ended(&mut self, exchange: &Exchange, now: Moment, whole: bool) {
        self.work.compare(exchange.primary_ended(now, whole, &mut self.ledger));
    }

    /// Does a part of the work that waits, if there is any. Gives what must be logged.
    pub fn work(&mut self) -> Option<Option<Notice>> {
        let Worked { copy, notice } = self.work.step(self.pace.seen(), &mut self.ledger)?;
        self.outbox.push(copy);
        Some(notice)
    }

    /// Whether no copy waits or is on the wire, and no answers wait to be compared.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.work.is_empty() && self.in_flight.is_empty()
    }

    /// Whether the host does not know everything that was counted.
    fn has_news(&self) -> bool {
        self.ledger.is_dirty()
            || self.buffered.has_changed(&self.budget)
            || self.policy.has_unreported_lines()
    }

    /// Tells what may not pile up until the next flush.
    pub fn flush_if_full(&mut self, tell: impl FnMut(usize, MetricUpdate)) {
        self.ledger.drain_if_full(tell);
    }

    /// Tells everything that was counted, and takes gauges back until the next time.
    pub fn flush_and_withdraw(&mut self, mut tell: impl FnMut(usize, MetricUpdate)) {
        self.flush(&mut tell);
        self.ledger.withdraw(tell);
    }

    /// Tells everything that was counted since the last time.
    pub fn flush(&mut self, tell: impl FnMut(usize, MetricUpdate)) {
        self.pace.flushed();
        self.buffered.report(&self.budget, &mut self.ledger);
        self.ledger.drain(tell);
    }
}
