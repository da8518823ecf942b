// SPDX-License-Identifier: Apache-2.0
//! What a root context shares with its streams: the worker, and the host calls that the worker asks for.

use std::cell::RefCell;
use std::time::Duration;

use super::answer::{self, Brought};
use super::clock;
use super::imports::{self, MetricType, Status};
use super::pools::{self, Pools};
use super::trouble::{Asked, checked};
use crate::admission::{FLUSH_PERIOD, Occasion, Tempo};
use crate::capture::Budget;
use crate::config::Config;
use crate::http::Refusal;
use crate::mirror::{ShadowRequest, Worker};
use crate::telemetry::{MetricKind, MetricUpdate, Notice};
use crate::time::Moment;

thread_local! {
    /// What this VM holds for copies, over all its roots: a change of configuration makes another root, and copies of the
    /// old one are still held. Natively a thread stands for a VM.
    static HELD: RefCell<Budget> = RefCell::new(Budget::new(0));
}

/// Starts a VM, which holds nothing.
pub fn hold_nothing() {
    HELD.set(Budget::new(0));
}

/// So long may a tick work for copies before it leaves the rest to the next one, which comes a millisecond later.
const SLICE: Duration = Duration::from_micros(500);

/// An ending root that did not look at the clock for so long does not tick any more.
const SILENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct Shared {
    /// `None` while the configuration is invalid.
    worker: RefCell<Option<Worker>>,
    pub pools: Pools,
    /// The host's identities of the ledger's metrics.
    metric_ids: RefCell<Vec<Option<u32>>>,
}

impl Shared {
    /// Takes the configuration for the requests to come: `None` if it is invalid.
    pub fn configure(&self, config: Option<Config>) {
        let mut slot = self.worker.borrow_mut();
        match &mut *slot {
            Some(worker) => {
                worker.policy().all_left_out().iter().for_each(log);
                worker.reconfigure(config);
            }
            None => {
                *slot = config.map(|config| HELD.with_borrow(|held| Worker::beside(held, config, seed())))
            }
        }
        let mut ids = self.metric_ids.borrow_mut();
        for (kind, name) in slot.iter_mut().flat_map(|worker| worker.ledger().metrics()).skip(ids.len()) {
            let id = imports::define_metric(metric_type(*kind), name);
            ids.push(checked(Asked::DefineMetric, id));
        }
        drop((slot, ids));
        let now = self.now();
        self.with_worker(|worker| worker.policy().begin(now));
        self.keep_up();
    }

    /// Sends what waits, and tells the sums if it is time. Whether it was.
    pub fn tick(&self) -> bool {
        let waits = self.with_worker(|worker| worker.waiting().work).unwrap_or(false);
        let sent = if waits { self.work() } else { 0 };
        let flushes = self.with_worker(|worker| worker.pace().flush_is_due()).unwrap_or(false);
        if flushes {
            self.give_up_overdue();
            self.flush();
        }
        self.flush_if_full();
        let tempo = self.with_worker(|worker| {
            let waiting = worker.waiting();
            worker.pace().after_tick(sent, waiting)
        });
        tempo.flatten().into_iter().for_each(|tempo| self.set_timer(tempo));
        if sent <= 1 {
            self.with_worker(Worker::forget_time);
        }
        flushes
    }

    /// Sends copies and does other work that waits, for as long as a callback may hold the worker up. What is left is for the next
    /// tick. How many copies were sent.
    fn work(&self) -> usize {
        let start = self.now();
        let mut sent = 0;
        while let Some(copy) = self.with_worker(Worker::next_copy).flatten() {
            self.dispatch(copy, self.seen());
            sent += 1;
            if self.has_worked(start) {
                break;
            }
        }
        // Some of it in each tick, however many copies there are.
        while let Some(notice) = self.with_worker(Worker::work).flatten() {
            notice.iter().for_each(log);
            if self.has_worked(start) {
                break;
            }
        }
        sent
    }

    /// Whether a tick that began at this moment has worked for long enough. Without a clock it does one thing at a time.
    fn has_worked(&self, start: Moment) -> bool {
        self.read_clock().is_none_or(|now| now.saturating_sub(start) >= SLICE)
    }

    /// Gives up the copies whose answer is overdue.
    fn give_up_overdue(&self) {
        if self.with_worker(|worker| worker.awaits_answers()).unwrap_or(false) {
            let now = self.now();
            self.with_worker(|worker| worker.give_up_overdue(now)).iter().flatten().for_each(log);
        }
    }

    /// Looks after a root that the host may have ended without a word. One that is ending looks at the clock in each flush, until
    /// nothing is under way: if it has not, nobody will go on with its work. Its copies are given up when they are overdue for longer
    /// than the root itself would have left them.
    pub fn look_after(&self, now: Moment, ending: bool) {
        let lately = now.saturating_sub(FLUSH_PERIOD * 3);
        let silent = |worker: &mut Worker| ending && worker.pace().seen().saturating_add(SILENCE) < now;
        let waits =
            |worker: &mut Worker| worker.is_overdue(lately) || silent(worker) && worker.waiting().work;
        if self.with_worker(waits).unwrap_or(false) {
            self.with_worker(|worker| worker.give_up_overdue(now)).iter().flatten().for_each(log);
            self.with_worker(|worker| worker.abandon(now));
            self.flush();
        }
    }

    /// The host answered a copy.
    pub fn settle(&self, token: u32, brought: Brought) {
        let now = self.now();
        let Some(awaited) = self.with_worker(|worker| worker.awaited(token, now)).flatten() else { return };
        let (ended, answer) = answer::read(awaited, brought);
        self.with_worker(|worker| worker.settle(token, ended, answer, now)).flatten().iter().for_each(log);
        self.flush_if_full();
        self.follow_up();
    }

