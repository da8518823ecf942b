// SPDX-License-Identifier: Apache-2.0
//! Names of the filter's metrics in all the forms in which they come: with labels, with the labels inside Envoy's name, and
//! with that name as Prometheus' alphabet leaves it.

use serde::{Deserialize, Serialize};

pub use exposition::Labels;

/// The metrics that a verdict needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    Requests,
    Skipped,
    Sent,
    Failed,
    Responses,
    GrpcResponses,
    Duration,
    /// A histogram in per cent.
    Slowdown,
    Comparisons,
    Differences,
    InFlight,
    BreakerOpen,
    ConfigInvalid,
    /// Envoy's own, of a cluster: requests that were repeated.
    Retries,
}

impl Metric {
    pub const ALL: [(Self, &str); 14] = [
        (Self::Requests, "shadow_requests_total"),
        (Self::Skipped, "shadow_skipped_total"),
        (Self::Sent, "shadow_sent_total"),
        (Self::Failed, "shadow_failed_total"),
        (Self::Responses, "shadow_responses_total"),
        (Self::GrpcResponses, "shadow_grpc_responses_total"),
        (Self::Duration, "shadow_duration_microseconds"),
        (Self::Duration, MILLISECONDS),
        (Self::Slowdown, "shadow_slowdown_percent"),
        (Self::Comparisons, "shadow_comparisons_total"),
        (Self::Differences, "shadow_differences_total"),
        (Self::InFlight, "shadow_in_flight"),
        (Self::BreakerOpen, "shadow_breaker_open"),
        (Self::ConfigInvalid, "shadow_config_invalid"),
    ];

    pub fn is_histogram(self) -> bool {
        matches!(self, Self::Duration | Self::Slowdown)
    }

    /// Gauges are not counted from a beginning.
    pub fn is_gauge(self) -> bool {
        matches!(self, Self::InFlight | Self::BreakerOpen | Self::ConfigInvalid)
    }
}

/// What the histogram was called when it had whole milliseconds.
const MILLISECONDS: &str = "shadow_duration_milliseconds";

/// How many of what its buckets are kept in, microseconds or per cent, the unit of a histogram of this name has. The name may come with
/// labels and suffix.
pub fn unit(name: &str) -> u32 {
    if name.contains(MILLISECONDS) { 1000 } else { 1 }
}

/// The label of [`Metric::Retries`].
pub const CLUSTER: &str = "cluster";
/// The labels that matter. `mirror` comes first in a name, and its value may be anything.
const MIRROR: &str = "mirror";
const LABELS: [&str; 7] = ["reason", "side", "class", "status", "result", "kind", "plugin"];
/// What a metric may be the part of, before its labels in a name.
const SPACES: [&str; 4] = ["wasmcustom.", "wasmcustom_", "envoy_wasmcustom_", "envoy_"];

/// Envoy's own name, `wasmcustom.mirror=.=v2;.;reason=.=timeout;.;shadow_failed_total`.
pub fn from_envoy(name: &str) -> Option<(Metric, Labels)> {
    if let Some(cluster) =
        name.strip_prefix("cluster.").and_then(|rest| rest.strip_suffix(".upstream_rq_retry"))
    {
        return Some((Metric::Retries, Labels::from([(CLUSTER.to_owned(), cluster.to_owned())])));
    }
    let name = name.strip_prefix("wasmcustom.")?;
    let mut parts: Vec<&str> = name.split(";.;").collect();
    let metric = named(parts.pop()?)?;
    let label = |part: &str| part.split_once("=.=").map(|(key, value)| (key.to_owned(), value.to_owned()));
    Some((metric, parts.into_iter().filter_map(label).collect()))
}

/// A name of Prometheus' text and its labels; of a histogram only the buckets.
pub fn from_prometheus(name: &str, labels: &Labels) -> Option<(Metric, Labels)> {
    let (metric, inside) = from_prometheus_name(name)?;
    let mut found: Labels = inside;
    for key in LABELS.iter().chain(&[MIRROR]) {
        // Where a scraped label meets one of the target's, Prometheus puts this before the scraped one.
        let scraped = labels.get(&format!("exported_{key}")).or_else(|| labels.get(*key));
        if let Some(value) = scraped.filter(|value| !value.is_empty()) {
            found.insert((*key).to_owned(), value.clone());
        }
    }
    Some((metric, found))
}

