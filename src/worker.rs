// SPDX-License-Identifier: Apache-2.0
//! What one worker's VM knows between two events: policy, outbox, copies on the wire, sums.
//!
//! The shell asks it at each event and makes the host calls that follow; the worker makes none.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::answer::Outcome;
use crate::breaker::Change;
use crate::budget::Budget;
use crate::compare::Observed;
use crate::compare::pair::Pair;
use crate::config::Config;
use crate::copy::Copy;
use crate::exchange::{Exchange, Moment};
use crate::flights::{Awaited, Flights, Landed};
use crate::gate::End;
use crate::head::Head;
use crate::ledger::{self, Handle, Kind, Ledger};
use crate::metrics::{self, FailReason, SkipReason};
use crate::notice::{News, Notice};
use crate::policy::{Mirror, MirrorSet, Policy};
use crate::sampling::Dice;
use crate::timestamp::Timestamp;

/// Bytes of answers, as they came and decoded, after which one tick compares no further pair: a few milliseconds.
const MAX_COMPARED: usize = 256 << 10;

#[derive(Debug)]
pub struct Worker {
    policy: Rc<Policy>,
    dice: Dice,
    budget: Budget,
    outbox: Vec<Copy>,
    density: Density,
    flights: Flights,
    pairs: VecDeque<Pair>,
    ledger: Ledger,
    buffered: Handle,
    /// Bytes held, as the host knows them.
    reported: usize,
    /// What time it is, as far as the mirrors' schedules go.
    time: Option<Timestamp>,
}

/// Why the host did not take a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    UnknownCluster,
    Rejected,
}

impl Worker {
    pub fn new(config: Config, seed: u64) -> Self {
        Self::beside(&Budget::new(0), config, seed)
    }

    /// What one configuration knows of a worker on which there are others.
    pub fn beside(others: &Budget, config: Config, seed: u64) -> Self {
        let mut ledger = Ledger::default();
        let buffered = ledger.define(Kind::Gauge, metrics::BUFFERED_BYTES.into());
        Self {
            budget: others.beside(config.max_buffered_bytes),
            policy: Rc::new(Policy::new(config, &mut ledger)),
            dice: Dice::seeded(seed),
            outbox: Vec::new(),
            density: Density::default(),
            flights: Flights::default(),
            pairs: VecDeque::new(),
            ledger,
            buffered,
            reported: 0,
            time: None,
        }
    }

