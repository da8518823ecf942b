// SPDX-License-Identifier: Apache-2.0
//! Any sequence of events, over several streams, mirrors and roots: nothing panics, the primary goes on, no copy is
//! lost, and at rest everything adds up.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use crate::sim::{Answer, Request, Root, Sim, Stream};

#[derive(Debug, Clone)]
enum Step {
    Start { body: Vec<usize>, ends: End, header: Header },
    Chunk { stream: Index, size: usize },
    End { stream: Index, trailers: bool },
    Respond { stream: Index, status: u16, whole: bool },
    Gone { stream: Index },
    Advance { micros: u64 },
    Answer { copy: Index, answer: AnswerKind },
    Cluster { name: &'static str, state: ClusterState },
    Reconfigure { config: usize },
    Inert,
    NewRoot { config: usize },
    EndOldRoot { root: Index },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Open,
    Chunk,
    Trailers,
}

#[derive(Debug, Clone, Copy)]
enum Header {
    Plain,
    Grpc,
    Marked,
    Upgrade,
    Large,
    Torn,
}

#[derive(Debug, Clone, Copy)]
enum AnswerKind {
    Status(u16),
    OfEnvoy(u16),
    GrpcTimeout,
    WithoutHeaders,
}

#[derive(Debug, Clone, Copy)]
enum ClusterState {
    There,
    Empty,
    Unknown,
}

fn configs() -> [Value; 5] {
    [
        json!({"max_buffered_bytes": 2000, "mirrors": [
            {"cluster": "a"},
            {"cluster": "b", "name": "compared", "compare": {"body": "json", "headers": ["a"], "max_body_bytes": 50}},
        ]}),
        json!({"mirrors": [{"cluster": "a", "percentage": 50}, {"cluster": "b", "body": {"mode": "none"}}]}),
        json!({"max_buffered_bytes": 3000, "mirrors": [
            {"cluster": "a", "body": {"max_bytes": 500}},
            {"cluster": "b", "body": {"max_bytes": 900, "on_overflow": "headers_only"}},
            {"cluster": "c", "percentage": 0},
        ]}),
        json!({"loop_guard": false, "annotate": true, "mirrors": [
            {"cluster": "a", "limits": {"max_in_flight": 1}}, {"cluster": "a", "name": "twice"},
        ]}),
        json!({"max_buffered_bytes": 1, "mirrors": [{"cluster": "b"}, {"cluster": "c", "authority": "keep"}]}),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let config = 0..configs().len();
    let end = prop::sample::select(vec![End::Open, End::Chunk, End::Trailers]);
    let header = prop_oneof![
        8 => Just(Header::Plain),
        2 => Just(Header::Grpc),
        1 => Just(Header::Marked),
        1 => Just(Header::Upgrade),
        1 => Just(Header::Large),
        1 => Just(Header::Torn),
    ];
    let status = prop::sample::select(vec![100u16, 200, 204, 301, 404, 500, 503, 504]);
    let answer = prop_oneof![
        status.clone().prop_map(AnswerKind::Status),
        status.clone().prop_map(AnswerKind::OfEnvoy),
        Just(AnswerKind::GrpcTimeout),
        Just(AnswerKind::WithoutHeaders),
    ];
    let state = prop::sample::select(vec![ClusterState::There, ClusterState::Empty, ClusterState::Unknown]);
    prop_oneof![
        8 => (prop::collection::vec(0..700usize, 0..3), end, header)
            .prop_map(|(body, ends, header)| Step::Start { body, ends, header }),
        4 => (any::<Index>(), 0..700usize).prop_map(|(stream, size)| Step::Chunk { stream, size }),
        4 => (any::<Index>(), any::<bool>()).prop_map(|(stream, trailers)| Step::End { stream, trailers }),
        4 => (any::<Index>(), status, any::<bool>())
            .prop_map(|(stream, status, whole)| Step::Respond { stream, status, whole }),
        3 => any::<Index>().prop_map(|stream| Step::Gone { stream }),
        6 => (0..3000u64).prop_map(|micros| Step::Advance { micros }),
        1 => (0..2_000_000u64).prop_map(|micros| Step::Advance { micros }),
        6 => (any::<Index>(), answer).prop_map(|(copy, answer)| Step::Answer { copy, answer }),
        2 => (prop::sample::select(vec!["a", "b", "c"]), state)
            .prop_map(|(name, state)| Step::Cluster { name, state }),
        1 => config.clone().prop_map(|config| Step::Reconfigure { config }),
        1 => Just(Step::Inert),
        1 => config.prop_map(|config| Step::NewRoot { config }),
        1 => any::<Index>().prop_map(|root| Step::EndOldRoot { root }),
    ]
}

/// The simulation with what is under way in it.
struct World {
    sim: Sim,
    streams: Vec<Open>,
    /// Replaced roots that were not asked to end.
    old_roots: Vec<Root>,
}

struct Open {
    stream: Stream,
    root: Root,
    request_ended: bool,
    response_ended: bool,
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Start { body, ends, header } => self.begin(&body, ends, header),
            Step::Chunk { stream, size } => {
                if let Some(open) = self.pick(stream).filter(|open| !open.request_ended) {
                    open.stream.chunk(vec![b'x'; size]);
                }
            }
            Step::End { stream, trailers } => {
                if let Some(open) = self.pick(stream).filter(|open| !open.request_ended) {
                    open.end(trailers);
                }
            }
            Step::Respond { stream, status, whole } => {
                if let Some(open) = self.pick(stream).filter(|open| !open.response_ended) {
                    open.stream.response(status);
                    if whole {
                        open.stream.response_end();
                        open.response_ended = true;
                    }
                }
            }
            Step::Gone { stream } => {
                if !self.streams.is_empty() {
                    self.streams.swap_remove(stream.index(self.streams.len())).stream.gone();
                }
            }
            Step::Advance { micros } => self.sim.advance(Duration::from_micros(micros)),
            Step::Answer { copy, answer } => self.answer(copy, answer),
            Step::Cluster { name, state } => self.set_cluster(name, state),
            Step::Reconfigure { config } => self.sim.reconfigure_same_root(&configs()[config]),
            Step::Inert => self.sim.reconfigure_same_root("{}"),
            Step::NewRoot { config } => {
                let old = self.sim.new_root(&configs()[config]);
                self.old_roots.push(old);
            }
            Step::EndOldRoot { root } => {
                if !self.old_roots.is_empty() {
                    let root = self.old_roots.swap_remove(root.index(self.old_roots.len()));
                    self.end_root(root);
                }
            }
        }
    }

