// SPDX-License-Identifier: Apache-2.0
//! What configurations become, however they are spelled and whichever way they come.

mod conditions;
mod faults;
mod outgoing;
#[cfg(not(target_arch = "wasm32"))]
mod outgoing_properties;
mod ranges;

use std::time::Duration;

use prost::Message;
use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::{Config, MirrorConfig, SendAt};
use crate::admission::{BreakerSettings, Limits, Scope};
use crate::capture::{BodyPolicy, OnOverflow};
use crate::compare::{BodyRule, PlaceStyle, Rules};
use crate::json::{Pointer, Pointers};
use crate::select::{Conditions, Percentage, Schedule, Selection, Target};
use crate::transform::{Authority, HeaderEdits, NamePattern, Redaction, Scheme, Transform};

fn parse(json: &Value) -> Config {
    parse_text(&json.to_string())
}

fn parse_text(text: &str) -> Config {
    Config::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{text}: {faults:?}"))
}

/// The only mirror of a configuration that has one with these keys.
fn mirror(keys: Value) -> MirrorConfig {
    let mut config = parse(&json!({"mirrors": [keys]}));
    assert_eq!(config.mirrors.len(), 1);
    config.mirrors.remove(0)
}

/// The bytes that Envoy makes of a `Struct` with these fields.
fn as_struct(json: &Value) -> Vec<u8> {
    fn fields(object: &serde_json::Map<String, Value>) -> prost_types::Struct {
        let fields = object.iter().map(|(key, value)| (key.clone(), convert(value))).collect();
        prost_types::Struct { fields }
    }

    fn convert(json: &Value) -> prost_types::Value {
        use prost_types::value::Kind;
        let kind = match json {
            Value::Null => Kind::NullValue(0),
            Value::Bool(value) => Kind::BoolValue(*value),
            Value::Number(value) => Kind::NumberValue(value.as_f64().expect("a double")),
            Value::String(value) => Kind::StringValue(value.clone()),
            Value::Array(items) => {
                Kind::ListValue(prost_types::ListValue { values: items.iter().map(convert).collect() })
            }
            Value::Object(object) => Kind::StructValue(fields(object)),
        };
        prost_types::Value { kind: Some(kind) }
    }

    fields(json.as_object().expect("an object")).encode_to_vec()
}

fn default_mirror() -> MirrorConfig {
    MirrorConfig {
        name: "shadow".into(),
        select: Selection {
            target: Target::Cluster("shadow".into()),
            percentage: Percentage::ALL,
            sample_by: None,
            schedule: Schedule::default(),
            conditions: Conditions::default(),
        },
        body: BodyPolicy::Full { max_bytes: 1_048_576, on_overflow: OnOverflow::Skip },
        transform: Transform {
            marker: "shadow".into(),
            authority: Authority::Suffix(b"-shadow".to_vec()),
            scheme: Scheme::Http,
            path: None,
            headers: HeaderEdits::default(),
            redact: Redaction::default(),
            retry: None,
        },
        send: SendAt::RequestEnd,
        timeout: Duration::from_secs(5),
        limits: Limits { max_in_flight: 1024, rate: None, scope: Scope::Envoy },
        breaker: Some(BreakerSettings { consecutive_failures: 50, cooldown: Duration::from_secs(30) }),
        dry_run: false,
        compare: None,
        control: None,
    }
}

/// Configurations that use every key.
fn pointers(texts: &[&str]) -> Pointers {
    let pointers = texts.iter().map(|text| Pointer::parse(text).expect("a pointer"));
    Pointers::new(pointers.collect()).expect("not too many")
}

