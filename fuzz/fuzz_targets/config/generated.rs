// SPDX-License-Identifier: Apache-2.0
//! Configurations with any of the keys that must be accepted, and the same with one thing wrong that must be refused.

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// A valid configuration. Each key is there or not.
pub fn valid(rng: &mut Rng) -> Value {
    let mirrors: Vec<_> = (0..rng.usize(0..4)).map(|index| mirror(rng, index)).collect();
    let all = json!({
        "loop_guard": rng.bool(),
        "annotate": rng.bool(),
        "max_buffered_bytes": rng.u32(1..=268_435_456),
    });
    let mut config = some(rng, all, &[]);
    config["mirrors"] = mirrors.into();
    config
}

/// Some of an object's members, and those that must be there.
fn some(rng: &mut Rng, all: Value, required: &[&str]) -> Value {
    let Value::Object(all) = all else { panic!("an object") };
    all.into_iter()
        .filter(|(key, _)| required.contains(&key.as_str()) || rng.u8(..3) == 0)
        .collect::<Map<_, _>>()
        .into()
}

fn pick<T: Clone>(rng: &mut Rng, items: &[T]) -> T {
    items[rng.usize(..items.len())].clone()
}

fn mirror(rng: &mut Rng, index: usize) -> Value {
    let percentage =
        pick(rng, &[json!(100), json!(12.5), json!(0.0001), json!(50.0), json!(5e1), json!(33.333_333)]);
    let matcher = matcher(rng);
    let condition = json!({
        "methods": ["GET", "post"],
        "path": matcher,
        "headers": {"X-A": {"present": true}, "host": {"suffix": ".test", "ignore_case": true}},
        "query": {"user": {"regex": "[a-z]+"}},
    });
    let (one, two) = (some(rng, condition.clone(), &[]), some(rng, condition, &["query"]));
    let sample_by = pick(
        rng,
        &[
            json!({"header": "X-User"}),
            json!({"cookie": "session", "salt": "s"}),
            json!({"query": "user", "salt": ""}),
        ],
    );
    let authority = pick(rng, &[json!("keep"), json!({"suffix": ".b"}), json!({"literal": "v2.test:80"})]);
    let headers =
        json!({"remove": ["X-Internal-*", "cookie"], "set": {"X-Set": "1", "b": ""}, "add": {"x-add": "é"}});
    let redact = json!({"headers": ["Authorization"], "query": ["token"], "json": ["/user/email", "/cards/*/number", "/**/password"], "replacement": "-"});
    let body = json!({"mode": pick(rng, &["full", "none"]), "max_bytes": rng.u32(..=268_435_456), "on_overflow": pick(rng, &["skip", "headers_only"])});
    let limits = json!({"max_in_flight": rng.u32(1..=1_000_000), "requests_per_second": pick(rng, &[0.5, 1.0, 1000.0]), "burst": rng.u32(1..=1000)});
    let breaker = json!({"consecutive_failures": rng.u32(1..=1000), "cooldown": "1m"});
    let compare = json!({
        "status": true, "headers": ["Content-Type"], "body": pick(rng, &["off", "bytes", "json"]), "ignore": ["/ts", "/items/*/id", "/**/a"],
        "max_body_bytes": rng.u32(1..=1_048_576), "log_per_minute": rng.u32(..=1000), "log_values": rng.bool(),
        "log_places": pick(rng, &["exact", "pattern"]), "unordered": ["/**", "/tags"], "log_query": rng.bool(),
        "log_headers": ["Accept", "host"], "log_slower_than": pick(rng, &[json!(1.5), json!(1000)]),
    });
    let name = format!("m_{index}-A");
    let all = json!({
        "percentage": percentage,
        "sample_by": sample_by,
        "match": [one, two],
        "exclude": pick(rng, &[json!([]), json!([{}])]),
        "authority": authority,
        "path": {"prefix": "/api", "replacement": "/v2/api"},
        "headers": some(rng, headers, &[]),
        "redact": some(rng, redact, &[]),
        "body": some(rng, body, &[]),
        "timeout": pick(rng, &["250ms", "5s", "1h", "2m", "0.25s", "1m30s"]),
        "limits": if rng.bool() { limits } else { json!({"max_in_flight": 1, "scope": pick(rng, &["envoy", "worker"])}) },
        "breaker": if rng.bool() { some(rng, breaker, &[]) } else { json!("off") },
        "dry_run": rng.bool(),
        "compare": some(rng, compare, &["status"]),
    });
    let mut mirror = some(rng, all, &[]);
    mirror["name"] = name.into();
    if rng.bool() {
        mirror["cluster"] = pick(rng, &["shadow", "outbound|80|v2|host"]).into();
    } else {
        mirror["cluster_header"] = json!({"name": "X-To", "allowed": ["a", "b"]});
    }
    if rng.u8(..3) == 0 {
        mirror["retry"] =
            json!({"attempts": rng.u8(1..=10), "per_try_timeout": "250ms", "retry_on": ["5xx", "reset"]});
    }
    if rng.u8(..3) == 0 {
        mirror["active"] = json!({"from": "2026-11-21T09:00:00Z", "until": "2026-11-21T10:00:00.5-02:00"});
        if rng.bool() {
            mirror["ramp"] = json!({"start": 0, "over": "30m"});
        }
    }
    mirror
}

