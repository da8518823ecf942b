// SPDX-License-Identifier: Apache-2.0
//! `envoy/config.schema.json` and the code say the same: which configurations are valid, which keys there are, and what
//! their defaults are.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::{Map, Value, json};
use shadow_filter::capture::MAX_BODY_BYTES;
use shadow_filter::config::{Config, keys};

/// What is refused, each configuration with its faults on the indented lines below it.
const FAULTS: &str = include_str!("../src/config/tests/faults.txt");

/// What a schema cannot say: a configuration is only listed if the code refuses it and the schema does not.
const INEXPRESSIBLE: &[(&str, &str)] = &[
    ("found the key a second time", "a reader of JSON keeps one of two keys before the schema sees them"),
    ("found the header a second time", "property names are compared with case"),
    ("found a cluster of the shadow", "two values cannot be compared"),
    ("found a control, which gets a name", "two values cannot be compared"),
    ("found the name", "uniqueItems compares whole items, and knows no default"),
    ("found a text that is no regular expression", "the format regex is that of ECMA-262"),
    ("found a pointer to, into or around", "two pointers cannot be compared"),
    ("found a pointer into a value that redact.json hides", "two pointers cannot be compared"),
    ("expected numbers of at most 15 digits", "the digits of a number cannot be counted"),
    ("found group", "the groups of an expression cannot be counted"),
    ("found an end that is not after the beginning", "two values cannot be compared"),
    ("expected at most the mirror's percentage", "two values cannot be compared"),
    ("expected at most the mirror's timeout", "two values cannot be compared"),
    ("found too many parts", "a schema does not count across items"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn schema() -> Value {
    let text = fs::read_to_string(root().join("envoy/config.schema.json")).expect("the schema");
    serde_json::from_str(&text).expect("JSON")
}

fn validator() -> Validator {
    jsonschema::draft202012::new(&schema()).expect("a schema of draft 2020-12")
}

/// Configurations that the code refuses, with its faults.
fn refused() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut cases: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in FAULTS.lines() {
        match line.strip_prefix("    ") {
            Some(fault) => cases.last_mut().expect("a configuration above its faults").1.push(fault),
            None => cases.push((line, Vec::new())),
        }
    }
    cases
}

fn reason(fault: &str) -> Option<&'static str> {
    // A name that is no header's has no number behind it, and a schema can say so.
    let twice = |words: &str| words != "found the name" || fault.contains("a second time");
    INEXPRESSIBLE.iter().find(|(words, _)| fault.contains(words) && twice(words)).map(|(_, reason)| *reason)
}

#[test]
fn it_is_a_schema() {
    assert!(jsonschema::draft202012::meta::is_valid(&schema()));
}

