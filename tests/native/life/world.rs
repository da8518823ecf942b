// SPDX-License-Identifier: Apache-2.0
//! The filter on the fake host and the model side by side: each step is taken by both.

mod envoy;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::answers::{BODIES, Primary};
use super::model::{Broken, Expected, Fate, Model, Policy, Reading, Sent, Surroundings, Waiting};
use super::spec::{CLOCKS, ConfigSpec};
use super::step::{AnswerKind, Head, Step};
use super::wire::{seen, sent_request};
use crate::sim::{Callout, Root, Sim, Stream};

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
    waiting: Option<Waiting>,
    request_ended: bool,
    response: Response,
    /// It is Envoy that answers.
    local: bool,
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
            Step::Respond { stream, status, header, body, local } => self.with(stream, |world, open| {
                if open.response == Response::NotBegun {
                    if local {
                        open.local = true;
                        open.stream.cut_by("request_rate_limited");
                    }
                    world.respond(open, status, header);
                    world.respond_body(open, BODIES[body]);
                }
            }),
            Step::ResponseEnd { stream } => self.with(stream, |world, open| {
                if open.response == Response::Open {
                    open.response = Response::Ended;
                    if open.number.is_multiple_of(2) {
                        open.stream.response_end();
                    } else {
                        open.stream.response_trailers_with(&[("grpc-status", "5")]);
                        if world.around.broken != Some(Broken::PrimaryTrailers) {
                            world.model.primaries[open.number].grpc = Some("NOT_FOUND");
                        }
                    }
                    world.model.primaries[open.number].whole = true;
                    world.model.primaries[open.number].end = Some(world.sim.now());
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
        stream.sent_with("x-routed", "1");
        self.model.primaries.push(Primary::default());
        let number = self.model.primaries.len() - 1;
        let mut open = Open {
            stream,
            root: self.current,
            number,
            reading,
            waiting: None,
            request_ended: false,
            response: Response::NotBegun,
            local: false,
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
        self.model.primaries[open.number].request_end = Some(self.sim.now());
        if trailers {
            open.stream.trailers();
        } else {
            open.stream.end();
        }
        if let Some(reading) = open.reading.take() {
            let (expected, sent, waiting) = self.model.end(reading, open.number, &self.around);
            open.waiting = waiting;
            self.copies(expected, sent);
        }
    }

    /// What was sent is what the model says.
    fn copies(&mut self, expected: Vec<Expected>, sent: Vec<Sent>) {
        self.tick();
        let calls: Vec<Callout> = self.sim.callouts().split_off(self.calls);
        self.calls += calls.len();
        let seen: Vec<_> = calls.iter().map(seen).collect();
        assert_eq!(seen, expected);
        self.in_flight.extend(calls.iter().map(|call| call.token).zip(sent));
    }

    fn respond(&mut self, open: &mut Open, status: u16, header: &'static str) {
        open.stream.response_block(status, &[("a", header)], false);
        open.response = Response::Open;
        if self.around.broken != Some(Broken::PrimaryHeaders) {
            let status = Some(status);
            let known = &mut self.model.primaries[open.number];
            *known = Primary { status, header, body: Some(Vec::new()), whole: false, ..known.clone() };
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
        let Open { stream, number, reading, mut waiting, response, local, .. } = open;
        let fate = self.fate(response, local);
        stream.gone();
        let now = self.sim.now();
        let primary = &mut self.model.primaries[number];
        primary.end = primary.end.or(Some(now));
        let (mut expected, mut sent) = (Vec::new(), Vec::new());
        match reading {
            Some(reading) if reading.is_whole() => {
                primary.request_end = Some(now);
                (expected, sent, waiting) = self.model.end(reading, number, &self.around);
            }
            Some(reading) => self.model.abort(&reading),
            None => {}
        }
        if let Some(waiting) = waiting {
            let (more, also) = self.model.over(waiting, fate, number, &self.around);
            expected.extend(more);
            sent.extend(also);
        }
        self.copies(expected, sent);
    }

    /// What the host tells of an exchange in the end.
    fn fate(&self, response: Response, local: bool) -> Fate {
        match response {
            Response::NotBegun => Err("aborted"),
            _ if local => Err("not_forwarded"),
            _ if self.around.broken == Some(Broken::RequestHeaders) => Err("memory"),
            _ => Ok(()),
        }
    }

    fn answer(&mut self, token: u32, answer: AnswerKind, header: &'static str, body: &[u8]) {
        let copy = self.sim.unanswered().into_iter().find(|copy| copy.token == token).expect("not answered");
        let sent = self.in_flight.remove(&token).expect("in flight");
        let end = answer.end(&sent, self.around.broken, header, body);
        self.model.settle(sent, end, self.sim.now());
        self.sim.answer(&copy, answer.answer(header, body));
    }
}
