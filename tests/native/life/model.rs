// SPDX-License-Identifier: Apache-2.0
//! What must be counted and sent, written from the contract and apart from the filter: for each mirror and request one reason, the first in the order
//! of the README's table, or a copy.

mod reading;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use self::reading::target;
use super::answers::{Primary, ShadowEnd, compared};
use super::gate::{Ending, Gate, Pass};
use super::spec::{Body, ConfigSpec, Spec, USERS};

/// Host calls that fail, by what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    RequestHeaders,
    RequestBody,
    PrimaryHeaders,
    PrimaryBody,
    PrimaryTrailers,
    ShadowHeaders,
    ShadowBody,
    ShadowTrailers,
    Call,
    WallClock,
    FilterState,
    Log,
}

/// What a host is like at a moment.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub now: Duration,
    /// Seconds on the clock on the wall.
    pub clock: u64,
    pub broken: Option<Broken>,
    /// Why calls to a cluster are not taken.
    pub refusals: BTreeMap<String, &'static str>,
}

/// A configuration that runs.
#[derive(Debug)]
pub struct Policy {
    pub spec: ConfigSpec,
    pub gates: Vec<RefCell<Gate>>,
}

/// What matters of a request's head.
#[derive(Debug, Clone)]
pub struct Request {
    pub post: bool,
    pub user: usize,
    pub target: Option<&'static str>,
    pub skip: bool,
    pub json: bool,
    pub grpc: bool,
    pub kind: Kind,
    pub announced: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Plain,
    Marked,
    Upgrade,
    Large,
    Torn,
}

/// A request that is being read.
#[derive(Debug)]
pub struct Reading {
    policy: Rc<Policy>,
    request: Request,
    wanted: Vec<usize>,
    bodiless: Vec<usize>,
    body: Vec<u8>,
}

/// A request that was read, and that mirrors copy when the primary's exchange is over.
#[derive(Debug)]
pub struct Waiting {
    reading: Reading,
    /// The mirrors that have a copy of it.
    copied: Vec<usize>,
}

/// What the primary's end is to a request that waits for it: copied, or the reason why not.
pub type Fate = Result<(), &'static str>;

/// A call that must have been made.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub mirror: String,
    pub cluster: String,
    pub body: Vec<u8>,
    pub retries: bool,
    /// It has what the router adds.
    pub routed: bool,
}

/// A copy that was sent.
#[derive(Debug)]
pub struct Sent {
    pub policy: Rc<Policy>,
    pub index: usize,
    pub stream: usize,
    pub grpc: bool,
    pub deadline: Duration,
    pass: Pass,
}

#[derive(Debug, Default)]
pub struct Model {
    pub counts: BTreeMap<String, BTreeMap<String, i64>>,
    pub annotations: Vec<String>,
    /// By the number of the stream: the primary's answer, and how the copies of its request ended.
    pub primaries: Vec<Primary>,
    ends: Vec<(Rc<Policy>, usize, usize, bool, ShadowEnd)>,
}

impl Policy {
    pub fn new(spec: &ConfigSpec) -> Rc<Self> {
        let gates = spec.mirrors.iter().map(|spec| RefCell::new(Gate::new(spec))).collect();
        Rc::new(Self { spec: spec.clone(), gates })
    }

    fn mirror(&self, index: usize) -> &Spec {
        &self.spec.mirrors[index]
    }
}

impl Model {
    pub fn count(&mut self, index: usize, what: impl Into<String>) {
        *self.counts.entry(ConfigSpec::name(index)).or_default().entry(what.into()).or_default() += 1;
    }

    fn skip(&mut self, index: usize, reason: &str) {
        self.count(index, format!("skipped {reason}"));
    }

