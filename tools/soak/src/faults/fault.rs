// SPDX-License-Identifier: Apache-2.0
//! The faults, by name.

mod table;

use harness::upstream::Reply;

pub use self::table::ALL;

pub struct Fault {
    pub name: &'static str,
    pub kind: Kind,
}

pub enum Kind {
    Shadow(Shadow),
    Primary(Primary),
    Envoy(Change),
    Clients(Crowd),
}

/// What is wrong with a shadow. Each has a cluster and a mirror of its own.
pub enum Shadow {
    /// It answers so over HTTP/1.1.
    Http1(fn() -> Reply),
    /// It answers so over HTTP/2.
    Http2(fn() -> Reply),
    Refuses,
    BlackHole,
    FullBacklog,
    /// Envoy speaks TLS to it, and it does not.
    NoTls,
    DnsGone,
    /// One of its two endpoints refuses connections.
    HalfDead,
    NoEndpoints,
    /// Envoy does not have the cluster.
    Missing,
}

/// What is wrong with the primary, for both listeners.
pub enum Primary {
    /// Each of so many requests is answered so.
    Replies { every: u64, reply: fn() -> Reply },
    /// It refuses connections half of the time.
    Refuses,
}

/// What is done to Envoy, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Configuration,
    FilterRemoved,
    Module,
    ClusterRemoved,
    EndpointsGone,
    Drain,
    Overload,
    ResetCounters,
    TraceLog,
    HotRestart,
    /// The calendar clock jumps an hour ahead, back, an hour behind, and back.
    Clock,
}

/// What clients do beside the steady load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crowd {
    LeaveInBody,
    LeaveBeforeAnswer,
    Stall,
    ThousandAtOnce,
    ReadSlowly,
}

impl Fault {
    pub fn shadow(&self) -> Option<&Shadow> {
        match &self.kind {
            Kind::Shadow(shadow) => Some(shadow),
            _ => None,
        }
    }

    pub fn primary(&self) -> Option<&Primary> {
        match &self.kind {
            Kind::Primary(primary) => Some(primary),
            _ => None,
        }
    }

    pub fn change(&self) -> Option<Change> {
        match self.kind {
            Kind::Envoy(change) => Some(change),
            _ => None,
        }
    }

    pub fn crowd(&self) -> Option<Crowd> {
        match self.kind {
            Kind::Clients(crowd) => Some(crowd),
            _ => None,
        }
    }
}
