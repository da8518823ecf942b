// SPDX-License-Identifier: Apache-2.0
//! The keys of a configuration, object by object. What is not listed here is refused.

pub const TOP: &[&str] = &["mirrors", "loop_guard", "max_buffered_bytes", "annotate"];
pub const MIRROR: &[&str] = &[
    "name",
    "cluster",
    "cluster_header",
    "percentage",
    "sample_by",
    "match",
    "exclude",
    "authority",
    "scheme",
    "path",
    "headers",
    "redact",
    "set_json",
    "body",
    "send",
    "timeout",
    "retry",
    "limits",
    "breaker",
    "active",
    "ramp",
    "dry_run",
    "compare",
];
pub const CLUSTER_HEADER: &[&str] = &["name", "allowed"];
pub const SAMPLE_BY: &[&str] = &["header", "cookie", "query", "salt"];
pub const CONDITION: &[&str] = &["methods", "path", "headers", "query", "answer"];
pub const ANSWER: &[&str] = &["status"];
pub const MATCHER: &[&str] = &["exact", "prefix", "suffix", "contains", "regex", "present", "ignore_case"];
pub const AUTHORITY: &[&str] = &["suffix", "literal"];
pub const HEADERS: &[&str] = &["remove", "set", "add"];
pub const PATH: &[&str] = &["prefix", "regex", "replacement"];
pub const REDACT: &[&str] = &["headers", "query", "json", "replacement"];
pub const BODY: &[&str] = &["mode", "max_bytes", "on_overflow"];
pub const RETRY: &[&str] = &["attempts", "retry_on", "per_try_timeout"];
pub const LIMITS: &[&str] = &["max_in_flight", "requests_per_second", "burst", "scope"];
pub const BREAKER: &[&str] = &["consecutive_failures", "cooldown"];
pub const ACTIVE: &[&str] = &["from", "until"];
pub const RAMP: &[&str] = &["start", "over"];
pub const COMPARE: &[&str] = &[
    "status",
    "headers",
    "body",
    "ignore",
    "unordered",
    "max_body_bytes",
    "log_per_minute",
    "log_values",
    "log_places",
    "log_query",
    "log_headers",
    "log_slower_than",
    "control",
];
pub const CONTROL: &[&str] = &["cluster"];

/// Every object, under the path by which the documentation names its keys.
pub const OBJECTS: &[(&str, &[&str])] = &[
    ("", TOP),
    ("mirrors[]", MIRROR),
    ("mirrors[].cluster_header", CLUSTER_HEADER),
    ("mirrors[].sample_by", SAMPLE_BY),
    ("mirrors[].match[]", CONDITION),
    ("mirrors[].match[].path", MATCHER),
    ("mirrors[].match[].answer", ANSWER),
    ("mirrors[].authority", AUTHORITY),
    ("mirrors[].path", PATH),
    ("mirrors[].headers", HEADERS),
    ("mirrors[].redact", REDACT),
    ("mirrors[].body", BODY),
    ("mirrors[].retry", RETRY),
    ("mirrors[].limits", LIMITS),
    ("mirrors[].breaker", BREAKER),
    ("mirrors[].active", ACTIVE),
    ("mirrors[].ramp", RAMP),
    ("mirrors[].compare", COMPARE),
    ("mirrors[].compare.control", CONTROL),
];