    /// Tells the host everything that was counted.
    fn flush(&self) {
        pools::settle_all(self, Occasion::Flush);
        self.with_worker(|worker| {
            worker.forget_time();
            worker.flush(|index, change| self.tell(index, change));
        });
        if self.with_worker(|worker| worker.policy().has_unreported_lines()).unwrap_or(false) {
            let now = self.now();
            self.with_worker(|worker| worker.policy().left_out(now)).iter().flatten().for_each(log);
        }
    }

    /// Tells everything, and leaves no gauge behind in case that the VM ends now; the next tick puts them back.
    pub fn flush_as_if_last(&self) {
        pools::settle_all(self, Occasion::End);
        self.with_worker(|worker| worker.flush_and_withdraw(|index, change| self.tell(index, change)));
        self.keep_up();
    }

    fn tell(&self, index: usize, change: MetricUpdate) {
        let Some(id) = self.metric_ids.borrow().get(index).copied().flatten() else { return };
        let told = match change {
            MetricUpdate::Add(amount) => imports::increment_metric(id, amount),
            MetricUpdate::Observe(value) => imports::record_metric(id, value),
        };
        checked(Asked::UpdateMetric, told);
    }

    fn flush_if_full(&self) {
        self.with_worker(|worker| worker.flush_if_full(|index, change| self.tell(index, change)));
    }

    /// Whether no copy waits or is in flight.
    pub fn is_idle(&self) -> bool {
        self.with_worker(|worker| worker.is_idle()).unwrap_or(true)
    }

    /// Tells the last sums in the callback of another root. The timer that could be set there is the other's.
    pub fn leave(&self) {
        pools::settle_all(self, Occasion::End);
        self.with_worker(|worker| worker.flush_and_withdraw(|index, change| self.tell(index, change)));
        self.with_worker(|worker| worker.policy().all_left_out()).iter().flatten().for_each(log);
    }

    /// Tells the last sums and ends the ticks: the host's timer would outlive the context.
    pub fn rest(&self) {
        self.leave();
        if self.with_worker(|worker| worker.pace().is_ticking()).unwrap_or(false) {
            self.set_timer(Tempo::Idle);
        }
    }

    fn read_clock(&self) -> Option<Moment> {
        let now = checked(Asked::Clock, clock::now())?;
        self.with_worker(|worker| worker.pace().saw(now));
        Some(now)
    }

    /// Reads the host's clock. Where that fails it stands still.
    pub fn now(&self) -> Moment {
        self.read_clock().unwrap_or_else(|| self.seen())
    }

    /// What the clock showed when it was last read.
    pub fn seen(&self) -> Moment {
        self.with_worker(|worker| worker.pace().seen()).unwrap_or_default()
    }

    pub fn with_worker<T>(&self, act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
        // Never borrowed twice: nothing that is called with the worker calls back.
        self.worker.try_borrow_mut().ok()?.as_mut().map(act)
    }

    /// Goes on with what a callback has left: sends its copies, or has the root tick as soon as what waits requires.
    pub fn follow_up(&self) {
        let due = self.with_worker(|worker| (worker.due_at_once(), worker.pace().seen()));
        if let Some((copies, seen)) = due.filter(|(copies, _)| *copies > 0) {
            self.send(copies, seen);
        }
        pools::settle_urgent(self);
        self.keep_up();
    }

    /// Sends the copies that wait, for an end that may be near.
    pub fn send_all(&self) {
        let now = self.now();
        self.send(usize::MAX, now);
    }

    /// Sends so many of the copies that wait.
    fn send(&self, copies: usize, now: Moment) {
        for _ in 0..copies {
            let Some(copy) = self.with_worker(Worker::next_copy).flatten() else { break };
            self.dispatch(copy, now);
        }
    }

    fn dispatch(&self, copy: ShadowRequest, now: Moment) {
        let call =
            imports::http_call(copy.cluster(), &copy.header_block(), copy.body(), millis(copy.timeout()));
        let result = call.map_err(|status| match status {
            Status::BAD_ARGUMENT => Refusal::UnknownCluster,
            _ => Refusal::Rejected,
        });
        self.with_worker(|worker| worker.dispatched(copy, result, now)).iter().flatten().for_each(log);
    }

    /// Sets the timer as fast as what waits requires.
    fn keep_up(&self) {
        let tempo = self.with_worker(|worker| {
            let waiting = worker.waiting();
            worker.pace().faster(waiting)
        });
        tempo.flatten().into_iter().for_each(|tempo| self.set_timer(tempo));
    }

    /// The host's timer is that of the root, whichever of its contexts sets it.
    fn set_timer(&self, tempo: Tempo) {
        let period = self.with_worker(|worker| worker.pace().period(tempo)).unwrap_or_default();
        if checked(Asked::TickPeriod, imports::set_tick_period(millis(period))).is_some() {
            self.with_worker(|worker| worker.pace().timer_set(tempo));
        }
    }
}

fn log(notice: &Notice) {
    if notice.is_warning() { log::warn!("{notice}") } else { log::info!("{notice}") }
}

fn metric_type(kind: MetricKind) -> MetricType {
    match kind {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn seed() -> u64 {
    // Without a source of randomness the clock differs enough between workers.
    getrandom::u64().unwrap_or_else(|_| {
        let now = checked(Asked::Clock, clock::now()).unwrap_or_default();
        u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
    })
}