fn valid() -> Vec<Value> {
    vec![
        json!({"mirrors": [{"cluster": "shadow"}]}),
        json!({
            "mirrors": [{"cluster": "a"}, {"cluster": "a", "name": "again", "percentage": 0.5}],
            "loop_guard": false, "max_buffered_bytes": 1000, "annotate": true,
        }),
        json!({"mirrors": [{
            "name": "v2", "cluster": "outbound|80|v2|svc.ns.svc.cluster.local", "percentage": 33.3333,
            "authority": {"literal": "v2.test:8080"}, "timeout": "250ms", "limits": {"max_in_flight": 7, "scope": "worker"},
            "headers": {"remove": ["A", "x-*", "*"], "set": {"X-Set": "s", "b": ""}, "add": {"x-add": "ä"}},
            "body": {"mode": "full", "max_bytes": 0, "on_overflow": "headers_only"},
        }]}),
        json!({"mirrors": [
            {"cluster": "c", "authority": "keep", "scheme": "keep", "body": {"mode": "none"}, "headers": {}},
            {
                "cluster": "d", "scheme": "https", "send": "primary_end",
                "set_json": {"/model": "v\"2", "/a/*/n": [1, -0.5, true, null, {"b": {}}]},
                "match": [{"answer": {"status": ["2xx", 404]}}], "exclude": [{"answer": {"status": [204.0]}, "methods": ["PUT"]}],
            },
        ]}),
        json!({"mirrors": [
            {
                "cluster_header": {"name": "X-To", "allowed": ["a", "b"]}, "percentage": 2.5, "dry_run": true,
                "sample_by": {"cookie": "user", "salt": "1"}, "path": {"prefix": "/a", "replacement": "/b"},
                "match": [
                    {"methods": ["GET"], "path": {"regex": "/[0-9]+", "ignore_case": true}},
                    {"headers": {"x-a": {"exact": "5"}}, "query": {"b": {"present": false}}},
                ],
                "exclude": [{"path": {"suffix": ".js"}}, {}],
                "redact": {"headers": ["Cookie"], "query": ["t"], "json": ["/a/*", "", "/**/b"], "replacement": ""},
            },
            {
                "cluster": "c", "retry": {"attempts": 1, "retry_on": ["5xx"], "per_try_timeout": "1s"},
                "limits": {"requests_per_second": 0.5, "burst": 3}, "breaker": {"consecutive_failures": 5, "cooldown": "1m"},
                "active": {"from": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00.5+01:00"},
                "ramp": {"start": 0.25, "over": "23h"},
            },
            {"cluster": "d", "breaker": "off", "redact": {}, "active": {}, "exclude": []},
            {"cluster": "e", "compare": {}},
            {"cluster": "f", "compare": {
                "status": false, "headers": ["Content-Type"], "body": "json", "ignore": ["/ts", "/items/*/id"],
                "unordered": ["/tags", "/**/ids", "/**"], "max_body_bytes": 1000, "log_per_minute": 0, "log_values": true,
                "log_places": "pattern", "log_query": true, "log_headers": ["Accept", "host"], "log_slower_than": 2.5,
            }},
            {"cluster": "g", "compare": {"body": "json", "control": {"cluster": "v1"}}},
        ]}),
        json!({"mirrors": [{"cluster": "c", "authority": {"suffix": ".v2"}, "body": {}, "limits": {}}]}),
    ]
}

#[test]
fn the_smallest_useful_one_has_the_defaults_of_the_contract() {
    assert_eq!(
        parse_text(r#"{"mirrors": [{"cluster": "shadow"}]}"#),
        Config {
            mirrors: vec![default_mirror()],
            loop_guard: true,
            max_buffered_bytes: 33_554_432,
            annotate: false,
        }
    );
}

#[test]
fn every_key_says_what_it_says() {
    let config = parse(&valid()[1]);
    assert_eq!((config.loop_guard, config.max_buffered_bytes, config.annotate), (false, 1000, true));
    assert_eq!(config.mirrors[0].name, "a");
    assert_eq!(config.mirrors[1].name, "again");
    assert_eq!(config.mirrors[1].select.percentage, Percentage::from_percent(0.5).expect("valid"));
    let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    assert_eq!(
        parse(&valid()[2]).mirrors,
        [MirrorConfig {
            name: "v2".into(),
            select: Selection {
                target: Target::Cluster("outbound|80|v2|svc.ns.svc.cluster.local".into()),
                percentage: Percentage::from_percent(33.3333).expect("valid"),
                ..default_mirror().select
            },
            body: BodyPolicy::Full { max_bytes: 0, on_overflow: OnOverflow::HeadersOnly },
            transform: Transform {
                marker: "v2".into(),
                authority: Authority::Literal(b"v2.test:8080".to_vec()),
                headers: HeaderEdits {
                    remove: vec![
                        NamePattern::Name(b"a".to_vec()),
                        NamePattern::Prefix(b"x-".to_vec()),
                        NamePattern::Prefix(Vec::new()),
                    ],
                    // In the order of the document, which is that of the keys here.
                    set: vec![pair("x-set", "s"), pair("b", "")],
                    add: vec![pair("x-add", "ä")],
                },
                ..default_mirror().transform
            },
            timeout: Duration::from_millis(250),
            limits: Limits { max_in_flight: 7, rate: None, scope: Scope::Worker },
            ..default_mirror()
        }]
    );
    assert_eq!(parse(&valid()[4]).mirrors[3].compare, Some(Rules::default()));
    assert_eq!(
        parse(&valid()[4]).mirrors[4].compare,
        Some(Rules {
            status: false,
            headers: vec!["content-type".into()],
            body: BodyRule::Json,
            ignore: pointers(&["/ts", "/items/*/id"]),
            unordered: pointers(&["/tags", "/**/ids", "/**"]),
            max_body_bytes: 1000,
            log_per_minute: 0,
            log_values: true,
            log_places: PlaceStyle::Pattern,
            log_query: true,
            log_headers: vec!["accept".into(), "host".into()],
            log_slower_than: Some(250),
        })
    );
    assert_eq!(parse(&valid()[4]).mirrors[4].control, None);
    assert_eq!(parse(&valid()[4]).mirrors[5].control, Some("v1".into()));
    let keep = mirror(json!({"cluster": "shadow", "authority": "keep", "body": {"mode": "none"}}));
    let with = |authority| Transform { authority, ..default_mirror().transform };
    let transform = with(Authority::Keep);
    assert_eq!(keep, MirrorConfig { transform, body: BodyPolicy::None, ..default_mirror() });
    let suffix = mirror(json!({"cluster": "shadow", "authority": {"suffix": ".v2"}}));
    let transform = with(Authority::Suffix(b".v2".to_vec()));
    assert_eq!(suffix, MirrorConfig { transform, ..default_mirror() });
}

#[test]
fn empty_objects_are_the_defaults() {
    let mirror = mirror(json!({"cluster": "shadow", "headers": {}, "body": {}, "limits": {}}));
    assert_eq!(mirror, default_mirror());
}

#[test]
fn a_struct_says_the_same_as_json() {
    for json in valid() {
        let from_struct = Config::parse(&as_struct(&json));
        // Its fields have no order; that of the header edits does not matter to a copy but to this comparison.
        let sorted = |mut config: Config| {
            config.mirrors.iter_mut().for_each(|mirror| {
                mirror.transform.headers.set.sort();
                mirror.transform.headers.add.sort();
            });
            config
        };
        assert_eq!(from_struct.map(sorted), Ok(sorted(parse(&json))), "{json}");
    }
}

#[test]
fn faults_of_a_struct_are_those_of_json() {
    let json = json!({"mirrors": [{"percentage": 120, "timeout": null}], "anotate": true});
    let faults = |bytes: &[u8]| {
        let faults = Config::parse(bytes).expect_err("invalid");
        let mut lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        lines.sort();
        lines
    };
    assert_eq!(faults(&as_struct(&json)), faults(json.to_string().as_bytes()));
}