    pub fn begin(&mut self, policy: &Rc<Policy>, request: Request, around: &Surroundings) -> Reading {
        let clock = (around.broken != Some(Broken::WallClock)).then_some(around.clock);
        let mut wanted = Vec::new();
        for (index, spec) in policy.spec.mirrors.iter().enumerate() {
            self.count(index, "requests");
            match spec.share(clock) {
                None => self.skip(index, "inactive"),
                Some(0) => self.skip(index, "unsampled"),
                Some(share) => wanted.push((index, share)),
            }
        }
        let unreadable = around.broken == Some(Broken::RequestHeaders) || request.kind == Kind::Torn;
        let mut left = Vec::new();
        for (index, share) in wanted {
            let spec = policy.mirror(index);
            let reason = if unreadable {
                "memory"
            } else if policy.spec.loop_guard && request.kind == Kind::Marked {
                "loop"
            } else if request.kind == Kind::Upgrade {
                "upgrade"
            } else if !spec.samples(request.user, share) {
                "unsampled"
            } else if spec.only_post && !request.post || spec.excludes && request.skip {
                "unmatched"
            } else if target(spec, &request).is_none() {
                "no_target"
            } else {
                left.push(index);
                continue;
            };
            self.skip(index, reason);
        }
        let bodiless =
            left.iter().copied().filter(|index| policy.mirror(*index).body == Body::None).collect();
        Reading { policy: policy.clone(), request, wanted: left, bodiless, body: Vec::new() }
    }

    pub fn chunk(&mut self, reading: &mut Reading, chunk: &[u8], around: &Surroundings) {
        reading.body.extend(chunk);
        let Reading { policy, wanted, bodiless, body, .. } = reading;
        let mut lost = Vec::new();
        for index in wanted.iter().copied() {
            let Body::Full { max_bytes, headers_only } = policy.mirror(index).body else { continue };
            if chunk.is_empty() || bodiless.contains(&index) {
                continue;
            }
            if body.len() > max_bytes && headers_only {
                bodiless.push(index);
            } else if body.len() > max_bytes {
                lost.push((index, "body_too_large"));
            } else if around.broken == Some(Broken::RequestBody) {
                lost.push((index, "memory"));
            }
        }
        for (index, reason) in lost {
            wanted.retain(|other| *other != index);
            self.skip(index, reason);
        }
    }

    /// The request was read whole. The calls that must be made, what is known of those that Envoy takes, and what waits.
    pub fn end(
        &mut self,
        mut reading: Reading,
        stream: usize,
        around: &Surroundings,
    ) -> (Vec<Expected>, Vec<Sent>, Option<Waiting>) {
        let is_late = |index: &usize| reading.policy.mirror(*index).late;
        let (late, now): (Vec<_>, Vec<_>) = reading.wanted.iter().copied().partition(is_late);
        reading.wanted = now;
        let (expected, sent, _) = self.copy(&reading, stream, false, around);
        let copied: Vec<_> = sent.iter().map(|sent| sent.index).collect();
        self.annotate(&reading.policy, copied.clone(), around);
        reading.wanted = late;
        let waiting = (!reading.wanted.is_empty()).then_some(Waiting { reading, copied });
        (expected, sent, waiting)
    }

    /// The primary's exchange is over.
    pub fn over(
        &mut self,
        waiting: Waiting,
        fate: Fate,
        stream: usize,
        around: &Surroundings,
    ) -> (Vec<Expected>, Vec<Sent>) {
        let Waiting { mut reading, mut copied } = waiting;
        let is_success = matches!(self.primaries[stream].status, Some(200..300 | 404));
        for index in std::mem::take(&mut reading.wanted) {
            match fate {
                Err(reason) => self.skip(index, reason),
                Ok(()) if reading.policy.mirror(index).successes && !is_success => {
                    self.skip(index, "unmatched")
                }
                Ok(()) => reading.wanted.push(index),
            }
        }
        let (expected, sent, any) = self.copy(&reading, stream, true, around);
        copied.extend(sent.iter().map(|sent| sent.index));
        copied.sort_unstable();
        if any {
            self.annotate(&reading.policy, copied, around);
        }
        (expected, sent)
    }

    fn annotate(&mut self, policy: &Policy, copied: Vec<usize>, around: &Surroundings) {
        if policy.spec.annotate && !copied.is_empty() && around.broken != Some(Broken::FilterState) {
            let names: Vec<_> = copied.into_iter().map(ConfigSpec::name).collect();
            self.annotations.push(names.join(","));
        }
    }

