// SPDX-License-Identifier: Apache-2.0
//! What is counted, and under which names Envoy knows it.
//!
//! A label is part of a metric's name, `label=.=value;.;`, which is the form that Istio's tag rules and those of
//! `envoy/envoy.yaml` take apart.

use super::ledger::{Handle, Ledger, MetricKind};
use super::reason::{Class, ComparisonResult, FailReason, Side, SkipReason};
use crate::compare::DifferenceKind;
use crate::http::GrpcStatus;

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
    skipped: [Handle; SkipReason::ALL.len()],
    failed: [Handle; FailReason::ALL.len()],
    responses: [[Handle; Class::ALL.len()]; Side::ALL.len()],
    grpc: [[Handle; GrpcStatus::ALL.len()]; Side::ALL.len()],
    durations: [Handle; Side::ALL.len()],
    pub slowdown: Handle,
}

/// The metrics of a mirror that compares.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparisonMeters {
    results: [Handle; ComparisonResult::ALL.len()],
    differences: [Handle; DifferenceKind::ALL.len()],
}

impl Meters {
    pub fn define(ledger: &mut Ledger, mirror: &str) -> Self {
        let mirror = ("mirror", mirror);
        let mut define = |kind, labels: &[_], metric| ledger.define(kind, name(labels, metric));
        Self {
            requests: define(MetricKind::Counter, &[mirror], "shadow_requests_total"),
            sent: define(MetricKind::Counter, &[mirror], "shadow_sent_total"),
            in_flight: define(MetricKind::Gauge, &[mirror], "shadow_in_flight"),
            breaker_open: define(MetricKind::Gauge, &[mirror], "shadow_breaker_open"),
            skipped: SkipReason::ALL.map(|(_, reason)| {
                define(MetricKind::Counter, &[mirror, ("reason", reason)], "shadow_skipped_total")
            }),
            failed: FailReason::ALL.map(|(_, reason)| {
                define(MetricKind::Counter, &[mirror, ("reason", reason)], "shadow_failed_total")
            }),
            responses: Side::ALL.map(|(_, side)| {
                Class::ALL.map(|(_, class)| {
                    let labels = [mirror, ("side", side), ("class", class)];
                    define(MetricKind::Counter, &labels, "shadow_responses_total")
                })
            }),
            grpc: Side::ALL.map(|(_, side)| {
                GrpcStatus::ALL.map(|(_, status)| {
                    let labels = [mirror, ("side", side), ("status", status)];
                    define(MetricKind::Counter, &labels, "shadow_grpc_responses_total")
                })
            }),
            durations: Side::ALL.map(|(_, side)| {
                define(MetricKind::Histogram, &[mirror, ("side", side)], "shadow_duration_microseconds")
            }),
            slowdown: define(MetricKind::Histogram, &[mirror], "shadow_slowdown_percent"),
        }
    }

    pub fn skipped(&self, reason: SkipReason) -> Option<Handle> {
        self.skipped.get(reason as usize).copied()
    }

    pub fn failed(&self, reason: FailReason) -> Option<Handle> {
        self.failed.get(reason as usize).copied()
    }

    pub fn responses(&self, side: Side, class: Class) -> Option<Handle> {
        self.responses.get(side as usize)?.get(class as usize).copied()
    }

    pub fn grpc(&self, side: Side, status: GrpcStatus) -> Option<Handle> {
        self.grpc.get(side as usize)?.get(status as usize).copied()
    }

    pub fn duration(&self, side: Side) -> Option<Handle> {
        self.durations.get(side as usize).copied()
    }
}

impl ComparisonMeters {
    pub fn define(ledger: &mut Ledger, mirror: &str) -> Self {
        let mut define =
            |label, metric| ledger.define(MetricKind::Counter, name(&[("mirror", mirror), label], metric));
        Self {
            results: ComparisonResult::ALL
                .map(|(_, result)| define(("result", result), "shadow_comparisons_total")),
            differences: DifferenceKind::ALL
                .map(|(_, kind)| define(("kind", kind), "shadow_differences_total")),
        }
    }

    pub fn result(&self, result: ComparisonResult) -> Option<Handle> {
        self.results.get(result as usize).copied()
    }

    pub fn difference(&self, kind: DifferenceKind) -> Option<Handle> {
        self.differences.get(kind as usize).copied()
    }
}

/// Once in the module, not once for each metric.
#[inline(never)]
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
        let meters = Meters::define(&mut ledger, "v2");
        let name = |handle: Option<Handle>| ledger.name(handle.expect("of the enum")).expect("defined");
        assert_eq!(name(Some(meters.requests)), "mirror=.=v2;.;shadow_requests_total");
        assert_eq!(
            name(meters.failed(FailReason::Timeout)),
            "mirror=.=v2;.;reason=.=timeout;.;shadow_failed_total"
        );
        assert_eq!(
            name(meters.duration(Side::Shadow)),
            "mirror=.=v2;.;side=.=shadow;.;shadow_duration_microseconds"
        );
        assert_eq!(config_invalid("ns.a"), "plugin=.=ns.a;.;shadow_config_invalid");
    }

    #[test]
    fn each_label_value_has_the_metric_of_its_name() {
        let mut ledger = Ledger::default();
        let meters = Meters::define(&mut ledger, "m");
        let comparison = ComparisonMeters::define(&mut ledger, "m");
        let name = |handle: Option<Handle>| ledger.name(handle.expect("of the enum")).expect("defined");
        let has = |handle, part: &str| name(handle).contains(part);
        for (reason, text) in SkipReason::ALL {
            assert!(has(meters.skipped(reason), &format!("reason=.={text};.;shadow_skipped_total")));
        }
        for (reason, text) in FailReason::ALL {
            assert!(has(meters.failed(reason), &format!("reason=.={text};.;shadow_failed_total")));
        }
        for (result, text) in ComparisonResult::ALL {
            assert!(has(comparison.result(result), &format!("result=.={text};.;shadow_comparisons_total")));
        }
        for (kind, text) in DifferenceKind::ALL {
            assert!(has(comparison.difference(kind), &format!("kind=.={text};.;shadow_differences_total")));
        }
        for (side, side_text) in Side::ALL {
            assert!(has(meters.duration(side), side_text));
            for (class, text) in Class::ALL {
                let labels = format!("side=.={side_text};.;class=.={text};.;shadow_responses_total");
                assert!(has(meters.responses(side, class), &labels));
            }
        }
    }
}
