// SPDX-License-Identifier: Apache-2.0
//! What an upstream received, shared between the upstream that writes it and the test that waits
//! for it. It judges nothing: a request that broke off is kept too, marked as such.

mod recorded;

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Result, bail, ensure};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

pub use self::recorded::Recorded;

/// How long an `await_…` waits before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The most requests that an error lists, and the most faults that are kept.
const MAX_LISTED: usize = 20;

/// A handle on the requests of one upstream; clones see the same ones.
#[derive(Clone, Default)]
pub struct Recording(Arc<Inner>);

impl Recording {
    /// The requests kept so far, in the order in which they ended.
    pub fn requests(&self) -> Vec<Arc<Recorded>> {
        self.state().kept.iter().cloned().collect()
    }

    /// How many requests ended, kept or not, since the start or the last [`Recording::take`].
    pub fn count(&self) -> usize {
        self.state().count
    }

    /// How many request heads came since the start, bodies still on their way included.
    pub fn started(&self) -> usize {
        self.state().started
    }

    /// The requests kept so far, which are forgotten, and the count with them.
    pub fn take(&self) -> Vec<Arc<Recorded>> {
        let mut state = self.state();
        state.count = 0;
        std::mem::take(&mut state.kept).into()
    }

    /// Keeps the latest `limit` requests from now on; 0 only counts.
    pub fn keep(&self, limit: usize) {
        let mut state = self.state();
        state.limit = limit;
        state.trim();
    }

    /// What came and was no HTTP.
    pub fn faults(&self) -> Vec<String> {
        self.state().faults.clone()
    }

    pub fn find(&self, matches: impl Fn(&Recorded) -> bool) -> Option<Arc<Recorded>> {
        self.state().find(matches)
    }

    pub fn find_all(&self, matches: impl Fn(&Recorded) -> bool) -> Vec<Arc<Recorded>> {
        let mut all = self.requests();
        all.retain(|request| matches(request));
        all
    }

    /// Waits until at least `count` requests ended and returns those that are kept.
    pub async fn await_count(&self, count: usize) -> Result<Vec<Arc<Recorded>>> {
        self.await_state(&format!("{count} requests"), |state| {
            (state.count >= count).then(|| state.kept.iter().cloned().collect())
        })
        .await
    }

    /// Waits for the one request of a test; more than one is an error.
    pub async fn await_one(&self) -> Result<Arc<Recorded>> {
        let requests = self.await_count(1).await?;
        ensure!(requests.len() == 1, "expected one request, found {}", listed(requests.iter()));
        Ok(requests[0].clone())
    }

    /// Waits for the first kept request that matches.
    pub async fn await_where(&self, matches: impl Fn(&Recorded) -> bool) -> Result<Arc<Recorded>> {
        self.await_state("a certain request", |state| state.find(&matches)).await
    }

    /// Waits until the heads of at least `count` requests came.
    pub async fn await_started(&self, count: usize) -> Result<()> {
        self.await_state(&format!("{count} request heads"), |state| (state.started >= count).then_some(()))
            .await
    }

    pub(crate) fn start(&self) {
        self.state().started += 1;
        self.0.changed.notify_waiters();
    }

    pub(crate) fn push(&self, request: Arc<Recorded>) {
        let mut state = self.state();
        state.count += 1;
        state.kept.push_back(request);
        state.trim();
        drop(state);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn fault(&self, fault: String) {
        let mut state = self.state();
        if state.faults.len() < MAX_LISTED {
            state.faults.push(fault);
        }
    }

    async fn await_state<T>(&self, what: &str, mut check: impl FnMut(&State) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            // Registered before the check, so that no change falls between the two.
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = check(&self.state()) {
                return Ok(found);
            }
            if timeout_at(deadline, changed).await.is_err() {
                let state = self.state();
                bail!(
                    "the upstream waited {PATIENCE:?} for {what}; {} came: {}{}",
                    state.count,
                    listed(state.kept.iter()),
                    faults(&state.faults),
                );
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that holds the lock leaves the state half-written.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    kept: VecDeque<Arc<Recorded>>,
    limit: usize,
    count: usize,
    started: usize,
    faults: Vec<String>,
}

impl State {
    fn find(&self, matches: impl Fn(&Recorded) -> bool) -> Option<Arc<Recorded>> {
        self.kept.iter().find(|request| matches(request)).cloned()
    }

    fn trim(&mut self) {
        let excess = self.kept.len().saturating_sub(self.limit);
        self.kept.drain(..excess);
    }
}

impl Default for State {
    fn default() -> Self {
        Self { kept: VecDeque::new(), limit: usize::MAX, count: 0, started: 0, faults: Vec::new() }
    }
}

fn listed<'a>(requests: impl ExactSizeIterator<Item = &'a Arc<Recorded>>) -> String {
    let count = requests.len();
    let mut list = format!("{count} kept");
    for request in requests.take(MAX_LISTED) {
        let _ = write!(list, "\n  {request}");
    }
    if count > MAX_LISTED {
        let _ = write!(list, "\n  and {} more", count - MAX_LISTED);
    }
    list
}

fn faults(faults: &[String]) -> String {
    match faults {
        [] => String::new(),
        faults => format!("\nwhat was no HTTP:\n  {}", faults.join("\n  ")),
    }
}
