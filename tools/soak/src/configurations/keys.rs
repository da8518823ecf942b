// SPDX-License-Identifier: Apache-2.0
//! Values for the optional keys of a mirror.

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

type Members = Vec<(&'static str, Option<Value>)>;

/// What decides whether a request is copied.
pub fn matching() -> impl Strategy<Value = Members> {
    let sample_by = one_of(vec![
        json!({"header": "x-soak-user"}),
        json!({"cookie": "session", "salt": "s"}),
        json!({"query": "x"}),
    ]);
    let conditions = vec![
        json!([{}]),
        json!([{"methods": ["POST"]}]),
        json!([{"path": {"prefix": "/a/1"}}, {"headers": {"content-type": {"exact": "TEXT/PLAIN", "ignore_case": true}}}]),
        json!([{"query": {"x": {"regex": "[0-9]*[02468]"}}}]),
        json!([{"headers": {"host": {"contains": "test"}, "x-none": {"present": false}}}]),
        json!([{"path": {"suffix": "7"}, "methods": ["GET", "POST"]}]),
    ];
    (sample_by, one_of(conditions.clone()), one_of(conditions)).prop_map(|(sample_by, matches, exclude)| {
        vec![("sample_by", sample_by), ("match", matches), ("exclude", exclude)]
    })
}

/// Everything else.
pub fn optional_objects() -> impl Strategy<Value = Members> {
    let authority = one_of(vec![json!("keep"), json!({"literal": "v2.test:80"}), json!({"suffix": "-b"})]);
    let path = one_of(vec![json!({"prefix": "/a", "replacement": "/v2/a"})]);
    let headers = one_of(vec![
        json!({"remove": ["cookie", "x-soak-*"]}),
        json!({"set": {"x-a": "1"}, "add": {"x-b": "2"}, "remove": ["x-c"]}),
    ]);
    let redact = one_of(vec![
        json!({"headers": ["cookie"], "query": ["a"]}),
        json!({"json": ["/user/email", "/cards/*/number"], "replacement": "none"}),
    ]);
    let body = one_of(vec![
        json!({"mode": "none"}),
        json!({"max_bytes": 0}),
        json!({"max_bytes": 1000}),
        json!({"max_bytes": 100, "on_overflow": "headers_only"}),
    ]);
    let retry = one_of(vec![json!({"attempts": 1}), json!({"attempts": 3, "per_try_timeout": "50ms"})]);
    let limits = one_of(vec![
        json!({"max_in_flight": 1}),
        json!({"max_in_flight": 20, "requests_per_second": 50}),
        json!({"requests_per_second": 0.5, "burst": 3}),
    ]);
    let breaker = one_of(vec![json!("off"), json!({"consecutive_failures": 2, "cooldown": "200ms"})]);
    let active = one_of(vec![
        json!({"from": "2020-01-01T00:00:00Z"}),
        json!({"until": "2020-01-01T00:00:00Z"}),
        json!({"from": "2020-01-01T00:00:00Z", "until": "2199-01-01T00:00:00+01:00"}),
    ]);
    let compare = one_of(vec![
        json!({}),
        json!({"headers": ["content-type"], "body": "bytes", "log_per_minute": 1}),
        json!({"body": "json", "ignore": ["/ts"], "max_body_bytes": 100, "log_places": "pattern"}),
        json!({"body": "json", "unordered": ["/**"], "log_query": true, "log_headers": ["accept"], "log_slower_than": 2}),
        json!({"body": "json", "control": {"cluster": "control"}}),
    ]);
    let first = (authority, path, headers, redact, body, retry);
    let second = (limits, breaker, active, compare, option::of(any::<bool>()));
    (first, second).prop_map(|((authority, path, headers, redact, body, retry), second)| {
        let (limits, breaker, active, compare, dry_run) = second;
        vec![
            ("authority", authority),
            ("path", path),
            ("headers", headers),
            ("redact", redact),
            ("body", body),
            ("retry", retry),
            ("limits", limits),
            ("breaker", breaker),
            ("active", active),
            ("compare", compare),
            ("dry_run", dry_run.map(Value::from)),
        ]
    })
}

/// Mostly none of them.
fn one_of(values: Vec<Value>) -> impl Strategy<Value = Option<Value>> {
    option::weighted(0.3, select(values))
}
