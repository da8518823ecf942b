// SPDX-License-Identifier: Apache-2.0
//! Host calls that fail: one log line for each kind of call and VM, which says what follows.
//!
//! Envoy fails none of them by itself. A shortened `capability_restriction_config` does, and so may a VM without memory.

use std::cell::Cell;

use super::imports::{HostResult, Status};

thread_local! {
    /// The kinds of call of which a failure was logged, as bits. Natively a thread stands for a VM.
    static LOGGED: Cell<u32> = const { Cell::new(0) };
}

/// What was asked of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    RequestHeaders,
    RequestBody,
    SentHeaders,
    PrimaryEnd,
    ResponseHeaders,
    ResponseBody,
    CallHeaders,
    CallBody,
    GrpcStatus,
    Clock,
    WallClock,
    TickPeriod,
    DefineMetric,
    UpdateMetric,
    FilterState,
    PluginName,
    RootId,
    Done,
    Pool,
    Reentered,
}

impl Asked {
    /// What was not done, and what that means.
    fn consequence(self) -> &'static str {
        match self {
            Self::RequestHeaders => "read a request's headers: it is skipped, reason memory",
            Self::RequestBody => "read a request's body: the copy is skipped, reason memory",
            Self::SentHeaders => "read a request's headers as they were sent: it is skipped, reason memory",
            Self::PrimaryEnd => {
                "see how the primary's exchange ended (proxy_on_log, proxy_get_property): a mirror with send \
                 primary_end skips the request, reason memory"
            }
            Self::ResponseHeaders => "read the primary's headers: its answer is not counted",
            Self::ResponseBody => "read the primary's body: the answers are incomparable",
            Self::CallHeaders => "read the shadow's headers: the copy fails, reason reset",
            Self::CallBody => "read the shadow's body: the answers are incomparable",
            Self::GrpcStatus => "read an answer's grpc-status: it counts as UNKNOWN",
            Self::Clock => {
                "read the clock: durations are too short, and rates, pauses of breakers and deadlines stand still"
            }
            Self::WallClock => "read the time of day: mirrors with a schedule are inactive",
            Self::TickPeriod => "set the timer: copies and metrics wait for the next request",
            Self::DefineMetric => "define a metric: it is missing",
            Self::UpdateMetric => "update a metric: it is too low",
            Self::FilterState => "set wasm.shadow_mirrors: it is missing",
            Self::PluginName => {
                "read the plugin's name: shadow_config_invalid has plugin=unknown, and limits hold for each worker"
            }
            Self::RootId => "read the plugin's root id: limits hold for each worker",
            Self::Done => "end the old configuration: its context stays in memory",
            Self::Pool => "share limits with other workers: they hold for each worker",
            Self::Reentered => "handle an event within another event",
        }
    }
}

/// Forgets what was logged: a VM starts.
pub fn forget() {
    LOGGED.set(0);
}

/// The result of a host call as far as there is one. A failure is logged once.
pub fn checked<T>(asked: Asked, result: HostResult<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(status) => {
            report(asked, Some(status));
            None
        }
    }
}

/// Logs a failure once.
#[cold]
pub fn report(asked: Asked, status: Option<Status>) {
    let bit = 1u32.checked_shl(asked as u32).unwrap_or(0);
    if LOGGED.replace(LOGGED.get() | bit) & bit == 0 {
        let status = status.unwrap_or(Status::INTERNAL_FAILURE);
        log::error!(
            "the filter could not {} ({status}); check capability_restriction_config; logged once",
            asked.consequence()
        );
    }
}
