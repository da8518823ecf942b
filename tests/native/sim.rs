// SPDX-License-Identifier: Apache-2.0
//! The filter in a simulated Envoy, in terms of what users and operators see.
//!
//! One [`Sim`] at a time in a thread. Every callback must let the primary go on, and none may do what only
//! another context may: both are asserted at each step. Time moves when a test moves it.

mod answer;
mod equations;
mod request;
mod workers;

use std::fmt::Display;
use std::time::Duration;

use shadow_filter::proxy::OnInvalid;

pub use self::answer::Answer;
pub use self::request::{Request, Stream};
pub use self::workers::Workers;
use crate::host::{self, Context, Log};
pub use crate::host::{Callout, Level, SharedData};

/// The plugin's name in the simulated Envoy's configuration.
pub const PLUGIN: &str = "ns.shadow";

/// What the filter promises for its counters to arrive.
const FLUSHED: Duration = Duration::from_secs(1);

/// A root context: one plugin configuration on the simulated worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root(pub u32);

pub struct Sim {
    root: Root,
    accepted: bool,
}

impl Sim {
    /// A filter with a configuration that must be valid.
    pub fn with_config(json: impl Display) -> Self {
        let sim = Self::with_bytes(json.to_string().as_bytes());
        assert_eq!(sim.errors(), Vec::<String>::new());
        sim
    }

    /// A filter with any configuration, valid or not.
    pub fn with_bytes(configuration: &[u8]) -> Self {
        Self::start(configuration, OnInvalid::Inert)
    }

    /// The same under `SHADOW_FILTER_STRICT=1`.
    pub fn strict(configuration: &[u8]) -> Self {
        Self::start(configuration, OnInvalid::Refuse)
    }

    fn start(configuration: &[u8], on_invalid: OnInvalid) -> Self {
        Self::in_process(&SharedData::default(), Duration::from_secs(1), configuration, on_invalid)
    }

    /// A VM in a process that may have had others, with any configuration.
    pub fn in_process(
        process: &SharedData,
        now: Duration,
        configuration: &[u8],
        on_invalid: OnInvalid,
    ) -> Self {
        host::start(on_invalid, process.clone(), now);
        let (root, accepted) = create_root(configuration);
        Self { root, accepted }
    }

    /// One more VM in a process, with a configuration that must be valid.
    pub fn beside(process: &SharedData, json: impl Display, now: Duration) -> Self {
        host::start(OnInvalid::Inert, process.clone(), now);
        let (root, accepted) = create_root(json.to_string().as_bytes());
        let sim = Self { root, accepted };
        assert_eq!(sim.errors(), Vec::<String>::new());
        sim
    }

    /// Whether Envoy was told to take the configuration.
    pub fn accepted(&self) -> bool {
        self.accepted
    }

    pub fn root(&self) -> Root {
        self.root
    }

    /// A request to the newest configuration.
    pub fn request(&self) -> Request {
        Request::to(self.root.0)
    }

    /// Configures the root again, as Envoy does where two listeners have the same plugin.
    pub fn reconfigure_same_root(&mut self, json: impl Display) {
        self.accepted = configure(self.root, json.to_string().as_bytes());
    }

    /// A new configuration as Envoy brings it: in a new root, next to the old one, which is returned.
    pub fn new_root(&mut self, json: impl Display) -> Root {
        let (root, accepted) = create_root(json.to_string().as_bytes());
        self.accepted = accepted;
        std::mem::replace(&mut self.root, root)
    }

    /// Has a root end. Whether it did at once.
    pub fn end_root(&mut self, root: Root) -> bool {
        host::end_root(root.0)
    }

    /// Whether the host still knows the root.
    pub fn has(&self, root: Root) -> bool {
        host::with(|host| host.contexts.contains_key(&root.0))
    }

    pub fn advance(&mut self, by: Duration) {
        host::advance(by);
    }

    /// Sends as many requests as make the filter send copies in batches, for the time being. How many copies left by that.
    pub fn fill_a_window(&mut self) -> usize {
        for _ in 0..500 {
            self.request().send().gone();
        }
        self.tick();
        self.callouts().len()
    }

    /// Moves time on by a millisecond, which is enough for what waits to be sent where copies are few.
    pub fn tick(&mut self) {
        self.advance(Duration::from_millis(1));
    }

    /// Moves time on until every sum must have reached the host.
    pub fn rest(&mut self) {
        self.advance(FLUSHED);
    }

    /// Sets the clock on the wall, in seconds since 1970.
    pub fn set_clock(&mut self, seconds: u64) {
        host::with(|host| host.wall = Duration::from_secs(seconds).saturating_sub(host.now));
    }

