// SPDX-License-Identifier: Apache-2.0
//! Filters behind the plugin that should stand before it: what they refuse is copied, and what they change is copied as it was.

use super::manager::Manager;
use super::{Subject, finding_at, in_line};
use crate::check::filter::BodyRule;
use crate::check::finding::{Finding, Name};
use crate::check::place::Place;
use crate::check::prose;

/// They answer requests themselves.
const REFUSE: [&str; 15] = [
    "admission_control",
    "api_key_auth",
    "basic_auth",
    "cache",
    "cors",
    "csrf",
    "ext_authz",
    "fault",
    "health_check",
    "jwt_authn",
    "local_ratelimit",
    "oauth2",
    "rate_limit_quota",
    "ratelimit",
    "rbac",
];
/// They change requests.
const CHANGE: [&str; 13] = [
    "aws_request_signing",
    "credential_injector",
    "decompressor",
    "ext_proc",
    "gcp_authn",
    "golang",
    "grpc_http1_bridge",
    "grpc_http1_reverse_bridge",
    "grpc_json_reverse_transcoder",
    "grpc_json_transcoder",
    "grpc_web",
    "header_mutation",
    "lua",
];
/// These change both messages, so that answers are compared in another form than the shadow gives them.
const TRANSLATE: [&str; 4] =
    ["grpc_http1_bridge", "grpc_http1_reverse_bridge", "grpc_json_transcoder", "grpc_web"];

pub fn of(subject: &Subject<'_>, manager: &Manager<'_>) -> Vec<Finding> {
    let Some(own) = manager.filters().nth(manager.index) else { return Vec::new() };
    let mirrors: Vec<_> = subject.mirrors().collect();
    let waits = |index: usize| subject.written(index, "/send").is_some_and(|send| send == "primary_end");
    let all_wait = mirrors.iter().all(|(index, _)| waits(*index));
    let compares = mirrors.iter().any(|(_, mirror)| mirror.compare.is_some());
    let compares_bodies = mirrors
        .iter()
        .any(|(_, mirror)| mirror.compare.as_ref().is_some_and(|rules| rules.body != BodyRule::Off));
    let mut findings = Vec::new();
    for (index, filter) in manager.filters().enumerate().skip(manager.index + 1) {
        let kind = kind(&filter);
        let what = if TRANSLATE.contains(&kind.as_str()) && compares {
            "translates requests and answers, so that copies are as the client sent them and answers are compared in two forms"
        } else if CHANGE.contains(&kind.as_str()) {
            "changes requests, so that copies are as they were before"
        } else if REFUSE.contains(&kind.as_str()) && !all_wait {
            "answers some requests itself, and these are copied all the same"
        } else if kind == "compressor" && compares_bodies {
            "encodes the primary's answers before they are compared, and br and zstd cannot be"
        } else {
            continue;
        };
        let says = format!(
            "http_filters[{index}]: {kind} stands behind the filter and {what}; write it above {}{}",
            prose::quoted(own.text_at("name").unwrap_or("the filter")),
            in_line(&own)
        );
        findings.push(finding_at(Name::FilterOrder, &filter, says));
    }
    findings
}

/// `grpc_web`, by the type of its configuration, or by its name.
fn kind(filter: &Place<'_>) -> String {
    const PACKAGE: &str = "envoy.extensions.filters.http.";
    const NAME: &str = "envoy.filters.http.";
    let of_type = filter.get("typed_config").and_then(|configuration| {
        let kind = configuration.text_at("type_url").or_else(|| configuration.text_at("@type"))?;
        kind.split_once(PACKAGE)?.1.split('.').next()
    });
    let name = filter.text_at("name").unwrap_or_default();
    of_type.unwrap_or_else(|| name.strip_prefix(NAME).unwrap_or(name)).to_owned()
}
