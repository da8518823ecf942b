// SPDX-License-Identifier: Apache-2.0
//! The filter on the fake host and the model side by side: each step is taken by both.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::answers::{BODIES, Primary, ShadowEnd};
use super::model::{Broken, Kind, Model, Policy, Reading, Request, Sent, Surroundings};
use super::spec::{CLOCKS, ConfigSpec};
use super::step::{AnswerKind, ClusterState, Head, Step};
use crate::sim::{Callout, Root, Sim, Stream};

/// So long until all that can wait has ended: the longest timeout, and what is left to a host that answers late.
const LONG: Duration = Duration::from_secs(20);
const INVALID: &str = "{}";

pub struct World {
    sim: Sim,
    configs: Vec<ConfigSpec>,
    model: Model,
    around: Surroundings,
    streams: Vec<Open>,
    /// Copies that the host has not answered, by token.
    in_flight: BTreeMap<u32, Sent>,
    /// Calls that the host took so far.
    calls: usize,
    current: Root,
    roots: BTreeMap<Root, Option<Rc<Policy>>>,
}

struct Open {
    stream: Stream,
    root: Root,
    /// In the model.
    number: usize,
    reading: Option<Reading>,
    request_ended: bool,
    response: Response,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Response {
    NotBegun,
    Open,
    Ended,
}

impl World {
    pub fn start(configs: Vec<ConfigSpec>) -> Self {
        let sim = Sim::with_config(configs[0].json());
        let (current, policy) = (sim.root(), Policy::new(&configs[0]));
        Self {
            sim,
            configs,
            model: Model::default(),
            around: Surroundings::default(),
            streams: Vec::new(),
            in_flight: BTreeMap::new(),
            calls: 0,
            current,
            roots: [(current, Some(policy))].into(),
        }
    }

    pub fn take(&mut self, step: Step) {
        self.around.now = self.sim.now();
        match step {
            Step::Begin { head, chunks, end } => self.begin(head, &chunks, end),
            Step::Exchange { head, answer } => {
                let before: Vec<u32> = self.in_flight.keys().copied().collect();
                self.begin(head, &[], true);
                let tokens: Vec<u32> =
                    self.in_flight.keys().copied().filter(|token| !before.contains(token)).collect();
                tokens.into_iter().for_each(|token| self.answer(token, answer, "1", b""));
            }
            Step::Flip { head, config } => {
                self.begin(head, &[], true);
                let old = self.current;
                self.new_root(config);
                self.end_root(old);
            }
            Step::Chunk { stream, chunk } => self.with(stream, |world, open| world.chunk(open, &chunk)),
            Step::End { stream, trailers } => self.with(stream, |world, open| world.end(open, trailers)),
            Step::Respond { stream, status, header, body } => self.with(stream, |world, open| {
                if open.response == Response::NotBegun {
                    world.respond(open, status, header);
                    world.respond_body(open, BODIES[body]);
                }
            }),
            Step::ResponseEnd { stream } => self.with(stream, |world, open| {
                if open.response == Response::Open {
                    open.stream.response_end();
                    open.response = Response::Ended;
                    world.model.primaries[open.number].whole = true;
                }
            }),
            Step::Gone { stream } => {
                if !self.streams.is_empty() {
                    let open = self.streams.swap_remove(stream.index(self.streams.len()));
                    self.gone(open);
                }
            }
            Step::Advance { micros } => self.advance(Duration::from_micros(micros)),
            Step::Answer { copy, answer, body, header } => {
                let tokens: Vec<u32> = self.in_flight.keys().copied().collect();
                if !tokens.is_empty() {
                    self.answer(tokens[copy.index(tokens.len())], answer, header, BODIES[body]);
                }
            }
            Step::Cluster { name, state } => self.set_cluster(name, state),
            Step::Reconfigure { config } => {
                let spec = config.map(|config| self.configs[config].clone());
                let text = spec.as_ref().map_or(INVALID.into(), |spec| spec.json().to_string());
                self.sim.reconfigure_same_root(text);
                self.roots.insert(self.current, spec.as_ref().map(Policy::new));
            }
            Step::NewRoot { config } => self.new_root(config),
            Step::EndOldRoot { root } => {
                let old: Vec<Root> =
                    self.roots.keys().copied().filter(|root| *root != self.current).collect();
                if !old.is_empty() {
                    self.end_root(old[root.index(old.len())]);
                }
            }
            Step::Break { call } => self.set_broken(Some(call)),
            Step::BreakNothing => self.set_broken(None),
            Step::Clock { phase } => {
                self.sim.set_clock(CLOCKS[phase]);
                self.around.clock = CLOCKS[phase];
                // A worker looks at this clock once, and forgets the time at the next flush.
                self.advance(Duration::from_secs(1));
            }
        }
    }

