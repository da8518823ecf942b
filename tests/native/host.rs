// SPDX-License-Identifier: Apache-2.0
//! A host for the filter, in the test's thread: contexts, buffers, metrics, timers, calls.
//!
//! It behaves as Envoy does wherever the filter could tell. Time stands still until it is told to move. What no filter
//! may do is noted as a breach and fails the test when the callback has ended, because nothing may unwind through
//! the filter's exports.

mod exports;
mod imports;
mod metrics;
mod shared_data;
mod timers;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shadow_filter::proxy::{self, OnInvalid};

pub use self::exports::*;
pub use self::imports::serialized;
pub use self::metrics::Metrics;
pub use self::shared_data::SharedData;
use self::timers::Timers;

pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// Numbers of the ABI's maps and buffers.
pub const REQUEST_HEADERS: u32 = 0;
pub const RESPONSE_HEADERS: u32 = 2;
pub const RESPONSE_TRAILERS: u32 = 3;
pub const CALL_HEADERS: u32 = 6;
pub const CALL_TRAILERS: u32 = 7;
pub const REQUEST_BODY: u32 = 0;
pub const RESPONSE_BODY: u32 = 1;
pub const CALL_BODY: u32 = 4;
pub const CONFIGURATION: u32 = 7;

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
    /// Never used twice in a thread, as in a VM.
    static LAST_ID: RefCell<u32> = const { RefCell::new(0) };
}

#[derive(Default)]
pub struct Host {
    pub now: Duration,
    /// What passes at each look at a clock: the time that the work since the last one took.
    pub reading_takes: Duration,
    /// What a clock on the wall shows beyond `now`.
    pub wall: Duration,
    pub contexts: BTreeMap<u32, Context>,
    pub timers: Timers,
    /// Of all VMs of the process.
    pub shared_data: SharedData,
    pub metrics: Metrics,
    pub logs: Vec<Log>,
    pub callouts: Vec<Callout>,
    /// Tokens of the calls that wait for an answer.
    pub open: BTreeSet<u32>,
    /// Calls that ended with their root, without a trace.
    pub cut: usize,
    pub unknown_clusters: BTreeSet<String>,
    pub clusters_without_endpoint: BTreeSet<String>,
    pub filter_state: Vec<(String, String)>,
    /// Whether `proxy_on_log` is not among the capabilities.
    pub never_logs: bool,
    /// Calls that fail, by their name without `proxy_` and by the number of the map, buffer or clock.
    pub failing: BTreeSet<String>,
    /// Calls of the filter to the host, since the start.
    pub calls: usize,
    /// Those among them to shared data.
    pub shared_data_calls: usize,
    current: u32,
    /// The root that waits for its copies, by its configuration: Envoy's key has no more in it here.
    pending_done: BTreeMap<Vec<u8>, u32>,
    /// Roots that ended without a word: another one took their place there.
    pub overwritten: usize,
    /// Roots that finished in the callback that runs.
    finished: Vec<u32>,
    breaches: Vec<String>,
}

