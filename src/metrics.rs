// SPDX-License-Identifier: Apache-2.0
//! What is counted, and under which names Envoy knows it.
//!
//! A label is part of a metric's name, `label=.=value;.;`, which is the form that Istio's tag rules and those of
//! `envoy/envoy.yaml` take apart.

use crate::compare::difference;
use crate::ledger::{Handle, Kind, Ledger};

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
}

impl SkipReason {
    pub const ALL: [(Self, &str); 15] = [
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
}

impl FailReason {
    pub const ALL: [(Self, &str); 5] = [
        (Self::UnknownCluster, "unknown_cluster"),
        (Self::Rejected, "rejected"),
        (Self::Unreachable, "unreachable"),
        (Self::Timeout, "timeout"),
        (Self::Reset, "reset"),
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
pub enum Comparison {
    Match,
    Mismatch,
    Incomparable,
}

impl Comparison {
    pub const ALL: [(Self, &str); 3] =
        [(Self::Match, "match"), (Self::Mismatch, "mismatch"), (Self::Incomparable, "incomparable")];
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

/// The gauge that is 1 while a plugin's configuration is invalid.
pub fn config_invalid(plugin: &str) -> String {
    name(&[("plugin", plugin)], "shadow_config_invalid")
}

/// The gauge of the bytes held for copies.
pub const BUFFERED_BYTES: &str = "shadow_buffered_bytes";

/// The metrics of one mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct Meters {
    pub requests: Handle,
    pub sent: Handle,
    pub in_flight: Handle,
    pub breaker_open: Handle,
    skipped: Vec<Handle>,
    failed: Vec<Handle>,
    responses: Vec<Handle>,
    durations: Vec<Handle>,
    /// Empty where nothing is compared.
    comparisons: Vec<Handle>,
    differences: Vec<Handle>,
}

impl Meters {
    pub fn define(ledger: &mut Ledger, mirror: &str, compares: bool) -> Self {
        let mirror = ("mirror", mirror);
        let mut define = |kind, labels: &[_], metric| ledger.define(kind, name(labels, metric));
        Self {
            requests: define(Kind::Counter, &[mirror], "shadow_requests_total"),
            sent: define(Kind::Counter, &[mirror], "shadow_sent_total"),
            in_flight: define(Kind::Gauge, &[mirror], "shadow_in_flight"),
            breaker_open: define(Kind::Gauge, &[mirror], "shadow_breaker_open"),
            skipped: SkipReason::ALL
                .map(|(_, reason)| {
                    define(Kind::Counter, &[mirror, ("reason", reason)], "shadow_skipped_total")
                })
                .into(),
            failed: FailReason::ALL
                .map(|(_, reason)| {
                    define(Kind::Counter, &[mirror, ("reason", reason)], "shadow_failed_total")
                })
                .into(),
            responses: Side::ALL
                .iter()
                .flat_map(|(_, side)| Class::ALL.map(|(_, class)| [mirror, ("side", side), ("class", class)]))
                .map(|labels| define(Kind::Counter, &labels, "shadow_responses_total"))
                .collect(),
            durations: Side::ALL
                .map(|(_, side)| {
                    define(Kind::Histogram, &[mirror, ("side", side)], "shadow_duration_milliseconds")
                })
                .into(),
            comparisons: Comparison::ALL
                .iter()
                .filter(|_| compares)
                .map(|(_, result)| {
                    define(Kind::Counter, &[mirror, ("result", result)], "shadow_comparisons_total")
                })
                .collect(),
            differences: difference::Kind::ALL
                .iter()
                .filter(|_| compares)
                .map(|(_, kind)| define(Kind::Counter, &[mirror, ("kind", kind)], "shadow_differences_total"))
                .collect(),
        }
    }

    pub fn skipped(&self, reason: SkipReason) -> Handle {
        pick(&self.skipped, reason as usize)
    }

    pub fn failed(&self, reason: FailReason) -> Handle {
        pick(&self.failed, reason as usize)
    }

    pub fn responses(&self, side: Side, class: Class) -> Handle {
        pick(&self.responses, side as usize * Class::ALL.len() + class as usize)
    }

    pub fn duration(&self, side: Side) -> Handle {
        pick(&self.durations, side as usize)
    }

    /// Of a mirror that compares.
    pub fn comparisons(&self, result: Comparison) -> Handle {
        pick(&self.comparisons, result as usize)
    }

    /// Of a mirror that compares.
    pub fn differences(&self, kind: difference::Kind) -> Handle {
        pick(&self.differences, kind as usize)
    }
}

fn pick(handles: &[Handle], index: usize) -> Handle {
    handles.get(index).copied().unwrap_or_default()
}

fn name(labels: &[(&str, &str)], metric: &str) -> String {
    let mut name: String = labels.iter().map(|(label, value)| format!("{label}=.={value};.;")).collect();
    name.push_str(metric);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn names_have_the_form_of_the_contract() {
        let mut ledger = Ledger::default();
        let meters = Meters::define(&mut ledger, "v2", false);
        let name = |handle| ledger.name(handle).expect("defined");
        assert_eq!(name(meters.requests), "mirror=.=v2;.;shadow_requests_total");
        assert_eq!(
            name(meters.failed(FailReason::Timeout)),
            "mirror=.=v2;.;reason=.=timeout;.;shadow_failed_total"
        );
        assert_eq!(
            name(meters.duration(Side::Shadow)),
            "mirror=.=v2;.;side=.=shadow;.;shadow_duration_milliseconds"
        );
        assert_eq!(config_invalid("ns.a"), "plugin=.=ns.a;.;shadow_config_invalid");
    }

    #[test]
    fn each_label_value_has_the_metric_of_its_name() {
        let mut ledger = Ledger::default();
        let meters = Meters::define(&mut ledger, "m", true);
        let has = |handle, part: &str| ledger.name(handle).expect("defined").contains(part);
        for (reason, text) in SkipReason::ALL {
            assert!(has(meters.skipped(reason), &format!("reason=.={text};.;shadow_skipped_total")));
        }
        for (reason, text) in FailReason::ALL {
            assert!(has(meters.failed(reason), &format!("reason=.={text};.;shadow_failed_total")));
        }
        for (result, text) in Comparison::ALL {
            assert!(has(meters.comparisons(result), &format!("result=.={text};.;shadow_comparisons_total")));
        }
        for (kind, text) in difference::Kind::ALL {
            assert!(has(meters.differences(kind), &format!("kind=.={text};.;shadow_differences_total")));
        }
        for (side, side_text) in Side::ALL {
            assert!(has(meters.duration(side), side_text));
            for (class, text) in Class::ALL {
                let labels = format!("side=.={side_text};.;class=.={text};.;shadow_responses_total");
                assert!(has(meters.responses(side, class), &labels));
            }
        }
    }

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