    fn begin(&mut self, body: &[usize], ends: End, header: Header) {
        let request = with_header(self.sim.request().method("POST"), header);
        let stream = request.headers_only();
        body.iter().for_each(|size| stream.chunk(vec![b'x'; *size]));
        let mut open = Open { stream, root: self.sim.root(), request_ended: false, response_ended: false };
        if ends != End::Open {
            open.end(ends == End::Trailers);
        }
        self.streams.push(open);
    }

    fn pick(&mut self, index: Index) -> Option<&mut Open> {
        let count = self.streams.len();
        (count > 0).then(|| &mut self.streams[index.index(count)])
    }

    fn answer(&mut self, copy: Index, answer: AnswerKind) {
        let copies = self.sim.unanswered();
        if copies.is_empty() {
            return;
        }
        let answer = match answer {
            AnswerKind::Status(status) => Answer::status(status),
            AnswerKind::OfEnvoy(status) => Answer::of_envoy(status),
            AnswerKind::GrpcTimeout => Answer::of_envoy_to_grpc("upstream request timeout"),
            AnswerKind::WithoutHeaders => Answer::without_headers(),
        };
        self.sim.answer(&copies[copy.index(copies.len())], answer);
    }

    fn set_cluster(&mut self, name: &str, state: ClusterState) {
        self.sim.add_cluster(name);
        match state {
            ClusterState::There => {}
            ClusterState::Empty => self.sim.empty_cluster(name),
            ClusterState::Unknown => self.sim.forget_cluster(name),
        }
    }

    /// As Envoy does: the last stream of a root is gone before the root is asked to end.
    fn end_root(&mut self, root: Root) {
        let (of_root, others) = self.streams.drain(..).partition(|open| open.root == root);
        self.streams = others;
        Vec::into_iter(of_root).for_each(|open: Open| open.stream.gone());
        self.sim.end_root(root);
    }

    /// Everything ends, in one way or another.
    fn settle(mut self) {
        self.streams.drain(..).for_each(|open| open.stream.gone());
        self.sim.rest();
        // Copies of roots that ended without a word are given up after their timeout.
        let overwritten = self.sim.overwritten() > 0;
        if overwritten {
            self.sim.advance(Duration::from_secs(15));
        }
        for copy in self.sim.unanswered() {
            self.sim.answer(&copy, Answer::status(200));
        }
        self.sim.assert_all_settled();
        let compared = |name| self.sim.metric(name, &[("mirror", "compared")]);
        assert_eq!(compared("shadow_comparisons_total"), compared("shadow_sent_total"), "each once");
        let last = self.sim.root();
        for root in self.old_roots.drain(..).chain([last]) {
            assert!(self.sim.end_root(root), "nothing is left to wait for");
        }
        self.sim.assert_all_settled();
        assert!(overwritten || self.sim.cut() == 0, "no copy is lost");
    }
}

impl Open {
    fn end(&mut self, trailers: bool) {
        if trailers {
            self.stream.trailers();
        } else {
            self.stream.end();
        }
        self.request_ended = true;
    }
}

fn with_header(request: Request, header: Header) -> Request {
    match header {
        Header::Plain => request,
        Header::Grpc => request.header("content-type", "application/grpc"),
        Header::Marked => request.header("x-shadow-mirror", "a"),
        Header::Upgrade => request.header("connection", "upgrade").header("upgrade", "websocket"),
        Header::Large => request.header("x-large", vec![b'x'; (1 << 20) + 1]),
        Header::Torn => request.raw_headers(b"\x05\0\0\0\x01"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn events_in_any_order_add_up(config in 0..configs().len(), steps in prop::collection::vec(step(), 1..80)) {
        let sim = Sim::with_config(&configs()[config]);
        let mut world = World { sim, streams: Vec::new(), old_roots: Vec::new() };
        for step in steps {
            world.take(step);
        }
        world.settle();
    }
}