fn matcher(rng: &mut Rng) -> Value {
    let key = pick(rng, &["exact", "prefix", "suffix", "contains", "regex"]);
    if rng.bool() { json!({key: "/a", "ignore_case": rng.bool()}) } else { json!({key: ""}) }
}

/// Makes one thing wrong, and gives the path that a fault must have, or begin with.
pub fn spoil(config: &mut Value, rng: &mut Rng) -> String {
    let has_mirrors = config["mirrors"].as_array().is_some_and(|mirrors| !mirrors.is_empty());
    if rng.bool() || !has_mirrors {
        return spoil_value(config, rng);
    }
    // (where in the first mirror, what is not allowed there)
    let wrong: [(&str, Value); 39] = [
        ("percentage", json!(100.5)),
        ("percentage", json!(-1)),
        ("percentage", json!("50")),
        ("name", json!("")),
        ("name", json!("a b")),
        ("name", json!("x".repeat(65))),
        ("cluster", json!("")),
        ("timeout", json!("0s")),
        ("timeout", json!("61m")),
        ("timeout", json!("5")),
        ("timeout", json!("-5s")),
        ("limits.max_in_flight", json!(0)),
        ("limits.max_in_flight", json!(1.5)),
        ("limits.burst", json!(0)),
        ("limits.requests_per_second", json!(0)),
        ("breaker.consecutive_failures", json!(0)),
        ("breaker.cooldown", json!("0ms")),
        ("body.max_bytes", json!(-1)),
        ("body.mode", json!("half")),
        ("body.on_overflow", json!("cut")),
        ("authority", json!("drop")),
        ("authority", json!({"suffix": "a", "literal": "b"})),
        ("path", json!({"prefix": "/a"})),
        ("headers.set", json!({":path": "/"})),
        ("headers.set", json!({"x-shadow-mirror": "me"})),
        ("headers.add", json!({"a": "b\nc: d"})),
        ("headers.remove", json!(["a b"])),
        ("redact.json", json!(["email"])),
        ("redact.query", json!([""])),
        ("sample_by", json!({"header": "a", "cookie": "b"})),
        ("sample_by", json!({"salt": "s"})),
        ("match", json!([{"path": {"exact": "/", "prefix": "/"}}])),
        ("exclude", json!([{"path": {"regex": "("}}])),
        ("active", json!({"from": "2026-11-21T09:00:00Z", "until": "2026-11-21T09:00:00Z"})),
        ("compare.body", json!("xml")),
        ("compare.ignore", json!(["/a/**"])),
        ("compare.log_headers", json!(["Authorization"])),
        ("compare.log_slower_than", json!(1)),
        ("retry", json!({"attempts": 0})),
    ];
    let (at, value) = pick(rng, &wrong);
    let mirror = &mut config["mirrors"][0];
    match at.split_once('.') {
        Some((outer, inner)) => {
            if !mirror[outer].is_object() {
                mirror[outer] = json!({});
            }
            mirror[outer][inner] = value;
        }
        None => mirror[at] = value,
    }
    // The key beside it would be what is wrong then.
    if at == "cluster" {
        mirror.as_object_mut().map(|mirror| mirror.remove("cluster_header"));
    }
    let at = at.split('.').next().unwrap_or(at);
    format!("mirrors[0].{at}")
}

/// Puts something of another type, nothing, or an unknown key somewhere.
fn spoil_value(config: &mut Value, rng: &mut Rng) -> String {
    let (mut path, mut place) = (String::new(), config);
    loop {
        let deeper = rng.u8(..5) > 0 || path.is_empty();
        match place {
            Value::Object(members) if deeper && !members.is_empty() => {
                let key = members.keys().nth(rng.usize(..members.len())).expect("there is one").clone();
                path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                place = &mut place[&key];
            }
            Value::Array(items) if deeper && !items.is_empty() => {
                let index = rng.usize(..items.len());
                path = format!("{path}[{index}]");
                place = &mut place[index];
            }
            _ => break,
        }
    }
    let is_named = ["set", "add", "headers", "query"].iter().any(|name| path.ends_with(name));
    match place {
        Value::Object(members) if rng.bool() && !is_named => drop(members.insert("bogus".into(), json!(1))),
        place if rng.bool() => *place = Value::Null,
        Value::Number(_) => *place = true.into(),
        place => *place = 7.into(),
    }
    path
}
