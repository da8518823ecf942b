// SPDX-License-Identifier: Apache-2.0
//! An Envoy's admin interface.

use anyhow::anyhow;
use serde_json::Value;

use super::super::failure::{Failure, Kind};
use super::super::reading::Reading;
use super::http::{Answer, get};

/// Envoy's own buckets are ten times finer than what Prometheus is shown.
const DETAILED: &str =
    "/stats?format=json&histogram_buckets=detailed&filter=shadow_%7C%5Ecluster%5C..*%5C.upstream_rq_retry%24";
/// For an Envoy that does not know them.
const PROMETHEUS: &str = "/stats/prometheus?filter=shadow_";

pub(super) fn read(admin: &str) -> Result<Reading, Failure> {
    let (base, path) = split(admin);
    if !path.is_empty() {
        return parse(admin, ask(admin)?);
    }
    let detailed = format!("{base}{DETAILED}");
    let answer = ask(&detailed)?;
    if answer.status == 200 && answer.body.trim_start().starts_with('{') {
        return parse(&detailed, answer);
    }
    let text = format!("{base}{PROMETHEUS}");
    parse(&text, ask(&text)?)
}

/// Where plugins are configured. A dump of everything may be a hundred times as large.
const LISTENERS: [&str; 3] = ["static_listeners", "dynamic_listeners", "ecds_filters"];

/// All listeners, and what they fetch for themselves. `None` where the admin does not tell them.
pub(super) fn ask_for_configuration(admin: &str) -> Option<Value> {
    let (base, path) = split(admin);
    if !path.is_empty() {
        return None;
    }
    let mut told = Vec::new();
    for resource in LISTENERS {
        let answer = ask(&format!("{base}/config_dump?resource={resource}")).ok()?;
        // There may be none of a kind.
        if answer.status == 200 {
            told.push(serde_json::from_str(&answer.body).ok()?);
        }
    }
    Some(Value::Array(told))
}

/// Scheme and authority, and the path if there is one.
fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(start..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| start + at);
    let (base, path) = url.split_at_checked(end).unwrap_or((url, ""));
    (base, path.trim_start_matches('/'))
}

fn ask(url: &str) -> Result<Answer, Failure> {
    get(url, &[], None).map_err(|error| {
        Kind::Unreachable.of(anyhow!(
            "GET {url}: {error}\nIs this the address of Envoy's admin (`admin` in its bootstrap), and can it be reached from \
             here? In Kubernetes: kubectl port-forward POD 15000"
        ))
    })
}

fn parse(url: &str, answer: Answer) -> Result<Reading, Failure> {
    if answer.status != 200 {
        let first = answer.body.lines().next().unwrap_or_default();
        return Err(Kind::Unreachable.of(anyhow!(
            "GET {url}: status {} ({first})\nIs this the address of Envoy's admin, and not of a listener?",
            answer.status
        )));
    }
    Reading::parse(&answer.body).map_err(|error| {
        Kind::NoSuchMetrics
            .of(anyhow!("GET {url}: {error:#}\nIs this the address of Envoy's admin, and not of a listener?"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_an_admin() {
        assert_eq!(split("http://127.0.0.1:9901"), ("http://127.0.0.1:9901", ""));
        assert_eq!(split("http://[::1]:9901/"), ("http://[::1]:9901", ""));
        assert_eq!(split("http://pod:15020/stats/prometheus"), ("http://pod:15020", "stats/prometheus"));
    }
}