    fn new_root(&mut self, config: usize) {
        self.sim.new_root(self.configs[config].json());
        self.current = self.sim.root();
        self.roots.insert(self.current, Some(Policy::new(&self.configs[config])));
    }

    fn with(&mut self, index: proptest::sample::Index, act: impl FnOnce(&mut Self, &mut Open)) {
        if !self.streams.is_empty() {
            let index = index.index(self.streams.len());
            let mut open = self.streams.swap_remove(index);
            act(self, &mut open);
            self.streams.push(open);
        }
    }

    fn begin(&mut self, head: Head, chunks: &[Vec<u8>], end: bool) {
        let request = head.request();
        let reading = self.roots[&self.current].clone();
        let reading = reading.map(|policy| self.model.begin(&policy, request.clone(), &self.around));
        let stream = sent_request(self.sim.request(), &request).headers_only();
        self.model.primaries.push(Primary::default());
        let number = self.model.primaries.len() - 1;
        let mut open = Open {
            stream,
            root: self.current,
            number,
            reading,
            request_ended: false,
            response: Response::NotBegun,
        };
        chunks.iter().for_each(|chunk| self.chunk(&mut open, chunk));
        if end {
            self.end(&mut open, false);
        }
        self.streams.push(open);
    }

    fn chunk(&mut self, open: &mut Open, chunk: &[u8]) {
        if open.request_ended {
            return;
        }
        open.stream.chunk(chunk);
        if let Some(reading) = &mut open.reading {
            self.model.chunk(reading, chunk, &self.around);
        }
    }

    fn end(&mut self, open: &mut Open, trailers: bool) {
        if open.request_ended {
            return;
        }
        open.request_ended = true;
        if trailers {
            open.stream.trailers();
        } else {
            open.stream.end();
        }
        if let Some(reading) = open.reading.take() {
            self.copies(reading, open.number, true);
        }
    }

    /// A request was read whole: what was sent is what the model says.
    fn copies(&mut self, reading: Reading, stream: usize, tells: bool) {
        self.tick();
        let (expected, sent) = self.model.end(reading, stream, tells, &self.around);
        let calls: Vec<Callout> = self.sim.callouts().split_off(self.calls);
        self.calls += calls.len();
        let seen: Vec<_> = calls.iter().map(super::step::seen).collect();
        assert_eq!(seen, expected);
        self.in_flight.extend(calls.iter().map(|call| call.token).zip(sent));
    }

    fn respond(&mut self, open: &mut Open, status: u16, header: &'static str) {
        open.stream.response_block(status, &[("a", header)], false);
        open.response = Response::Open;
        if self.around.broken != Some(Broken::PrimaryHeaders) {
            let status = Some(status);
            self.model.primaries[open.number] =
                Primary { status, header, body: Some(Vec::new()), whole: false };
        }
    }

    fn respond_body(&mut self, open: &mut Open, body: &[u8]) {
        open.stream.response_chunk(body);
        let known = &mut self.model.primaries[open.number].body;
        match known {
            Some(_) if self.around.broken == Some(Broken::PrimaryBody) && !body.is_empty() => *known = None,
            Some(known) => known.extend(body),
            None => {}
        }
    }

    fn gone(&mut self, open: Open) {
        let Open { stream, number, reading, .. } = open;
        stream.gone();
        match reading {
            Some(reading) if reading.is_whole() => self.copies(reading, number, false),
            Some(reading) => self.model.abort(&reading),
            None => {}
        }
    }

    fn answer(&mut self, token: u32, answer: AnswerKind, header: &'static str, body: &[u8]) {
        let copy = self.sim.unanswered().into_iter().find(|copy| copy.token == token).expect("not answered");
        let sent = self.in_flight.remove(&token).expect("in flight");
        let end = answer.end(&sent, self.around.broken, header, body);
        self.model.settle(sent, end, self.sim.now());
        self.sim.answer(&copy, answer.answer(header, body));
    }

    /// Moves time on. Envoy ends each copy at its timeout.
    fn advance(&mut self, by: Duration) {
        let end = self.sim.now() + by;
        loop {
            let due = self.in_flight.iter().map(|(token, sent)| (sent.deadline, *token)).min();
            let Some((deadline, token)) = due.filter(|(deadline, _)| *deadline <= end) else { break };
            self.sim.advance(deadline.saturating_sub(self.sim.now()));
            let grpc = self.in_flight[&token].grpc;
            let timeout = if grpc { AnswerKind::GrpcTimeout } else { AnswerKind::OfEnvoy(504) };
            self.answer(token, timeout, "1", b"upstream request timeout");
        }
        self.sim.advance(end - self.sim.now());
        self.around.now = self.sim.now();
    }

    fn tick(&mut self) {
        // The copies were decided on before.
        let now = self.around.now;
        self.sim.tick();
        self.around.now = now;
    }