#[test]
fn what_the_code_refuses_it_refuses() {
    let validator = validator();
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (text, faults) in refused() {
        let Ok(json) = serde_json::from_str::<Value>(text) else { continue };
        let beyond: Vec<_> = faults.iter().map(|fault| reason(fault)).collect();
        used.extend(beyond.iter().flatten());
        let expressible = beyond.iter().any(Option::is_none);
        if validator.is_valid(&json) == expressible {
            wrong.push(format!("refused by the schema should be {expressible}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let reasons: BTreeSet<_> = INEXPRESSIBLE.iter().map(|(_, reason)| *reason).collect();
    assert_eq!(used, reasons, "each reason is needed");
}

#[test]
fn what_the_code_takes_it_takes() {
    let validator = validator();
    let mut found = 0;
    for json in taken() {
        Config::parse(json.to_string().as_bytes()).unwrap_or_else(|faults| panic!("{json}: {faults:?}"));
        let errors: Vec<_> =
            validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{json}\n{errors:#?}");
        found += 1;
    }
    assert!(found >= 30, "{found} configurations");
}

/// At the ends of ranges, where two descriptions of them differ first.
#[test]
fn both_agree_on_the_ends_of_every_range() {
    let validator = validator();
    for (pointer, good, bad) in ends() {
        for (value, expected) in
            good.iter().map(|value| (value, true)).chain(bad.iter().map(|value| (value, false)))
        {
            let mut json = json!({"mirrors": [{"cluster": "c"}]});
            let mirror = json.pointer_mut("/mirrors/0").expect("a mirror");
            put(mirror, pointer, value.clone());
            assert_eq!(Config::parse(json.to_string().as_bytes()).is_ok(), expected, "the code on {json}");
            assert_eq!(validator.is_valid(&json), expected, "the schema on {json}");
        }
    }
}

#[test]
fn it_has_every_key_and_no_other() {
    let schema = schema();
    for (path, keys) in keys::OBJECTS {
        let object = at(&schema, path);
        assert_eq!(object.get("additionalProperties"), Some(&json!(false)), "{path}");
        let properties = object.get("properties").and_then(Value::as_object).expect("properties");
        let expected: BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(properties.keys().map(String::as_str).collect::<BTreeSet<_>>(), expected, "{path}");
        for (key, property) in properties {
            assert!(property.get("description").is_some(), "{path}.{key} has no description");
            let has_example = property.get("examples").is_some();
            let speaks_for_itself = property.get("type") == Some(&json!("boolean")) || key == "mirrors";
            assert!(has_example || speaks_for_itself, "{path}.{key} has no example");
        }
    }
}

#[test]
fn its_defaults_are_those_of_the_code() {
    let schema = schema();
    for (path, keys) in keys::OBJECTS {
        for key in *keys {
            let Some(default) = at(&schema, path).pointer(&format!("/properties/{key}/default")) else {
                continue;
            };
            let (without, with) = around(path, key, default);
            let parse = |json: &Value| Config::parse(json.to_string().as_bytes());
            assert!(parse(&without).is_ok(), "{without}");
            assert_eq!(parse(&with), parse(&without), "{path}.{key}");
        }
    }
}

#[test]
fn its_examples_are_valid() {
    let schema = schema();
    let validator = validator();
    for (path, keys) in keys::OBJECTS {
        for key in *keys {
            let examples = at(&schema, path).pointer(&format!("/properties/{key}/examples"));
            for example in examples.and_then(Value::as_array).into_iter().flatten() {
                let (_, mut json) = around(path, key, example);
                if *key == "cluster_header" {
                    json = json!({"mirrors": [{"cluster_header": example}]});
                }
                Config::parse(json.to_string().as_bytes())
                    .unwrap_or_else(|faults| panic!("{json}: {faults:?}"));
                assert!(validator.is_valid(&json), "{json}");
            }
        }
    }
}

/// The schema of the object that the documentation names by this path.
fn at<'a>(schema: &'a Value, path: &str) -> &'a Value {
    let mut node = schema;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let key = part.trim_end_matches("[]");
        node = resolve(schema, node.pointer(&format!("/properties/{key}")).expect(path));
        if part.ends_with("[]") {
            node = resolve(schema, node.get("items").expect(path));
        }
        // "keep" and "off" stand beside an object.
        if let Some(choices) = node.get("oneOf").and_then(Value::as_array)
            && let Some(object) = choices.iter().find(|choice| choice.get("properties").is_some())
        {
            node = object;
        }
    }
    node
}

fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    match node.get("$ref").and_then(Value::as_str) {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')).expect("a definition"),
        None => node,
    }
}

/// A configuration without a key, but with all that the key needs beside it, and the same with it.
fn around(path: &str, key: &str, value: &Value) -> (Value, Value) {
    let beside: &[(&str, Value)] = &[
        ("mirrors[].cluster_header", json!({"name": "x-to", "allowed": ["a"]})),
        ("mirrors[].sample_by", if key == "salt" { json!({"header": "x-user"}) } else { json!({}) }),
        ("mirrors[].match[].path", if key == "ignore_case" { json!({"exact": "a"}) } else { json!({}) }),
        (
            "mirrors[].path",
            if key == "regex" {
                json!({"replacement": "/b"})
            } else {
                json!({"prefix": "/a", "replacement": "/b"})
            },
        ),
        ("mirrors[].retry", json!({"attempts": 1})),
        ("mirrors[].limits", if key == "burst" { json!({"requests_per_second": 1}) } else { json!({}) }),
        ("mirrors[].ramp", json!({"start": 1, "over": "1h"})),
    ];
    let object = beside.iter().find(|(of, _)| *of == path).map_or(json!({}), |(_, object)| object.clone());
    let build = |object: Value| match path {
        "" => merged(json!({"mirrors": [{"cluster": "c"}]}), object),
        "mirrors[]" => {
            let mut mirror = json!({"cluster": "c"});
            if key == "ramp" {
                mirror = json!({"cluster": "c", "active": {"from": "2026-01-01T00:00:00Z"}});
            }
            json!({"mirrors": [merged(mirror, object)]})
        }
        "mirrors[].cluster_header" => json!({"mirrors": [{"cluster_header": object}]}),
        "mirrors[].match[]" => {
            json!({"mirrors": [{"cluster": "c", "send": "primary_end", "match": [object]}]})
        }
        "mirrors[].match[].answer" => {
            json!({"mirrors": [{"cluster": "c", "send": "primary_end", "match": [{"answer": object}]}]})
        }
        "mirrors[].match[].path" => json!({"mirrors": [{"cluster": "c", "match": [{"path": object}]}]}),
        "mirrors[].ramp" => json!({"mirrors": [{
            "cluster": "c", "active": {"from": "2026-01-01T00:00:00Z"}, "ramp": object,
        }]}),
        "mirrors[].authority" if object == json!({}) => json!({"mirrors": [{"cluster": "c"}]}),
        "mirrors[].compare.control" => {
            json!({"mirrors": [{"cluster": "c", "compare": {"control": object}}]})
        }
        _ => {
            let name = path.trim_start_matches("mirrors[].");
            let member = Map::from_iter([("cluster".to_owned(), json!("c")), (name.to_owned(), object)]);
            json!({"mirrors": [member]})
        }
    };
    let with = merged(object.clone(), Value::Object(Map::from_iter([(key.to_owned(), value.clone())])));
    (build(object), build(with))
}

fn merged(mut base: Value, more: Value) -> Value {
    let (Some(base_object), Value::Object(more)) = (base.as_object_mut(), more) else {
        panic!("two objects")
    };
    base_object.extend(more);
    base
}

/// Puts a value at a path of keys, making objects on the way.
fn put(mut node: &mut Value, path: &str, value: Value) {
    for key in path.split('.') {
        node = node.as_object_mut().expect("an object").entry(key).or_insert_with(|| json!({}));
    }
    *node = value;
}

type End = (&'static str, Vec<Value>, Vec<Value>);

/// Keys of a mirror, with values just inside and just outside of what is allowed.
fn ends() -> Vec<End> {
    let text = |length: usize| json!("a".repeat(length));
    let many = |length: usize| json!(vec!["a"; length]);
    let values =
        |length: usize| (0..length).map(|i| (format!("x-{i}"), json!("v"))).collect::<Map<_, _>>().into();
    let durations = [
        "1ms",
        "3600000ms",
        "3599999ms",
        "3600s",
        "60m",
        "1h",
        "01s",
        "000001h",
        "0.25s",
        "1m30s",
        "0.5h",
        "59m59.9s1ms",
    ];
    let no_durations = [
        "0s",
        "3600001ms",
        "4000000ms",
        "3601s",
        "61m",
        "2h",
        "",
        "1d",
        "1s\n",
        "+1s",
        "0.0s",
        "1.s",
        ".5s",
        "1s1m",
        "1s1s",
    ];
    let strings = |texts: &[&str]| texts.iter().map(|text| json!(text)).collect::<Vec<_>>();
    let remove = |texts: &[&str]| texts.iter().map(|text| json!([text])).collect::<Vec<_>>();
    let set = |names: &[&str]| names.iter().map(|name| json!({*name: "v"})).collect::<Vec<_>>();
    let from = |times: &[&str]| times.iter().map(|time| json!({"from": time})).collect::<Vec<_>>();
    vec![
        ("name", vec![text(1), text(64), json!("A_-9")], vec![text(0), text(65), json!("a b"), json!("a\n")]),
        ("cluster", strings(&["a", "é|x y"]), strings(&["", "a\u{85}", "a\u{7f}", "\n"])),
        ("compare.control.cluster", strings(&["a", "é|x y"]), strings(&["", "a\u{85}", "a\u{7f}", "\n"])),
        (
            "percentage",
            vec![json!(0), json!(100), json!(100.0), json!(0.0001), json!(33.333_333_3)],
            vec![json!(-0.0001), json!(100.0001)],
        ),
        ("timeout", strings(&durations), strings(&no_durations)),
        ("breaker.cooldown", strings(&durations), strings(&no_durations)),
        (
            "breaker.consecutive_failures",
            vec![json!(1), json!(1e6)],
            vec![json!(0), json!(1_000_001), json!(1.5)],
        ),
        (
            "limits.max_in_flight",
            vec![json!(1), json!(1_000_000), json!(2.0)],
            vec![json!(0), json!(1_000_001)],
        ),
        ("limits.requests_per_second", vec![json!(0.001), json!(1e6)], vec![json!(0.0009), json!(1_000_001)]),
        ("body.max_bytes", vec![json!(0), json!(MAX_BODY_BYTES)], vec![json!(-1), json!(MAX_BODY_BYTES + 1)]),
        (
            "authority.literal",
            vec![text(255), json!("[::1]:80")],
            vec![text(0), text(256), json!("é"), json!("a\n")],
        ),
        (
            "path",
            vec![json!({"prefix": "/", "replacement": format!("/{}", "a".repeat(1023))})],
            vec![
                json!({"prefix": "/", "replacement": format!("/{}", "a".repeat(1024))}),
                json!({"prefix": "/#", "replacement": "/"}),
                json!({"prefix": "/é", "replacement": "/"}),
            ],
        ),
        ("headers.remove", remove(&["*", "a*", "X-a", "~"]), remove(&["", "**", "a**", "*a", "a:", "a\n"])),
        (
            "headers.set",
            set(&["te2", "x-envoy", "Hosts"]),
            set(&["TE", "HoSt", "X-Envoy-", "content-Length", "Keep-Alive", "a\n"]),
        ),
        (
            "headers.add",
            vec![json!({"a": "\t é\u{85}"})],
            vec![json!({"a": "\u{0}"}), json!({"a": "x\n"}), json!({"a": "\u{7f}"})],
        ),
        ("redact.headers", vec![json!([]), many(64)], vec![many(65), json!(["Upgrade"])]),
        ("headers.remove", vec![many(1000)], vec![many(1001)]),
        ("headers.set", vec![values(1000)], vec![values(1001)]),
        ("headers.add", vec![values(1000)], vec![values(1001)]),
        (
            "redact.query",
            vec![json!([]), many(64), json!(["%", "100%a", "+"])],
            vec![many(65), json!(["%41"]), json!(["a%fF"])],
        ),
        (
            "redact.json",
            remove(&["", "/", "//", "/a~0~1", "/*/é\n", "/*/*/"]),
            remove(&["a", "/~", "/~2", "/a~", "/**", "/a*", "/*a/b", "*"]),
        ),
        (
            "retry",
            vec![json!({"attempts": 1, "retry_on": vec!["5xx"; 6]})],
            vec![json!({"attempts": 1, "retry_on": vec!["5xx"; 7]}), json!({"attempts": 1, "on": ["5xx"]})],
        ),
        ("exclude", vec![json!([{"methods": many(64)}])], vec![json!([{"methods": many(65)}])]),
        ("compare.headers", vec![json!([]), many(64)], vec![many(65), json!([":status"]), json!(["a b"])]),
        ("compare.ignore", vec![json!([]), many(0), json!(["", "/a/*"])], vec![json!(["a"]), json!("/a")]),
        ("compare.max_body_bytes", vec![json!(1), json!(1_048_576)], vec![json!(0), json!(1_048_577)]),
        ("compare.log_per_minute", vec![json!(0), json!(1000)], vec![json!(-1), json!(1001)]),
        (
            "compare",
            vec![
                json!({}),
                json!({"status": false, "body": "bytes"}),
                json!({"status": false, "headers": ["a"]}),
            ],
            vec![
                json!({"status": false}),
                json!({"status": false, "body": "off", "headers": []}),
                json!(true),
            ],
        ),
        (
            "redact.replacement",
            vec![text(0), text(255), json!("\t")],
            vec![text(256), json!("\n"), json!("a\n")],
        ),
        (
            "sample_by",
            vec![json!({"query": "a", "salt": "a".repeat(255)})],
            vec![
                json!({"query": "a", "salt": "a".repeat(256)}),
                json!({"query": "a", "salt": "\t"}),
                json!({"query": "a", "salt": "\u{85}"}),
            ],
        ),
        ("match", vec![json!(vec![json!({}); 64])], vec![json!(vec![json!({}); 65]), json!([])]),
        ("exclude", vec![json!(vec![json!({}); 64]), json!([])], vec![json!(vec![json!({}); 65])]),
        (
            "active",
            from(&["2026-11-21t09:00:60.5z", "2024-02-29T00:00:00-23:59", "0000-01-01T00:00:00Z"]),
            from(&[
                "2026-04-31T00:00:00Z",
                "2026-11-21T24:00:00Z",
                "2026-11-21T09:00:00.Z",
                "2026-11-21T09:00:00+24:00",
                "2026-11-21 09:00:00Z",
                "2026-11-21T09:00:00Z\n",
            ]),
        ),
        (
            "retry",
            vec![json!({"attempts": 1}), json!({"attempts": 10})],
            vec![json!({"attempts": 0}), json!({"attempts": 11})],
        ),
    ]
}

/// Configurations that are shown, shipped, or use a key in a way that is not in [`ends`].
fn taken() -> Vec<Value> {
    let mut taken: Vec<Value> = Vec::new();
    for file in ["README.md", "DESIGN.md", "envoy/README.md", "tests/README.md"] {
        let text = fs::read_to_string(root().join(file)).expect(file);
        let blocks = text.split("```json\n").skip(1).filter_map(|block| block.split("```").next());
        taken.extend(blocks.map(|json| serde_json::from_str::<Value>(json).expect(json)));
    }
    for entry in fs::read_dir(root().join("examples/configs")).expect("examples") {
        taken.extend(configuration(&entry.expect("a file").path()));
    }
    let mirrors = [
        json!({"cluster": "outbound|80|v2|svc.ns.svc.cluster.local", "authority": "keep", "breaker": "off"}),
        json!({"cluster_header": {"name": "X-To", "allowed": vec!["a"; 64]}, "dry_run": true}),
        json!({"cluster": "c", "headers": {}, "body": {}, "limits": {}, "redact": {}, "active": {}, "breaker": {}}),
        json!({"cluster": "c", "sample_by": {"cookie": "user", "salt": "1"}}),
        json!({"cluster": "c", "match": [{"headers": {":authority": {"exact": "a"}, "A": {"regex": "[0-9]+"}}}]}),
        json!({"cluster": "c", "match": [{"query": {"": {"present": false}, "b c": {"contains": ""}}}]}),
        json!({"cluster": "c", "match": [{"methods": ["GET", "X-PURGE"], "path": {"suffix": "s", "ignore_case": true}}]}),
        json!({"cluster": "c", "retry": {"attempts": 3, "retry_on": ["5xx", "5xx", "gateway-error"], "per_try_timeout": "5s"}}),
        json!({"cluster": "c", "limits": {"requests_per_second": 0.5, "burst": 3}}),
    ];
    taken.extend(mirrors.map(|mirror| json!({"mirrors": [mirror]})));
    let ramp = |over: &str| json!({"cluster": "c", "active": {"from": "2026-01-01T00:00:00Z"}, "ramp": {"start": 0, "over": over}});
    let overs = [
        "1ms",
        "720h",
        "719h",
        "99h",
        "43200m",
        "43199m",
        "2592000s",
        "2591999s",
        "2592000000ms",
        "2589999999ms",
    ];
    taken.extend(overs.map(|over| json!({"mirrors": [ramp(over)]})));
    let sixteen: Vec<Value> = (0..16).map(|index| json!({"cluster": format!("c{index}")})).collect();
    taken.push(json!({"mirrors": sixteen, "loop_guard": false, "annotate": true, "max_buffered_bytes": 1e3}));
    for bytes in [1, MAX_BODY_BYTES] {
        taken.push(json!({"mirrors": [{"cluster": "c"}], "max_buffered_bytes": bytes}));
    }
    taken
}

fn configuration(file: &Path) -> Option<Value> {
    let text = fs::read_to_string(file).ok().filter(|_| file.extension().is_some_and(|it| it == "json"))?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn a_ramp_is_at_most_thirty_days_for_both() {
    let validator = validator();
    for over in
        ["0h", "721h", "1000h", "43201m", "50000m", "2592001s", "3000000s", "2592000001ms", "3000000000ms"]
    {
        let ramp = json!({"start": 0, "over": over});
        let active = json!({"from": "2026-01-01T00:00:00Z"});
        let json = json!({"mirrors": [{"cluster": "c", "active": active, "ramp": ramp}]});
        assert!(Config::parse(json.to_string().as_bytes()).is_err(), "the code on {over}");
        assert!(!validator.is_valid(&json), "the schema on {over}");
    }
}
