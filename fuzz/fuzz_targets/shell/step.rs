// SPDX-License-Identifier: Apache-2.0
//! What may happen. A number picks among what is there, modulo how many there are.

use libfuzzer_sys::arbitrary::{self, Arbitrary};

#[derive(Debug, Clone, Arbitrary)]
pub enum Step {
    /// A request begins, on any root that takes some.
    Begin {
        root: u8,
        header: Header,
        end: bool,
    },
    Stream {
        stream: u8,
        event: StreamEvent,
    },
    /// Milliseconds.
    Advance(u16),
    /// A copy ends.
    Answer {
        copy: u8,
        answer: AnswerKind,
    },
    Cluster {
        cluster: u8,
        state: ClusterState,
    },
    Configure {
        root: u8,
        config: u8,
    },
    NewRoot {
        config: u8,
    },
    /// As Envoy does: when its last stream is gone.
    EndRoot {
        root: u8,
    },
    /// Has a host call fail, or not any more.
    Fail {
        call: u8,
    },
    FailNothing,
    /// Time passes while the filter works, in units of 100 µs.
    WorkTakes(u8),
    /// Seconds on the clock on the wall.
    Wall(u32),
    /// What no host does.
    Odd(Odd),
    /// The VM is replaced, at rest or as it is.
    NewVm {
        strict: bool,
        config: u8,
        at_rest: bool,
    },
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum StreamEvent {
    Body { size: u16, end: bool },
    Trailers,
    Response { status: Status, large: bool, end: bool },
    ResponseBody { kind: u8, end: bool },
    ResponseTrailers,
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
pub enum Header {
    Plain,
    Grpc,
    Json,
    Marked,
    Upgrade,
    Connect,
    Secret,
    Large,
    Torn,
    /// Says how long the body is.
    Length(u8),
    /// Chooses a cluster.
    Target(u8),
    User(u8),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum AnswerKind {
    Shadow { status: Status, body: u8 },
    Envoy(Status),
    GrpcTimeout,
    WithoutHeaders,
    WithoutStatus,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Status {
    Continue,
    Ok,
    NotFound,
    Unavailable,
    GatewayTimeout,
    Any(u16),
}

#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum ClusterState {
    There,
    Empty,
    Unknown,
}

/// Callbacks for contexts and calls that are not there, or of the wrong kind.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub enum Odd {
    UnknownStream(StreamEvent),
    UnknownRoot(u8),
    UnknownAnswer { root: u8, headers: u8 },
    LateAnswer { copy: u8 },
    TickOfStream { stream: u8 },
    TickOfRoot { root: u8 },
    ConfigureWithSize { size: u16 },
    StreamOfNoRoot,
    Allocate { size: u64 },
}

impl Status {
    pub fn code(self) -> u16 {
        match self {
            Self::Continue => 100,
            Self::Ok => 200,
            Self::NotFound => 404,
            Self::Unavailable => 503,
            Self::GatewayTimeout => 504,
            Self::Any(code) => code,
        }
    }
}