    fn set_broken(&mut self, broken: Option<Broken>) {
        self.sim.fail_nothing();
        self.around.broken = broken;
        let calls: &[&str] = match broken {
            None => &[],
            Some(Broken::RequestHeaders) => &["header_map 0"],
            Some(Broken::RequestBody) => &["buffer 0"],
            Some(Broken::PrimaryHeaders) => &["header_map 2", "header 2"],
            Some(Broken::PrimaryBody) => &["buffer 1"],
            Some(Broken::ShadowHeaders) => &["header_map 6", "header 6"],
            Some(Broken::ShadowBody) => &["buffer 4"],
            Some(Broken::Call) => &["http_call"],
            Some(Broken::WallClock) => &["clock 0"],
            Some(Broken::FilterState) => &["set_property"],
            Some(Broken::Log) => &["log"],
        };
        calls.iter().for_each(|call| self.sim.fail(call));
        // What the worker knows of the time was asked before.
        self.advance(Duration::from_secs(1));
    }

    fn set_cluster(&mut self, name: &str, state: ClusterState) {
        self.sim.add_cluster(name);
        self.around.refusals.remove(name);
        match state {
            ClusterState::There => {}
            ClusterState::Empty => {
                self.sim.empty_cluster(name);
                self.around.refusals.insert(name.into(), "rejected");
            }
            ClusterState::Unknown => {
                self.sim.forget_cluster(name);
                self.around.refusals.insert(name.into(), "unknown_cluster");
            }
        }
    }

    /// As Envoy does: the last stream of a root is gone before it is asked to end. Another one may then end without a word.
    fn end_root(&mut self, root: Root) -> bool {
        while let Some(index) = self.streams.iter().position(|open| open.root == root) {
            let open = self.streams.swap_remove(index);
            self.gone(open);
        }
        // Answers that wait to be compared would be lost with the other root.
        self.advance(Duration::from_millis(2));
        self.roots.remove(&root);
        let ended = self.sim.end_root(root);
        let open: Vec<u32> = self.sim.unanswered().iter().map(|copy| copy.token).collect();
        let lost: Vec<u32> = self.in_flight.keys().copied().filter(|token| !open.contains(token)).collect();
        for token in lost {
            let sent = self.in_flight.remove(&token).expect("in flight");
            self.model.settle(sent, ShadowEnd::Failed("timeout"), self.sim.now());
        }
        ended
    }

    /// Everything ends, and what was counted is what the model says, and nothing else.
    pub fn settle(mut self) {
        self.set_broken(None);
        while let Some(open) = self.streams.pop() {
            self.around.now = self.sim.now();
            self.gone(open);
        }
        self.advance(LONG);
        assert!(self.in_flight.is_empty());
        for policy in self.roots.values().flatten() {
            let open = policy.gates.iter().enumerate().filter(|(_, gate)| gate.borrow().is_open());
            open.for_each(|(index, _)| self.model.count(index, "breaker_open"));
        }
        self.model.close();
        for index in 0..4 {
            let name = ConfigSpec::name(index);
            let expected = self.model.counts.remove(&name).unwrap_or_default();
            assert_eq!(self.sim.counted(&name), expected, "{name}");
        }
        let told: Vec<String> = self.sim.filter_state().into_iter().map(|(_, names)| names).collect();
        assert_eq!(told, self.model.annotations);
        for root in self.roots.keys().copied().collect::<Vec<_>>() {
            assert!(self.end_root(root), "nothing is left to wait for");
        }
        self.sim.assert_all_settled();
        assert_eq!(self.sim.metric("shadow_breaker_open", &[]), 0);
    }
}

fn sent_request(plain: crate::sim::Request, request: &Request) -> crate::sim::Request {
    let path = format!("/?page=2&user={}", request.user());
    let mut sent =
        plain.method(if request.post { "POST" } else { "GET" }).path(path).header("x-user", request.user());
    let content_type = match (request.grpc, request.json) {
        (true, _) => Some("application/grpc+proto"),
        (false, true) => Some("application/json"),
        (false, false) => None,
    };
    if let Some(content_type) = content_type {
        sent = sent.header("content-type", content_type);
    }
    if let Some(target) = request.target {
        sent = sent.header("x-to", target);
    }
    if request.skip {
        sent = sent.header("x-skip", "yes");
    }
    if let Some(announced) = request.announced {
        sent = sent.header("content-length", announced.to_string());
    }
    match request.kind {
        Kind::Plain => sent,
        Kind::Marked => sent.header("x-shadow-mirror", "any"),
        Kind::Upgrade => sent.header("connection", "keep-alive, Upgrade").header("upgrade", "websocket"),
        Kind::Large => sent.header("x-large", vec![b'x'; (1 << 20) + 1]),
        Kind::Torn => sent.raw_headers(b"\x05\0\0\0\x01"),
    }
}
