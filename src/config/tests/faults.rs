// SPDX-License-Identifier: Apache-2.0
//! What invalid configurations are told: each fault with its path, in one line.

use serde_json::json;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::Config;

/// Configurations, each with its faults on the indented lines below it.
const TABLE: &str = include_str!("faults.txt");

fn faults(json: &str) -> Vec<String> {
    match Config::parse(json.as_bytes()) {
        Ok(_) => panic!("valid: {json}"),
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn each_is_told_where_it_is_what_was_found_and_what_is_allowed() {
    let mut cases: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in TABLE.lines() {
        match line.strip_prefix("    ") {
            Some(fault) => cases.last_mut().expect("a configuration above its faults").1.push(fault),
            None => cases.push((line, Vec::new())),
        }
    }
    assert!(cases.len() >= 90, "{} cases", cases.len());
    for (json, expected) in cases {
        assert_eq!(faults(json), expected, "{json}");
    }
}

#[test]
fn nothing_at_all_is_a_fault() {
    assert_eq!(faults(""), ["configuration: found nothing (0 bytes), expected a JSON object"]);
    assert_eq!(faults(" ").len(), 1);
}

#[test]
fn all_are_told_in_the_order_of_the_document() {
    let json = r#"{
        "mirrors": [
            {"cluster": "", "percentage": 101, "tiemout": "5s", "body": {"mode": 1, "max_bytes": "1k"}},
            7,
            {"cluster": "c", "headers": {"remove": [1, 2], "set": {"a b": 1}, "add": {"host": "x"}}},
            {"cluster": "d", "limits": {"max_in_flight": 0}, "authority": "none", "timeout": "1d"}
        ],
        "loop_guard": "on",
        "annotate": 0,
        "max_buffered_bytes": 0
    }"#;
    let faults = faults(json);
    let paths: Vec<&str> = faults.iter().filter_map(|fault| fault.split(": ").next()).collect();
    let mut sorted = paths.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "annotate",
            "loop_guard",
            "max_buffered_bytes",
            "mirrors[0].body.max_bytes",
            "mirrors[0].body.mode",
            "mirrors[0].cluster",
            "mirrors[0].percentage",
            "mirrors[0].tiemout",
            "mirrors[1]",
            "mirrors[2].headers.add.host",
            "mirrors[2].headers.remove[0]",
            "mirrors[2].headers.remove[1]",
            "mirrors[2].headers.set[\"a b\"]",
            "mirrors[2].headers.set[\"a b\"]",
            "mirrors[3].authority",
            "mirrors[3].limits.max_in_flight",
            "mirrors[3].timeout",
        ]
    );
    let mirrors: Vec<&str> = paths.iter().filter_map(|path| path.get(..10)).collect();
    assert!(mirrors.iter().filter(|path| path.starts_with("mirrors[")).is_sorted(), "{paths:#?}");
}

#[test]
fn too_many_mirrors_are_counted() {
    let mirrors: Vec<_> = (0..17).map(|i| json!({"cluster": format!("c{i}")})).collect();
    let faults = faults(&json!({"mirrors": mirrors}).to_string());
    assert_eq!(faults, ["mirrors: found 17 mirrors, expected a list of at most 16 mirrors"]);
}

#[test]
fn a_name_that_two_others_have_is_told_twice() {
    let json = json!({"mirrors": [{"cluster": "c"}, {"cluster": "c"}, {"cluster": "c"}]});
    let faults = faults(&json.to_string());
    assert_eq!(faults.len(), 2);
    assert!(faults[0].starts_with("mirrors[1]: ") && faults[1].starts_with("mirrors[2]: "), "{faults:?}");
}

#[test]
fn a_fault_is_one_line_of_bounded_length() {
    let long = "é\u{7}\n".repeat(10_000);
    let json = json!({
        "mirrors": [{"cluster": long, "name": long, "timeout": long, long.clone(): 1}],
        long: 1,
    });
    for fault in faults(&json.to_string()) {
        assert!(!fault.contains(char::is_control), "{fault}");
        assert!(fault.chars().count() < 1000, "{} characters", fault.chars().count());
    }
}

#[test]
fn header_values_are_not_told() {
    for value in ["secret\n", "se\u{0}cret"] {
        let headers = json!({"set": {"authorization": value}, "add": {"authorization": value}});
        let json = json!({"mirrors": [{"cluster": "c", "headers": headers}]});
        let faults = faults(&json.to_string());
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().all(|fault| !fault.contains("cret")), "{faults:?}");
    }
}

#[test]
fn nesting_without_end_is_a_fault() {
    for text in ["[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        assert_eq!(faults(&text).len(), 1);
    }
    // A list in a list in a list …, as the protobuf encoding has it.
    let mut bytes = Vec::new();
    for _ in 0..500 {
        let mut outer = vec![0x32, 0x80 | (bytes.len() & 0x7f) as u8, (bytes.len() >> 7) as u8];
        outer.append(&mut bytes);
        bytes = outer;
    }
    assert!(Config::parse(&bytes).is_err());
}