    /// Has so much time pass at each look at a clock.
    pub fn work_takes(&mut self, time: Duration) {
        host::with(|host| host.reading_takes = time);
    }

    pub fn now(&self) -> Duration {
        host::with(|host| host.now)
    }

    /// Ticks of all roots so far.
    pub fn ticks(&self) -> usize {
        host::with(|host| host.timers.ticks())
    }

    /// Time between the ticks of the newest root; `None` while it does not tick.
    pub fn tick_period(&self) -> Option<Duration> {
        host::with(|host| host.timers.period(self.root.0))
    }

    /// Calls of the filter to the host so far.
    pub fn host_calls(&self) -> usize {
        host::with(|host| host.calls)
    }

    /// Those among them to what VMs share.
    pub fn shared_data_calls(&self) -> usize {
        host::with(|host| host.shared_data_calls)
    }

    /// Every copy that the host took so far.
    pub fn callouts(&self) -> Vec<Callout> {
        host::with(|host| host.callouts.clone())
    }

    /// The only copy that the host took so far.
    pub fn only_callout(&self) -> Callout {
        let mut callouts = self.callouts();
        assert_eq!(callouts.len(), 1, "{callouts:#?}");
        callouts.remove(0)
    }

    /// Copies that the shadow has not answered.
    pub fn unanswered(&self) -> Vec<Callout> {
        host::with(|host| host.callouts.iter().filter(|c| host.open.contains(&c.token)).cloned().collect())
    }

    /// Copies that were lost without a trace because their root ended.
    pub fn cut(&self) -> usize {
        host::with(|host| host.cut)
    }

    /// Roots that the host ended without a word.
    pub fn overwritten(&self) -> usize {
        host::with(|host| host.overwritten)
    }

    pub fn forget_cluster(&mut self, cluster: &str) {
        host::with(|host| host.unknown_clusters.insert(cluster.to_owned()));
    }

    pub fn add_cluster(&mut self, cluster: &str) {
        host::with(|host| {
            host.unknown_clusters.remove(cluster);
            host.clusters_without_endpoint.remove(cluster);
        });
    }

    pub fn empty_cluster(&mut self, cluster: &str) {
        host::with(|host| host.clusters_without_endpoint.insert(cluster.to_owned()));
    }

    /// Has the host fail a call from now on: its name without `proxy_`, with the number of the map, buffer or clock.
    pub fn fail(&mut self, call: &str) {
        host::with(|host| host.failing.insert(call.to_owned()));
    }

    /// Has the host leave out the callback in which it logs a stream, as a shortened list of capabilities does.
    pub fn never_log(&mut self) {
        host::with(|host| host.never_logs = true);
    }

    /// No call fails any more.
    pub fn fail_nothing(&mut self) {
        host::with(|host| host.failing.clear());
    }

    /// Ends a copy with an answer.
    pub fn answer(&mut self, callout: &Callout, answer: Answer) {
        answer.deliver(callout);
    }

    /// Ends a copy as Envoy does where the answer broke off after its headers.
    pub fn answer_without_headers(&mut self, callout: &Callout) {
        Answer::without_headers().deliver(callout);
    }

    pub fn logs(&self) -> Vec<Log> {
        host::with(|host| host.logs.clone())
    }

    /// The text of what was logged at a level, in order.
    pub fn logged(&self, level: Level) -> Vec<String> {
        self.logs().into_iter().filter(|log| log.level == level).map(|log| log.text).collect()
    }

    pub fn errors(&self) -> Vec<String> {
        self.logged(Level::Error)
    }

    /// Filter state that streams have set, in order.
    pub fn filter_state(&self) -> Vec<(String, String)> {
        host::with(|host| host.filter_state.clone())
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // Streams first, as Envoy does.
        let (roots, streams): (Vec<_>, Vec<_>) = host::with(|host| {
            host.contexts.iter().map(|(id, context)| (*id, context.root)).partition(|(id, root)| id == root)
        });
        streams.into_iter().for_each(|(id, _)| {
            host::end_stream(id);
        });
        roots.into_iter().for_each(|(id, _)| {
            host::enter(id, || host::on_done(id));
        });
    }
}

fn create_root(configuration: &[u8]) -> (Root, bool) {
    let id = host::next_id();
    host::with(|host| host.contexts.insert(id, Context { root: id, ..Context::default() }));
    host::enter(id, || host::on_context_create(id, 0));
    (Root(id), configure(Root(id), configuration))
}

fn configure(Root(id): Root, configuration: &[u8]) -> bool {
    host::with(|host| {
        let context = host.contexts.get_mut(&id).expect("a living root");
        context.key = configuration.to_vec();
        context.buffers.insert(host::CONFIGURATION, configuration.to_vec());
    });
    host::enter(id, || host::on_configure(id, configuration.len()))
}
