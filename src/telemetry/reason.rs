// SPDX-License-Identifier: Apache-2.0
//! The label values of the metrics: reasons, sides, classes and results.

use crate::admission::Denial;
use crate::http::{Failure, Refusal};
use crate::select::Unselected;

/// Why a request was not copied to a mirror, by decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    Loop,
    Upgrade,
    Inactive,
    Unmatched,
    NoTarget,
    Unsampled,
    Aborted,
    BodyTooLarge,
    Memory,
    Breaker,
    Unredactable,
    InFlight,
    Rate,
    DryRun,
    HeadersTooLarge,
    NotForwarded,
}

impl SkipReason {
    pub const ALL: [(Self, &str); 16] = [
        (Self::Loop, "loop"),
        (Self::Upgrade, "upgrade"),
        (Self::Inactive, "inactive"),
        (Self::Unmatched, "unmatched"),
        (Self::NoTarget, "no_target"),
        (Self::Unsampled, "unsampled"),
        (Self::Aborted, "aborted"),
        (Self::BodyTooLarge, "body_too_large"),
        (Self::Memory, "memory"),
        (Self::Breaker, "breaker"),
        (Self::Unredactable, "unredactable"),
        (Self::InFlight, "in_flight"),
        (Self::Rate, "rate"),
        (Self::DryRun, "dry_run"),
        (Self::HeadersTooLarge, "headers_too_large"),
        (Self::NotForwarded, "not_forwarded"),
    ];
}

/// Why a copy has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailReason {
    /// Envoy does not know the cluster. Never accepted.
    UnknownCluster,
    /// No healthy endpoint, or an open circuit breaker. Never accepted.
    Rejected,
    /// No answer's headers came: refused, lost or garbled before.
    Unreachable,
    /// No answer's headers came in time.
    Timeout,
    /// Headers had come, or the answer was over Envoy's limit.
    Reset,
    /// A bound of our own ended it where the primary met the same bound. No failure of the shadow.
    Cut,
}

impl FailReason {
    pub const ALL: [(Self, &str); 6] = [
        (Self::UnknownCluster, "unknown_cluster"),
        (Self::Rejected, "rejected"),
        (Self::Unreachable, "unreachable"),
        (Self::Timeout, "timeout"),
        (Self::Reset, "reset"),
        (Self::Cut, "cut"),
    ];
}

/// Whose answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Primary,
    Shadow,
}

impl Side {
    pub const ALL: [(Self, &str); 2] = [(Self::Primary, "primary"), (Self::Shadow, "shadow")];
}

/// What became of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonResult {
    Match,
    Mismatch,
    /// They differ only where the control differs, too.
    Noise,
    Incomparable,
}

impl ComparisonResult {
    pub const ALL: [(Self, &str); 4] = [
        (Self::Match, "match"),
        (Self::Mismatch, "mismatch"),
        (Self::Noise, "noise"),
        (Self::Incomparable, "incomparable"),
    ];
}

/// The class of a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    Informational,
    Success,
    Redirection,
    ClientError,
    ServerError,
}

impl Class {
    pub const ALL: [(Self, &str); 5] = [
        (Self::Informational, "1xx"),
        (Self::Success, "2xx"),
        (Self::Redirection, "3xx"),
        (Self::ClientError, "4xx"),
        (Self::ServerError, "5xx"),
    ];

    /// A status outside 100 to 599 is no status a client knows, and counts as the server's error.
    pub fn of(status: u16) -> Self {
        match status {
            100..=199 => Self::Informational,
            200..=299 => Self::Success,
            300..=399 => Self::Redirection,
            400..=499 => Self::ClientError,
            _ => Self::ServerError,
        }
    }
}

impl From<Unselected> for SkipReason {
    fn from(reason: Unselected) -> Self {
        match reason {
            Unselected::Unsampled => Self::Unsampled,
            Unselected::Unmatched => Self::Unmatched,
            Unselected::NoTarget => Self::NoTarget,
        }
    }
}

impl From<Denial> for SkipReason {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Breaker => Self::Breaker,
            Denial::InFlight => Self::InFlight,
            Denial::Rate => Self::Rate,
        }
    }
}

impl From<Refusal> for FailReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::UnknownCluster => Self::UnknownCluster,
            Refusal::Rejected => Self::Rejected,
        }
    }
}

impl From<Failure> for FailReason {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unreachable => Self::Unreachable,
            Failure::Timeout => Self::Timeout,
            Failure::Reset => Self::Reset,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn every_status_has_a_class() {
        assert_eq!(Class::of(100), Class::Informational);
        assert_eq!(Class::of(204), Class::Success);
        assert_eq!(Class::of(404), Class::ClientError);
        for odd in [0, 99, 600, 999, u16::MAX] {
            assert_eq!(Class::of(odd), Class::ServerError);
        }
    }
}
