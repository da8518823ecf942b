// SPDX-License-Identifier: Apache-2.0
//! What a root context shares with its streams: the worker, how its copies are sent, and the ticks that have its sums told.

use std::cell::{Cell, RefCell};

use super::host::{self, CallHeaders, Level};
use super::pace::{FLUSH_PERIOD, Pace, Step};
use crate::answer::Outcome;
use crate::budget::Budget;
use crate::compare::Observed;
use crate::config::Config;
use crate::copy::Copy;
use crate::exchange::Moment;
use crate::flights::Awaited;
use crate::head::Head;
use crate::ledger::Change;
use crate::notice::Notice;
use crate::outgoing::{Outgoing, Rewritten};
use crate::worker::Worker;

thread_local! {
    /// What this VM holds for copies, over all its roots: a change of configuration makes another root, and copies of the
    /// old one are still held. Natively a thread stands for a VM.
    static HELD: RefCell<Budget> = RefCell::new(Budget::new(0));
}

/// Starts a VM, which holds nothing.
pub fn hold_nothing() {
    HELD.set(Budget::new(0));
}

pub struct Shared {
    root: u32,
    pace: Pace,
    /// What the clock showed when it was last looked at: while copies come, that was just now.
    seen: Cell<Moment>,
    last_flush: Cell<Moment>,
    /// `None` while the configuration is invalid.
    worker: RefCell<Option<Worker>>,
    /// The host's identities of the ledger's metrics.
    metric_ids: RefCell<Vec<Option<u32>>>,
}

impl Shared {
    pub fn new(root: u32) -> Self {
        Self {
            root,
            pace: Pace::default(),
            seen: Cell::default(),
            last_flush: Cell::default(),
            worker: RefCell::default(),
            metric_ids: RefCell::default(),
        }
    }

    /// Takes the configuration for the requests to come: `None` if it is invalid.
    pub fn configure(&self, config: Option<Config>) {
        let mut slot = self.worker.borrow_mut();
        match &mut *slot {
            Some(worker) => {
                worker.all_left_out().iter().for_each(log);
                worker.reconfigure(config);
            }
            None => {
                *slot = config.map(|config| HELD.with_borrow(|held| Worker::beside(held, config, seed())))
            }
        }
        let mut ids = self.metric_ids.borrow_mut();
        for (kind, name) in slot.iter_mut().flat_map(|worker| worker.ledger().metrics()).skip(ids.len()) {
            ids.push(host::define_metric(*kind, name));
        }
        if slot.as_ref().is_some_and(Worker::has_news) {
            self.pace.raise(Step::Slow);
        }
    }

    /// Sends what waits, and tells the sums if it is time.
    pub fn tick(&self) {
        let was = self.pace.step();
        let waiting = self.with_worker(|worker| worker.has_mail()).unwrap_or(false);
        let mut sent = 0;
        if waiting {
            let now = self.now();
            sent = self.send(now);
            // What is left of this is for the next tick.
            self.with_worker(|worker| worker.compare(now)).iter().flatten().for_each(log);
        }
        if was == Step::Slow || self.seen.get().saturating_sub(self.last_flush.get()) >= FLUSH_PERIOD {
            self.flush();
        }
        self.flush_if_full();
        // Where a copy comes now and then, a tick that finds nothing would cost as much as the one that sent it.
        if sent <= 1 {
            self.pace.set(self.due());
            self.with_worker(Worker::forget_time);
        }
    }

    fn dispatch(&self, copy: Copy, now: Moment) {
        let rewritten = Rewritten::of(&copy.head, &copy.mirror);
        let headers = Outgoing::build(&copy.head, &copy.mirror, &rewritten, copy.body.len()).to_block();
        let result = host::dispatch(copy.cluster().1, &headers, &copy.body, copy.mirror.timeout);
        self.with_worker(|worker| worker.dispatched(copy, result, now)).iter().flatten().for_each(log);
    }

    /// The host answered a copy.
    pub fn settle(&self, token: u32, headers: usize, body: usize) {
        let Some(awaited) = self.with_worker(|worker| worker.awaited(token)).flatten() else { return };
        let (outcome, answer) =
            if headers == 0 { (Outcome::NO_HEADERS, Observed::default()) } else { read(awaited, body) };
        let now = self.now();
        self.with_worker(|worker| worker.settle(token, outcome, answer, now)).flatten().iter().for_each(log);
        self.flush_if_full();
        self.follow_up();
    }

