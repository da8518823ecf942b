// SPDX-License-Identifier: Apache-2.0
//! Configurations that roots get. Mirrors that compare are named so: no other mirror has their names.

use std::sync::LazyLock;

use serde_json::{Value, json};

/// The names of the mirrors that compare, which the books hold to more.
pub const COMPARED: [&str; 3] = ["compared", "compared-too", "compared-status"];

/// The mirror that never gets a request with `x-secret`.
pub const WITHOUT_SECRETS: &str = "without-secrets";

/// Longest timeout of all.
pub const LONGEST_TIMEOUT_SECONDS: u64 = 5;

pub struct Configuration {
    pub text: String,
    /// Of its mirrors; none where it is not valid.
    pub names: Vec<String>,
}

pub static ALL: LazyLock<Vec<Configuration>> = LazyLock::new(|| {
    let valid = valid().into_iter().map(|json| {
        let mirrors = json["mirrors"].as_array().expect("a list");
        let name = |mirror: &Value| mirror["name"].as_str().expect("a name").to_owned();
        Configuration { names: mirrors.iter().map(name).collect(), text: json.to_string() }
    });
    let invalid = ["{}", "", "{\"mirrors\": [{\"cluster\": 1}]}"];
    let invalid = invalid.map(|text| Configuration { text: text.into(), names: Vec::new() });
    valid.chain(invalid).collect()
});

fn valid() -> [Value; 10] {
    [
        json!({"mirrors": [{"cluster": "a", "name": "plain"}]}),
        json!({"annotate": true, "mirrors": [
            {"cluster": "a", "name": "compared", "compare": {"headers": ["a"], "body": "json", "max_body_bytes": 50}},
            {"cluster": "b", "name": "compared-too", "compare": {"body": "bytes"}, "timeout": "1s"},
            {"cluster": "b", "name": "compared-status", "compare": {}, "limits": {"max_in_flight": 1}},
        ]}),
        json!({"max_buffered_bytes": 3000, "mirrors": [
            {"cluster": "a", "name": "short", "body": {"max_bytes": 500}},
            {"cluster": "b", "name": "headers", "body": {"max_bytes": 900, "on_overflow": "headers_only"}},
            {"cluster": "b", "name": "bare", "body": {"mode": "none"}},
            {"cluster": "c", "name": "off", "percentage": 0},
        ]}),
        json!({"mirrors": [
            {"cluster": "a", "name": "fragile", "breaker": {"consecutive_failures": 1, "cooldown": "100ms"}},
            {"cluster": "b", "name": "slow", "limits": {"requests_per_second": 2, "burst": 1}},
            {"cluster": "c", "name": "half", "percentage": 50},
            {"cluster_header": {"name": "x-to", "allowed": ["a", "b"]}, "name": "chosen",
                "breaker": {"consecutive_failures": 2, "cooldown": "1s"}},
        ]}),
        json!({"loop_guard": false, "mirrors": [
            {"cluster": "a", "name": "redacted", "redact": {"json": ["/a"], "headers": ["x-id2"]}},
            {"cluster": "b", "name": "repeated", "retry": {"attempts": 2}, "timeout": "100ms"},
            {"cluster": "c", "name": "rehearsed", "dry_run": true, "limits": {"requests_per_second": 1}},
            {"cluster": "c", "name": WITHOUT_SECRETS, "exclude": [{"headers": {"x-secret": {"present": true}}}]},
        ]}),
        json!({"mirrors": [
            {"cluster": "a", "name": "later", "active": {"from": "1970-01-01T00:10:00Z", "until": "1970-01-01T00:20:00Z"}},
            {"cluster": "b", "name": "growing", "active": {"from": "1970-01-01T00:10:00Z"}, "ramp": {"start": 0, "over": "10m"}},
            {"cluster": "c", "name": "sticky", "percentage": 40, "sample_by": {"header": "x-user", "salt": "s"}},
        ]}),
        json!({"max_buffered_bytes": 1, "mirrors": [{"cluster": "a", "name": "nothing"}]}),
        // The same names elsewhere.
        json!({"max_buffered_bytes": 2000, "mirrors": [
            {"cluster": "b", "name": "plain", "limits": {"max_in_flight": 2}},
            {"cluster": "a", "name": "compared", "compare": {"body": "json", "ignore": ["/a"], "log_values": true, "log_per_minute": 1}},
        ]}),
        json!({"annotate": true, "max_buffered_bytes": 5000, "mirrors": [
            {"cluster": "a", "name": "late", "send": "primary_end"},
            {"cluster": "a", "name": "early"},
            {"cluster": "b", "name": "late-successes", "send": "primary_end", "match": [{"answer": {"status": ["2xx", 404]}}]},
        ]}),
        json!({"mirrors": (0..6).map(|n| json!({"cluster": "a", "name": format!("m{n}")})).collect::<Vec<_>>()}),
    ]
}
