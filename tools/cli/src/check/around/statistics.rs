// SPDX-License-Identifier: Apache-2.0
//! Whether Prometheus will see labels, and latencies in buckets that tell something.

use regex::Regex;

use super::{Subject, finding_at};
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::prose;

/// Each label, and the name of a metric that has it.
const LABELS: [(&str, &str); 8] = [
    ("mirror", "mirror=.=v2;.;shadow_sent_total"),
    ("reason", "mirror=.=v2;.;reason=.=timeout;.;shadow_failed_total"),
    ("side", "mirror=.=v2;.;side=.=shadow;.;class=.=2xx;.;shadow_responses_total"),
    ("class", "mirror=.=v2;.;side=.=shadow;.;class=.=2xx;.;shadow_responses_total"),
    ("status", "mirror=.=v2;.;side=.=shadow;.;status=.=OK;.;shadow_grpc_responses_total"),
    ("result", "mirror=.=v2;.;result=.=match;.;shadow_comparisons_total"),
    ("kind", "mirror=.=v2;.;kind=.=status;.;shadow_differences_total"),
    ("plugin", "plugin=.=shadow;.;shadow_config_invalid"),
];
/// Only mirrors that compare have them.
const COMPARED: [&str; 2] = ["result", "kind"];
const HISTOGRAM: &str = "wasmcustom.mirror=.=v2;.;side=.=shadow;.;shadow_duration_microseconds";

pub fn of(subject: &Subject<'_>) -> Vec<Finding> {
    // Only a bootstrap says how statistics are told.
    let root = subject.document().filter(|root| root.get("static_resources").is_some());
    let Some(root) = root else { return Vec::new() };
    let place = root.get("stats_config");
    let place = place.as_ref();
    [tags(subject, &root, place), buckets(&root, place)].into_iter().flatten().collect()
}

fn tags(subject: &Subject<'_>, root: &Place<'_>, stats: Option<&Place<'_>>) -> Option<Finding> {
    let compares = subject.mirrors().any(|(_, mirror)| mirror.compare.is_some());
    let rules: Vec<_> = stats.into_iter().flat_map(|stats| stats.list("stats_tags")).collect();
    let is_read = |label: &str, metric: &str| {
        rules.iter().any(|rule| rule.text_at("tag_name") == Some(label) && reads(rule, metric))
    };
    let wanted = LABELS.iter().filter(|(label, _)| compares || !COMPARED.contains(label));
    let missing: Vec<_> =
        wanted.filter(|(label, metric)| !is_read(label, metric)).map(|(label, _)| *label).collect();
    if missing.is_empty() {
        return None;
    }
    let names: Vec<_> = missing.iter().map(|label| (*label).to_owned()).collect();
    let lines: String = missing.iter().map(|label| format!("\n      {}", rule(label))).collect();
    let says = format!(
        "stats_config.stats_tags: no rule makes a label of {}, so it stays in the metrics' names; write there{lines}",
        prose::list(&names, "and")
    );
    Some(finding_at(Name::Tags, stats.unwrap_or(root), says))
}

/// As in the shipped bootstraps.
fn rule(label: &str) -> String {
    format!(r"- {{ tag_name: {label}, regex: '^wasmcustom\.(?:.*;\.;)?({label}=\.=(.*?);\.;)' }}")
}

/// Whether a rule takes its label out of a metric's name. One without an expression is Envoy's own.
fn reads(rule: &Place<'_>, metric: &str) -> bool {
    let expression = rule.text_at("regex").and_then(|expression| Regex::new(expression).ok());
    expression.is_some_and(|expression| expression.is_match(&format!("wasmcustom.{metric}")))
}

fn buckets(root: &Place<'_>, stats: Option<&Place<'_>>) -> Option<Finding> {
    let mut settings = stats.into_iter().flat_map(|stats| stats.list("histogram_bucket_settings"));
    if settings.any(|setting| setting.get("match").is_some_and(|matcher| matches(&matcher, HISTOGRAM))) {
        return None;
    }
    let says = "stats_config.histogram_bucket_settings: none for shadow_duration_microseconds, and Envoy's own buckets are meant for \
                milliseconds; write - { match: { suffix: shadow_duration_microseconds }, buckets: [100, 120, … 60000000] }, the whole list \
                is in envoy/envoy.yaml";
    Some(finding_at(Name::Buckets, stats.unwrap_or(root), says.to_owned()))
}

/// A `StringMatcher`.
fn matches(matcher: &Place<'_>, name: &str) -> bool {
    let fold = |text: &str| match matcher.get("ignore_case").is_some_and(|place| place.value() == true) {
        true => text.to_ascii_lowercase(),
        false => text.to_owned(),
    };
    let name = fold(name);
    let is = |key: &str, test: fn(&str, &str) -> bool| {
        matcher.text_at(key).is_some_and(|text| test(&name, &fold(text)))
    };
    let expression = matcher.at(&["safe_regex", "regex"]).and_then(|place| place.text());
    is("exact", |name, text| name == text)
        || is("prefix", |name, text| name.starts_with(text))
        || is("suffix", |name, text| name.ends_with(text))
        || is("contains", |name, text| name.contains(text))
        || expression
            .and_then(|text| Regex::new(&format!("^(?:{text})$")).ok())
            .is_some_and(|regex| regex.is_match(&name))
}