    /// Takes another configuration for the requests to come; without one they pass. Copies that were made go on under
    /// theirs.
    pub fn reconfigure(&mut self, config: Option<Config>) {
        self.policy.mirrors.iter().for_each(|mirror| mirror.retire(&mut self.ledger));
        self.policy = Rc::new(match config {
            Some(config) => {
                self.budget = self.budget.with_limit(config.max_buffered_bytes);
                Policy::new(config, &mut self.ledger)
            }
            None => Policy::none(),
        });
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

    /// Draws for every mirror, before anything of the request was read. A mirror with sticky decisions wants it until
    /// its key was read.
    pub fn draw(&mut self) -> MirrorSet {
        let Self { policy, dice, ledger, time, .. } = self;
        let mut wanted = MirrorSet::default();
        for (index, mirror) in policy.mirrors.iter().enumerate() {
            ledger.add(mirror.meters.requests, 1);
            let refusal = match mirror.share(*time) {
                None => Some(SkipReason::Inactive),
                Some(share) if mirror.sample_by.is_some() && share.is_partial() || dice.picks(share) => None,
                Some(_) => Some(SkipReason::Unsampled),
            };
            match refusal {
                Some(reason) => ledger.add(mirror.meters.skipped(reason), 1),
                None => wanted.insert(index),
            }
        }
        wanted
    }

    /// Whether a request that was drawn for stays in the mirror's share by its key, or by chance where it has none.
    pub fn keeps(&mut self, mirror: &Mirror, head: &Head) -> bool {
        let Some(by) = &mirror.sample_by else { return true };
        let share = mirror.share(self.time).unwrap_or(mirror.percentage);
        match by.draw(head) {
            Some(draw) => share.admits(draw),
            None => self.dice.picks(share),
        }
    }

    /// Whether a mirror has a schedule, and the time is not known.
    pub fn lacks_time(&self) -> bool {
        self.policy.is_scheduled && self.time.is_none()
    }

    /// Says what time it is, until [`Self::forget_time`].
    pub fn tell_time(&mut self, time: Timestamp) {
        self.time = Some(time);
    }

    pub fn forget_time(&mut self) {
        self.time = None;
    }

    pub fn skip(&mut self, mirror: &Mirror, reason: SkipReason) {
        self.ledger.add(mirror.meters.skipped(reason), 1);
    }

    pub fn skip_all(&mut self, policy: &Policy, mirrors: MirrorSet, reason: SkipReason) {
        mirrors.of(&policy.mirrors).for_each(|(_, mirror)| self.skip(mirror, reason));
    }

    pub fn post(&mut self, copy: Copy) {
        self.density.count();
        self.outbox.push(copy);
    }

    /// Whether there are copies that should not wait for others.
    pub fn may_send_now(&self) -> bool {
        !self.outbox.is_empty() && !self.density.is_high()
    }

    /// Whether there is work for the next tick.
    pub fn has_mail(&self) -> bool {
        !self.outbox.is_empty() || !self.pairs.is_empty()
    }

    pub fn take_outbox(&mut self) -> Vec<Copy> {
        std::mem::take(&mut self.outbox)
    }

    /// The host took a copy and will answer under the token, or refused it.
    pub fn dispatched(&mut self, copy: Copy, result: Result<u32, Refusal>, now: Moment) -> Vec<Notice> {
        let mirror = copy.mirror.clone();
        let notice = |news| Notice { mirror: mirror.name.clone(), news };
        let mut notices = Vec::new();
        if copy.place.probe {
            notices.push(notice(News::Breaker(Change::Probing)));
        }
        let known = result != Err(Refusal::UnknownCluster);
        let (index, cluster) = copy.cluster();
        if mirror.note_cluster(index, known) {
            let cluster = cluster.to_owned();
            notices.push(notice(match known {
                true => News::ClusterKnown { cluster },
                false => News::ClusterUnknown { cluster },
            }));
        }
        match result {
            Ok(token) => self.flights.depart(token, copy, now, &mut self.ledger),
            Err(refusal) => {
                self.ledger.add(mirror.meters.failed(refusal.into()), 1);
                notices.extend(mirror.leave(copy.place, End::Failed, now, &mut self.ledger));
            }
        }
        notices
    }

    /// What is to be read of the answer to the copy with this token; `None` if there is no such copy.
    pub fn awaited(&self, token: u32) -> Option<Awaited> {
        self.flights.awaited(token)
    }

    /// The host answered a copy. `answer` is what comparisons need of it.
    pub fn settle(&mut self, token: u32, outcome: Outcome, answer: Observed, now: Moment) -> Option<Notice> {
        let Landed { mirror, exchange, after, notice } =
            self.flights.land(token, outcome, now, &mut self.ledger)?;
        if mirror.compare.is_some() && matches!(outcome, Outcome::Answered(_)) {
            let pair = exchange.shadow_answered(mirror, answer, after, &self.budget, &mut self.ledger);
            self.pairs.extend(pair);
        }
        notice
    }

    /// The primary's answer ended, whole or broken off.
    pub fn primary_ended(&mut self, exchange: &Exchange, now: Moment, whole: bool) {
        self.pairs.extend(exchange.primary_ended(now, whole, &mut self.ledger));
    }

    /// Compares what waits, as far as that is a matter of a moment. Gives what is to be logged.
    pub fn compare(&mut self, now: Moment) -> Vec<Notice> {
        let mut notices = Vec::new();
        let mut done = 0;
        while done < MAX_COMPARED {
            let Some(pair) = self.pairs.pop_front() else { break };
            notices.extend(pair.compare(now, &mut self.ledger, &mut done));
        }
        notices
    }

    /// What was left out of the log in a minute that is over.
    pub fn left_out(&self, now: Moment) -> Vec<Notice> {
        self.told(|mirror| mirror.throttle.take_left_out(now))
    }

    /// What was left out of the log, where nobody will ask later.
    pub fn all_left_out(&self) -> Vec<Notice> {
        self.told(|mirror| mirror.throttle.take_all_left_out())
    }

    fn told(&self, count: impl Fn(&Mirror) -> Option<u64>) -> Vec<Notice> {
        let notice = |mirror: &Rc<Mirror>| {
            let count = count(mirror)?;
            Some(Notice { mirror: mirror.name.clone(), news: News::LeftOut(count) })
        };
        self.policy.mirrors.iter().filter_map(notice).collect()
    }

    /// Whether no copy waits or is on the wire, and no answers wait to be compared.
    pub fn is_idle(&self) -> bool {
        self.outbox.is_empty() && self.flights.is_empty() && self.pairs.is_empty()
    }

    /// Whether the host does not know everything that was counted.
    pub fn has_news(&self) -> bool {
        self.ledger.is_dirty() || self.budget.used() != self.reported || self.owes_lines()
    }

    /// Whether something was left out of the log, and nobody was told of it.
    pub fn owes_lines(&self) -> bool {
        self.policy.mirrors.iter().any(|mirror| mirror.throttle.owes())
    }

    /// Tells what may not pile up until the next flush.
    pub fn flush_if_full(&mut self, tell: impl FnMut(usize, ledger::Change)) {
        self.ledger.drain_if_full(tell);
    }

    /// Tells everything that was counted, and takes gauges back until the next time.
    pub fn flush_and_withdraw(&mut self, mut tell: impl FnMut(usize, ledger::Change)) {
        self.flush(&mut tell);
        self.ledger.withdraw(tell);
    }

    /// Tells everything that was counted since the last time.
    pub fn flush(&mut self, tell: impl FnMut(usize, ledger::Change)) {
        self.density.next_window();
        let used = self.budget.used();
        if used != self.reported {
            self.ledger.add(self.buffered, difference(used, self.reported));
            self.reported = used;
        }
        self.ledger.drain(tell);
    }
}

/// How densely copies come. Few of them are sent one by one, as they are made: a tick for each would cost more than the
/// sending. Many are sent in batches, which is cheaper than one by one and takes the work out of the requests' way.
#[derive(Debug, Default)]
struct Density {
    /// In the time since the last flush.
    copies: u32,
    high: bool,
}

impl Density {
    /// About a thousand a second: one for each tick.
    const HIGH: u32 = 400;

    fn count(&mut self) {
        self.copies = self.copies.saturating_add(1);
        self.high |= self.copies > Self::HIGH;
    }

    fn is_high(&self) -> bool {
        self.high
    }

    fn next_window(&mut self) {
        self.high = self.copies > Self::HIGH;
        self.copies = 0;
    }
}

impl From<Refusal> for FailReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownCluster => Self::UnknownCluster,
            Refusal::Rejected => Self::Rejected,
        }
    }
}

fn difference(new: usize, old: usize) -> i64 {
    let size = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
    size(new) - size(old)
}