/// What a name of Prometheus alone says. Without tag rules, the labels are in it:
/// `mirror___v2___reason___timeout___shadow_failed_total`, every character that Prometheus does not allow being `_`.
pub fn from_prometheus_name(name: &str) -> Option<(Metric, Labels)> {
    let name = SPACES.iter().find_map(|space| name.strip_prefix(space)).unwrap_or(name);
    let (metric, rest) = Metric::ALL.iter().find_map(|(metric, known)| {
        let name = if metric.is_histogram() { name.strip_suffix("_bucket")? } else { name };
        Some((*metric, name.strip_suffix(known)?))
    })?;
    Some((metric, inside(rest)?))
}

fn named(name: &str) -> Option<Metric> {
    Metric::ALL.iter().find(|(_, known)| *known == name).map(|(metric, _)| *metric)
}

/// `mirror___v2___reason___timeout___`, read from its end: a mirror's name may have `___` in it, other values have not.
fn inside(text: &str) -> Option<Labels> {
    let mut labels = Labels::new();
    let mut rest = text;
    while let Some(head) = rest.strip_suffix("___") {
        let Some((before, value)) = head.rsplit_once("___") else { break };
        let key = before.rsplit_once("___").map_or(before, |(_, key)| key);
        if !LABELS.contains(&key) {
            break;
        }
        labels.insert(key.to_owned(), value.to_owned());
        rest = before.strip_suffix(key)?;
    }
    if rest.is_empty() {
        return Some(labels);
    }
    let mirror = rest.strip_prefix("mirror___")?.strip_suffix("___")?;
    labels.insert(MIRROR.to_owned(), mirror.to_owned());
    Some(labels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_name_is_understood_in_every_form() {
        let of_v2 = labels(&[("mirror", "v2"), ("reason", "timeout")]);
        let expected = Some((Metric::Failed, of_v2.clone()));
        assert_eq!(from_envoy("wasmcustom.mirror=.=v2;.;reason=.=timeout;.;shadow_failed_total"), expected);
        assert_eq!(from_prometheus("shadow_failed_total", &of_v2), expected);
        let untagged = "mirror___v2___reason___timeout___shadow_failed_total";
        assert_eq!(from_prometheus(untagged, &Labels::new()), expected);
        assert_eq!(from_prometheus(&format!("wasmcustom_{untagged}"), &Labels::new()), expected);
        let exported =
            labels(&[("exported_mirror", "v2"), ("mirror", "job"), ("exported_reason", "timeout")]);
        assert_eq!(from_prometheus("shadow_failed_total", &exported), expected);
    }

    #[test]
    fn a_mirrors_name_may_have_underscores() {
        let name = "mirror____a___b____side___primary___class___5xx___shadow_responses_total";
        let expected = labels(&[("mirror", "_a___b_"), ("side", "primary"), ("class", "5xx")]);
        assert_eq!(from_prometheus_name(name), Some((Metric::Responses, expected)));
        let expected = labels(&[("mirror", "side"), ("side", "shadow")]);
        for unit in ["microseconds", "milliseconds"] {
            let name = format!("mirror___side___side___shadow___shadow_duration_{unit}_bucket");
            assert_eq!(from_prometheus_name(&name), Some((Metric::Duration, expected.clone())));
        }
        let name = "plugin___shadow___shadow_config_invalid";
        assert_eq!(
            from_prometheus_name(name),
            Some((Metric::ConfigInvalid, labels(&[("plugin", "shadow")])))
        );
    }

    #[test]
    fn what_belongs_to_others_is_left_alone() {
        for name in [
            "envoy_cluster_retry_or_shadow_abandoned",
            "shadow_duration_milliseconds_sum",
            "shadow_duration_milliseconds_count",
            "shadow_duration_microseconds_count",
            "my_shadow_requests_total",
            "wasm_shadow_vm_reload",
            "",
        ] {
            assert_eq!(from_prometheus_name(name), None, "{name}");
        }
        assert_eq!(from_envoy("cluster.shadow.upstream_rq_total"), None);
        let retries = Some((Metric::Retries, labels(&[("cluster", "outbound|80||a.b")])));
        assert_eq!(from_envoy("cluster.outbound|80||a.b.upstream_rq_retry"), retries);
        assert_eq!(from_envoy("wasmcustom.other_total"), None);
    }
}