#[derive(Default)]
pub struct Context {
    /// Its own number if it is a root.
    pub root: u32,
    /// Of a root: what it was last configured with.
    pub key: Vec<u8>,
    pub maps: BTreeMap<u32, Headers>,
    pub buffers: BTreeMap<u32, Vec<u8>>,
    /// Given in place of the request's headers, whole or not.
    pub raw_request_headers: Option<Vec<u8>>,
    /// Of a stream: what the router has sent.
    pub sent: Headers,
    /// What ended the exchange, in Envoy's words, if a test says so.
    pub details: Option<String>,
    /// The endpoint that was asked, if a test says so.
    pub upstream: Option<String>,
    /// Whether the primary's answer has ended.
    pub answered: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub level: Level,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

/// A call that the host took.
#[derive(Debug, Clone)]
pub struct Callout {
    pub token: u32,
    pub root: u32,
    pub cluster: String,
    pub headers: Headers,
    pub body: Vec<u8>,
    pub timeout: Duration,
    pub at: Duration,
}

impl Callout {
    /// The values under a name, as text, joined by a comma; empty if there is none.
    pub fn header(&self, name: &str) -> String {
        let named = self.headers.iter().filter(|(key, _)| key == name.as_bytes());
        let values: Vec<_> = named.map(|(_, value)| String::from_utf8_lossy(value)).collect();
        values.join(",")
    }
}

/// A fresh host in this thread, with the filter installed, in a process of its own or one with other VMs.
pub fn start(on_invalid: OnInvalid, shared_data: SharedData, now: Duration) {
    proxy::install(on_invalid);
    HOST.set(Host { now, shared_data, ..Host::default() });
}

pub fn with<T>(act: impl FnOnce(&mut Host) -> T) -> T {
    HOST.with_borrow_mut(act)
}

pub fn next_id() -> u32 {
    LAST_ID.with_borrow_mut(|id| {
        *id += 1;
        *id
    })
}

/// Runs a callback of the filter in a context, and fails the test if the filter did what it may not.
pub fn enter<T>(context: u32, callback: impl FnOnce() -> T) -> T {
    with(|host| host.current = context);
    let result = callback();
    let finished = with(|host| {
        host.current = 0;
        if let Some(context) = host.contexts.get_mut(&context) {
            context.buffers.clear();
        }
        std::mem::take(&mut host.finished)
    });
    finished.into_iter().for_each(delete_root);
    let breaches = with(|host| std::mem::take(&mut host.breaches));
    assert!(breaches.is_empty(), "the filter did what no filter may: {breaches:#?}");
    result
}

/// Ends a stream, as Envoy does: it logs the exchange, and is done with the stream then. Whether the filter is, too.
pub fn end_stream(stream: u32) -> bool {
    with(|host| {
        let context = host.contexts.get_mut(&stream).expect("an open stream");
        let sent = std::mem::take(&mut context.sent);
        context.maps.insert(REQUEST_HEADERS, sent);
    });
    if !with(|host| host.never_logs) {
        enter(stream, || on_log(stream));
    }
    with(|host| {
        let context = host.contexts.get_mut(&stream).expect("an open stream");
        context.maps.clear();
        context.raw_request_headers = None;
    });
    enter(stream, || on_done(stream))
}

/// Asks a root to end. Whether it has finished with that.
pub fn end_root(root: u32) -> bool {
    // Before the callback, so that `proxy_done` within it is refused.
    let done = enter(root, || on_done(root));
    if done {
        delete_root(root);
    } else {
        let key =
            with(|host| host.contexts.get(&root).map(|context| context.key.clone()).unwrap_or_default());
        if let Some(other) = with(|host| host.pending_done.insert(key, root)) {
            drop_root(other);
        }
    }
    done
}

/// Moves time on, and runs the timers that become due on the way.
pub fn advance(by: Duration) {
    let end = with(|host| host.now) + by;
    while let Some((root, due)) = with(|host| host.timers.first_due(end)) {
        with(|host| host.now = due);
        // A timer outlives its root, and finds nobody then.
        if with(|host| host.contexts.contains_key(&root)) {
            enter(root, || on_tick(root));
        }
        with(|host| host.timers.rearm(root, due));
    }
    with(|host| host.now = end);
}

/// The host forgets a root without a word to the filter.
fn drop_root(root: u32) {
    with(|host| {
        host.timers.set(root, Duration::ZERO, host.now);
        host.overwritten += 1;
    });
    delete_root(root);
}

/// The host forgets everything of a root: calls in flight are cut.
fn delete_root(root: u32) {
    with(|host| {
        host.contexts.remove(&root);
        let tokens: Vec<u32> =
            host.callouts.iter().filter(|call| call.root == root).map(|call| call.token).collect();
        host.cut += tokens.iter().filter(|token| host.open.remove(token)).count();
        // One that could not stop its timer is not to blame, and nothing listens to that any more.
        let may_run = host.failing.contains("set_tick_period");
        assert!(may_run || !host.timers.runs(root), "the timer of a root that ended still runs");
    });
}

impl Host {
    /// The context that calls to the host act on.
    fn acting(&self) -> u32 {
        self.current
    }

    fn acting_context(&self) -> Option<&Context> {
        self.contexts.get(&self.acting())
    }

    /// The status of the acting stream's answer, if it has begun.
    fn code(&self) -> Option<u16> {
        let headers = self.acting_context()?.maps.get(&RESPONSE_HEADERS)?;
        let (_, status) = headers.iter().find(|(name, _)| name == b":status")?;
        std::str::from_utf8(status).ok()?.parse().ok()
    }

    /// What the acting stream's exchange ended with.
    fn details(&self) -> Option<String> {
        let context = self.acting_context()?;
        let begun = context.maps.contains_key(&RESPONSE_HEADERS);
        let told = match (begun, context.answered) {
            (_, true) => "via_upstream",
            (true, false) => "upstream_reset_after_response_started{connection_termination}",
            (false, _) => "downstream_remote_disconnect",
        };
        context.details.clone().or(Some(told.into()))
    }

    fn acting_root(&self) -> u32 {
        self.acting_context().map_or(0, |context| context.root)
    }

    fn breach(&mut self, text: impl Into<String>) {
        self.breaches.push(text.into());
    }
}
