// SPDX-License-Identifier: Apache-2.0
//! What may happen.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::answers::{BODIES, ShadowEnd};
use super::model::{Broken, Kind, Request, Sent};
use super::spec::{CLOCKS, USERS};
use crate::sim::Answer;

/// How many configurations there are to choose from.
pub const CONFIGS: usize = 3;

#[derive(Debug, Clone)]
pub enum Step {
    Begin {
        head: Head,
        chunks: Vec<Vec<u8>>,
        end: bool,
    },
    Chunk {
        stream: Index,
        chunk: Vec<u8>,
    },
    /// A whole request, and the same end for each of its copies.
    Exchange {
        head: Head,
        answer: AnswerKind,
    },
    /// A request, and another root in place of its own while the copies are in flight: the second time with the same configurations
    /// Envoy drops a root.
    Flip {
        head: Head,
        config: usize,
    },
    End {
        stream: Index,
        trailers: bool,
    },
    Respond {
        stream: Index,
        status: u16,
        header: &'static str,
        body: usize,
        /// It is Envoy that answers, and not the primary.
        local: bool,
    },
    ResponseEnd {
        stream: Index,
    },
    Gone {
        stream: Index,
    },
    Advance {
        micros: u64,
    },
    Answer {
        copy: Index,
        answer: AnswerKind,
        header: &'static str,
        body: usize,
    },
    Cluster {
        name: &'static str,
        state: ClusterState,
    },
    /// `None`: to one that is not valid.
    Reconfigure {
        config: Option<usize>,
    },
    NewRoot {
        config: usize,
    },
    EndOldRoot {
        root: Index,
    },
    Break {
        call: Broken,
    },
    BreakNothing,
    Clock {
        phase: usize,
    },
}

#[derive(Debug, Clone)]
pub struct Head(Request);

#[derive(Debug, Clone, Copy)]
pub enum AnswerKind {
    Status(u16),
    OfEnvoy(u16),
    GrpcTimeout,
    WithoutHeaders,
}

#[derive(Debug, Clone, Copy)]
pub enum ClusterState {
    There,
    Empty,
    Unknown,
}

impl Head {
    fn plain(target: Option<&'static str>) -> Self {
        let (post, user, skip, json, grpc, announced) = (true, 0, false, false, false, None);
        Self(Request { post, user, target, skip, json, grpc, kind: Kind::Plain, announced })
    }

    pub fn request(&self) -> Request {
        self.0.clone()
    }
}

impl AnswerKind {
    pub fn answer(self, header: &str, body: &[u8]) -> Answer {
        match self {
            Self::Status(status) => {
                Answer::status(status).header("a", header).body(body).trailer("grpc-status", "5")
            }
            Self::OfEnvoy(status) => Answer::of_envoy(status).header("a", header).body(body),
            Self::GrpcTimeout => {
                Answer::of_envoy_to_grpc("upstream request timeout").header("a", header).body(body)
            }
            Self::WithoutHeaders => Answer::without_headers(),
        }
    }

    /// What the filter can know of it.
    pub fn end(self, sent: &Sent, broken: Option<Broken>, header: &'static str, body: &[u8]) -> ShadowEnd {
        let unreadable = broken == Some(Broken::ShadowBody) && !body.is_empty();
        let grpc = match self {
            Self::Status(_) if broken != Some(Broken::ShadowTrailers) => "NOT_FOUND",
            _ => "UNKNOWN",
        };
        let answered =
            |status| ShadowEnd::Answered { status, header, body: (!unreadable).then(|| body.to_vec()), grpc };
        match self {
            Self::WithoutHeaders => ShadowEnd::Failed("reset"),
            _ if broken == Some(Broken::ShadowHeaders) => ShadowEnd::Failed("reset"),
            Self::Status(status) => answered(status),
            Self::OfEnvoy(504) => ShadowEnd::Failed("timeout"),
            Self::OfEnvoy(500..) => ShadowEnd::Failed("unreachable"),
            Self::OfEnvoy(status) => answered(status),
            Self::GrpcTimeout if sent.grpc => ShadowEnd::Failed("timeout"),
            Self::GrpcTimeout => answered(200),
        }
    }
}

fn head() -> impl Strategy<Value = Head> {
    let kind = prop_oneof![
        20 => Just(Kind::Plain),
        1 => Just(Kind::Marked),
        1 => Just(Kind::Upgrade),
        1 => Just(Kind::Large),
        1 => Just(Kind::Torn),
    ];
    let flag = prop::bool::weighted;
    let announced = select(vec![None, None, None, Some(0), Some(3), Some(SECRET.len())]);
    (flag(0.7), 0..USERS.len(), target(), flag(0.2), flag(0.6), flag(0.15), kind, announced).prop_map(
        |(post, user, target, skip, json, grpc, kind, announced)| {
            // To gRPC nothing is JSON.
            let json = json && !grpc;
            Head(Request { post, user, target, skip, json, grpc, kind, announced })
        },
    )
}