    /// Tells the host everything that was counted.
    pub fn flush(&self) {
        self.with_worker(Worker::forget_time);
        self.last_flush.set(self.seen.get());
        self.with_worker(|worker| worker.flush(|index, change| self.tell(index, change)));
        if self.with_worker(|worker| worker.owes_lines()).unwrap_or(false) {
            let now = self.now();
            self.with_worker(|worker| worker.left_out(now)).iter().flatten().for_each(log);
        }
    }

    /// Tells everything, and leaves no gauge behind in case that the VM ends now; the next tick puts them back.
    pub fn flush_as_if_last(&self) {
        self.with_worker(|worker| worker.flush_and_withdraw(|index, change| self.tell(index, change)));
        self.pace.raise(Step::Slow);
    }

    fn tell(&self, index: usize, change: Change) {
        let Some(id) = self.metric_ids.borrow().get(index).copied().flatten() else { return };
        match change {
            Change::Add(amount) => host::increment_metric(id, amount),
            Change::Observe(value) => host::record_metric(id, value),
        }
    }

    fn flush_if_full(&self) {
        self.with_worker(|worker| worker.flush_if_full(|index, change| self.tell(index, change)));
    }

    /// Whether no copy waits or is on the wire.
    pub fn is_idle(&self) -> bool {
        self.with_worker(|worker| worker.is_idle()).unwrap_or(true)
    }

    /// Tells the last sums and ends the ticks: the host's timer would outlive the context.
    pub fn rest(&self) {
        self.flush_as_if_last();
        self.with_worker(|worker| worker.all_left_out()).iter().flatten().for_each(log);
        self.pace.set(Step::Idle);
    }

    /// Reads the host's clock.
    pub fn now(&self) -> Moment {
        let now = host::now();
        self.seen.set(now);
        now
    }

    pub fn with_worker<T>(&self, act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
        // Never borrowed twice: nothing that is called with the worker calls back.
        self.worker.try_borrow_mut().ok()?.as_mut().map(act)
    }

    /// Goes on with what a stream has left: sends its copies, or has the root tick as soon as what waits requires. The last
    /// thing in a stream's callback: it may leave the root as the context that acts.
    pub fn follow_up(&self) {
        if self.with_worker(|worker| worker.may_send_now()).unwrap_or(false)
            && host::set_effective_context(self.root)
        {
            self.send(self.seen.get());
        }
        self.pace.raise(self.due());
    }

    /// Sends the copies that wait, from a callback in which the root acts. How many there were.
    fn send(&self, now: Moment) -> usize {
        let batch = self.with_worker(Worker::take_outbox).unwrap_or_default();
        let count = batch.len();
        batch.into_iter().for_each(|copy| self.dispatch(copy, now));
        count
    }

    /// The ticks that what waits requires.
    fn due(&self) -> Step {
        let due = self.with_worker(|worker| match (worker.has_mail(), worker.has_news()) {
            (true, _) => Step::Fast,
            (false, true) => Step::Slow,
            (false, false) => Step::Idle,
        });
        due.unwrap_or_default()
    }
}

/// Reads as much of the answer whose callback runs as is wanted.
fn read(Awaited { grpc, need }: Awaited, body: usize) -> (Outcome, Observed) {
    if !need.headers {
        let outcome = Outcome::of(&CallHeaders, grpc);
        return (outcome, Observed { status: outcome.status(), ..Observed::default() });
    }
    let headers = Head::from_block(host::call_headers()).unwrap_or_default();
    let outcome = Outcome::of(&headers, grpc);
    let body = need.body.filter(|most| body <= *most).map(|_| host::call_body(body));
    (outcome, Observed { status: outcome.status(), headers, body })
}

fn log(notice: &Notice) {
    host::log(if notice.is_warning() { Level::Warn } else { Level::Info }, &notice.to_string());
}

fn seed() -> u64 {
    // Without a source of randomness the clock differs enough between workers.
    getrandom::u64().unwrap_or_else(|_| u64::try_from(host::now().as_nanos()).unwrap_or(u64::MAX))
}
