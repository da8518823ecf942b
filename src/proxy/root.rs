// SPDX-License-Identifier: Apache-2.0
//! The root context: configures, sends what waits at each tick, gets the answers, tells the sums.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use log::{error, info, warn};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, MetricType};

use super::OnInvalid;
use super::host::{self, CallHeaders};
use super::pace::{FLUSH_PERIOD, Pace, Step};
use super::stream::Stream;
use crate::answer::Outcome;
use crate::config::Config;
use crate::copy::Copy;
use crate::ledger::{Change, Kind};
use crate::metrics;
use crate::outgoing::{Outgoing, Rewritten};
use crate::worker::{Notice, Worker};

pub struct Root {
    on_invalid: OnInvalid,
    shared: Rc<Shared>,
    /// The host asked the root to end, and copies were still under way.
    ending: bool,
}

/// What the root shares with its streams.
pub struct Shared {
    pub root: u32,
    pub pace: Pace,
    /// `None` while the configuration is invalid.
    pub worker: RefCell<Option<Worker>>,
    /// The host's identities of the ledger's metrics.
    metric_ids: RefCell<Vec<Option<u32>>>,
    last_flush: Cell<Duration>,
}

impl Root {
    pub fn new(id: u32, on_invalid: OnInvalid) -> Self {
        let shared = Shared {
            root: id,
            pace: Pace::default(),
            worker: RefCell::default(),
            metric_ids: RefCell::default(),
            last_flush: Cell::default(),
        };
        Self { on_invalid, shared: Rc::new(shared), ending: false }
    }

    /// Ends the root once its copies have settled, if the host waits for that.
    fn end_if_settled(&mut self) {
        if self.ending && self.shared.is_idle() {
            self.ending = false;
            self.shared.rest();
            host::done();
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, headers: usize, _body: usize, _trailers: usize) {
        self.shared.settle(token, headers);
        self.shared.pace.raise(Step::Slow);
        self.end_if_settled();
    }

    fn on_done(&mut self) -> bool {
        self.shared.flush();
        self.ending = !self.shared.is_idle();
        if !self.ending {
            self.shared.rest();
        }
        !self.ending
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, size: usize) -> bool {
        let config = Config::parse(&host::plugin_configuration(size));
        match &config {
            Ok(config) => config.mirrors.iter().for_each(|mirror| info!("mirroring {mirror}")),
            Err(faults) => faults.iter().for_each(|fault| error!("{fault}")),
        }
        if config.is_err() && self.on_invalid == OnInvalid::Refuse {
            error!("the configuration is invalid and refused");
            return false;
        }
        if config.is_err() {
            error!("the configuration is invalid: nothing is mirrored until it is mended");
        }
        let invalid = metrics::config_invalid(&host::plugin_name());
        if let Some(id) = host::define_metric(MetricType::Gauge, &invalid) {
            host::record_metric(id, config.is_err().into());
        }
        self.shared.configure(config.ok())
    }

    fn on_tick(&mut self) {
        self.shared.tick();
        self.end_if_settled();
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(self.shared.clone())))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Shared {
    fn configure(&self, config: Option<Config>) -> bool {
        let mut worker = self.worker.borrow_mut();
        match (&mut *worker, config) {
            (Some(worker), Some(config)) => worker.reconfigure(config),
            (none, Some(config)) => *none = Some(Worker::new(config, seed())),
            (_, None) => *worker = None,
        }
        if let Some(worker) = &mut *worker {
            let mut ids = self.metric_ids.borrow_mut();
            for (kind, name) in worker.ledger().metrics().iter().skip(ids.len()) {
                ids.push(host::define_metric(host_kind(*kind), name));
            }
        }
        true
    }

    fn tick(&self) {
        let was = self.pace.step();
        let batch = self.with_worker(Worker::take_outbox).unwrap_or_default();
        let quiet = batch.is_empty();
        batch.into_iter().for_each(|copy| self.dispatch(copy));
        if was == Step::Slow || host::now().saturating_sub(self.last_flush.get()) >= FLUSH_PERIOD {
            self.flush();
        }
        if quiet {
            let news = self.with_worker(|worker| worker.has_news()).unwrap_or(false);
            self.pace.set(if news { Step::Slow } else { Step::Idle });
        }
    }

    fn dispatch(&self, copy: Copy) {
        let rewritten = Rewritten::of(&copy.head, &copy.mirror);
        let outgoing = Outgoing::build(&copy.head, &copy.mirror, &rewritten, copy.body.len());
        let result =
            host::dispatch(&copy.mirror.cluster, outgoing.into_headers(), &copy.body, copy.mirror.timeout);
        drop(rewritten);
        match self.with_worker(|worker| worker.dispatched(copy, result)).flatten() {
            Some(Notice::ClusterUnknown { mirror, cluster }) => {
                warn!("mirror {mirror}: this Envoy has no cluster {cluster}; copies fail until it has");
            }
            Some(Notice::ClusterKnown { mirror, cluster }) => {
                info!("mirror {mirror}: this Envoy has the cluster {cluster} now");
            }
            None => {}
        }
    }

    fn settle(&self, token: u32, headers: usize) {
        let Some(grpc) = self.with_worker(|worker| worker.is_grpc(token)).flatten() else { return };
        let outcome = if headers == 0 { Outcome::NO_HEADERS } else { Outcome::of(&CallHeaders, grpc) };
        let now = host::now();
        self.with_worker(|worker| worker.settle(token, outcome, now));
    }

    fn flush(&self) {
        self.last_flush.set(host::now());
        let ids = self.metric_ids.borrow();
        self.with_worker(|worker| {
            worker.flush(|index, change| {
                let Some(id) = ids.get(index).copied().flatten() else { return };
                match change {
                    Change::Add(amount) => host::increment_metric(id, amount),
                    Change::Observe(value) => host::record_metric(id, value),
                }
            });
        });
    }

    fn is_idle(&self) -> bool {
        self.with_worker(|worker| worker.is_idle()).unwrap_or(true)
    }

    /// Tells the last sums and ends the ticks: the host's timer would outlive the context.
    fn rest(&self) {
        self.flush();
        self.pace.set(Step::Idle);
    }

    pub fn with_worker<T>(&self, act: impl FnOnce(&mut Worker) -> T) -> Option<T> {
        // Never borrowed twice: nothing that is called with the worker calls back.
        self.worker.try_borrow_mut().ok()?.as_mut().map(act)
    }
}

fn seed() -> u64 {
    // Without a source of randomness the clock differs enough between workers.
    getrandom::u64().unwrap_or_else(|_| u64::try_from(host::now().as_nanos()).unwrap_or(u64::MAX))
}

fn host_kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}