const SECRET: &[u8] = b"{\"a\":\"hide me\",\"b\":1}";

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(SECRET.to_vec()),
        1 => Just(Vec::new()),
        2 => select(vec![3usize, 30, 300]).prop_map(|size| vec![b'x'; size]),
    ]
}

pub fn step() -> impl Strategy<Value = Step> {
    let status = || select(vec![200u16, 200, 200, 204, 301, 404, 500, 503, 504]);
    let header = || select(vec!["1", "1", "2"]);
    let answer = prop_oneof![
        5 => status().prop_map(AnswerKind::Status),
        2 => status().prop_map(AnswerKind::OfEnvoy),
        1 => Just(AnswerKind::GrpcTimeout),
        4 => Just(AnswerKind::WithoutHeaders),
    ];
    let call = select(vec![
        Broken::RequestHeaders,
        Broken::RequestBody,
        Broken::PrimaryHeaders,
        Broken::PrimaryBody,
        Broken::PrimaryTrailers,
        Broken::ShadowHeaders,
        Broken::ShadowBody,
        Broken::ShadowTrailers,
        Broken::Call,
        Broken::WallClock,
        Broken::FilterState,
        Broken::Log,
    ]);
    let body = 0..BODIES.len();
    prop_oneof![
        14 => (head(), prop::collection::vec(chunk(), 0..3), prop::bool::weighted(0.7))
            .prop_map(|(head, chunks, end)| Step::Begin { head, chunks, end }),
        10 => (head(), answer.clone()).prop_map(|(head, answer)| Step::Exchange { head, answer }),
        2 => (head(), 0..CONFIGS).prop_map(|(head, config)| Step::Flip { head, config }),
        4 => (any::<Index>(), chunk()).prop_map(|(stream, chunk)| Step::Chunk { stream, chunk }),
        4 => (any::<Index>(), any::<bool>()).prop_map(|(stream, trailers)| Step::End { stream, trailers }),
        7 => (any::<Index>(), status(), header(), body.clone(), prop::bool::weighted(0.15)).prop_map(
            |(stream, status, header, body, local)| Step::Respond { stream, status, header, body, local }
        ),
        6 => any::<Index>().prop_map(|stream| Step::ResponseEnd { stream }),
        3 => any::<Index>().prop_map(|stream| Step::Gone { stream }),
        3 => (0..3000u64).prop_map(|micros| Step::Advance { micros }),
        2 => (0..1_500_000u64).prop_map(|micros| Step::Advance { micros }),
        3 => pause(),
        10 => (any::<Index>(), answer, header(), body)
            .prop_map(|(copy, answer, header, body)| Step::Answer { copy, answer, header, body }),
        1 => (select(vec!["a", "b"]), state()).prop_map(|(name, state)| Step::Cluster { name, state }),
        1 => prop::option::weighted(0.8, 0..CONFIGS).prop_map(|config| Step::Reconfigure { config }),
        2 => (0..CONFIGS).prop_map(|config| Step::NewRoot { config }),
        2 => any::<Index>().prop_map(|root| Step::EndOldRoot { root }),
        1 => call.prop_map(|call| Step::Break { call }),
        2 => Just(Step::BreakNothing),
        1 => (0..CLOCKS.len()).prop_map(|phase| Step::Clock { phase }),
    ]
}

/// What a breaker learns from: copies that fail or are answered, late or at once, and pauses.
pub fn of_breakers() -> impl Strategy<Value = Step> {
    let answer = || {
        select(vec![
            AnswerKind::WithoutHeaders,
            AnswerKind::WithoutHeaders,
            AnswerKind::OfEnvoy(504),
            AnswerKind::Status(500),
        ])
    };
    let head = || target().prop_map(Head::plain);
    prop_oneof![
        6 => (head(), answer()).prop_map(|(head, answer)| Step::Exchange { head, answer }),
        2 => head().prop_map(|head| Step::Begin { head, chunks: Vec::new(), end: true }),
        3 => (any::<Index>(), answer()).prop_map(|(copy, answer)| Step::Answer { copy, answer, header: "1", body: 0 }),
        5 => pause(),
        1 => (select(vec!["a", "b"]), state()).prop_map(|(name, state)| Step::Cluster { name, state }),
    ]
}

/// A little more than the breakers' cooldowns, and than twice as much.
fn pause() -> impl Strategy<Value = Step> {
    select(vec![110_000u64, 310_000, 610_000, 710_000, 1_410_000]).prop_map(|micros| Step::Advance { micros })
}

fn state() -> impl Strategy<Value = ClusterState> {
    select(vec![ClusterState::There, ClusterState::There, ClusterState::Empty, ClusterState::Unknown])
}

fn target() -> impl Strategy<Value = Option<&'static str>> {
    select(vec![Some("a"), Some("a"), Some("b"), Some("c"), Some("A"), None])
}