    /// The third is whether any copy was made, taken or not.
    fn copy(
        &mut self,
        reading: &Reading,
        stream: usize,
        routed: bool,
        around: &Surroundings,
    ) -> (Vec<Expected>, Vec<Sent>, bool) {
        let (mut expected, mut sent) = (Vec::new(), Vec::new());
        let mut copies = Vec::new();
        for index in reading.wanted.clone() {
            match reading.copy(index, around.now) {
                Ok(copy) => copies.push((index, copy)),
                Err(reason) => self.skip(index, reason),
            }
        }
        let any = !copies.is_empty();
        for (index, (cluster, body)) in copies {
            let (spec, gate) = (reading.policy.mirror(index), &reading.policy.gates[index]);
            let pass = gate.borrow_mut().enter(&cluster);
            let refusal = match around.broken {
                Some(Broken::Call) => Some("rejected"),
                _ => around.refusals.get(&cluster).copied(),
            };
            if let Some(reason) = refusal {
                gate.borrow_mut().leave(&pass, Ending::NotSent, around.now);
                self.count(index, format!("failed {reason}"));
                continue;
            }
            self.count(index, "sent");
            let (mirror, retries) = (ConfigSpec::name(index), spec.retries);
            expected.push(Expected { mirror, cluster, body, retries, routed });
            let (policy, grpc, deadline) =
                (reading.policy.clone(), reading.request.grpc, around.now + spec.timeout);
            sent.push(Sent { policy, index, stream, grpc, deadline, pass });
        }
        (expected, sent, any)
    }

    /// The stream is gone before its request was read whole.
    pub fn abort(&mut self, reading: &Reading) {
        reading.wanted.iter().for_each(|index| self.skip(*index, "aborted"));
    }

    /// A copy has ended.
    pub fn settle(&mut self, sent: Sent, end: ShadowEnd, now: Duration) {
        let Sent { policy, index, stream, grpc, deadline, pass } = sent;
        let timeout = policy.mirror(index).timeout;
        // Envoy's timers may run a little early.
        let early = Duration::from_millis(50).min(timeout / 8);
        let timed_out = now + early >= deadline && self.primaries[stream].took(now) + early >= timeout;
        let ending = match &end {
            ShadowEnd::Answered { status, grpc: name, .. } => {
                self.count(index, format!("responses shadow {}xx", status / 100));
                if grpc {
                    self.count(index, format!("grpc_responses shadow {name}"));
                }
                Ending::Answered
            }
            // The primary met the same bound.
            ShadowEnd::Failed("timeout" | "reset") if timed_out => {
                self.count(index, "failed cut");
                Ending::Answered
            }
            // What the end of the primary's answer decides says nothing to the breaker.
            ShadowEnd::Failed("reset") if self.primaries[stream].is_open() && now + early < deadline => {
                self.count(index, "failed reset");
                Ending::NotSent
            }
            ShadowEnd::Failed(reason) => {
                self.count(index, format!("failed {reason}"));
                Ending::Failed
            }
        };
        policy.gates[index].borrow_mut().leave(&pass, ending, now);
        self.ends.push((policy, index, stream, grpc, end));
    }

    /// Everything has ended: counts what both sides have a part in.
    pub fn close(&mut self) {
        for (policy, index, stream, grpc, end) in std::mem::take(&mut self.ends) {
            let primary = self.primaries[stream].clone();
            if let Some(status) = primary.status {
                self.count(index, format!("responses primary {}xx", status / 100));
                if grpc {
                    self.count(index, format!("grpc_responses primary {}", primary.grpc_status()));
                }
            }
            if let Some(compare) = policy.mirror(index).compare {
                let (result, kinds) = compared(compare, &primary, &end, grpc);
                self.count(index, format!("comparisons {result}"));
                kinds.into_iter().for_each(|kind| self.count(index, format!("differences {kind}")));
            }
        }
    }
}

impl Request {
    pub fn user(&self) -> &'static str {
        USERS[self.user].0
    }
}
