// SPDX-License-Identifier: Apache-2.0
//! The ends of every range, and other spellings of the same.

use std::time::Duration;

use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::Config;
use super::{mirror, parse, parse_text};
use crate::capture::BodyPolicy;

#[test]
fn a_number_is_an_integer_however_it_is_spelled() {
    for number in ["1000", "1000.0", "1e3", "1E+3", "10000e-1"] {
        let text = format!(
            r#"{{"max_buffered_bytes": {number}, "mirrors": [{{"cluster": "c",
                "body": {{"max_bytes": {number}}}, "limits": {{"max_in_flight": {number}}}}}]}}"#
        );
        let config = parse_text(&text);
        assert_eq!(config.max_buffered_bytes, 1000, "{number}");
        assert_eq!(config.mirrors[0].limits.max_in_flight, 1000, "{number}");
        let BodyPolicy::Full { max_bytes, .. } = config.mirrors[0].body else { panic!("{number}") };
        assert_eq!(max_bytes, 1000, "{number}");
    }
}

#[test]
fn a_percentage_is_rounded_but_not_to_nothing() {
    for (percentage, steps) in [(33.333_333_3, 33.3333), (0.000_001, 0.0001), (0.0, 0.0), (99.999_99, 100.0)]
    {
        let found = mirror(json!({"cluster": "c", "percentage": percentage})).select.percentage;
        assert_eq!(Some(found), crate::select::Percentage::from_percent(steps), "{percentage}");
    }
}

#[test]
fn takes_the_ends_of_every_range() {
    for percentage in ["0", "0.0001", "99.9999", "100", "100.0", "1e2", "-0.0"] {
        parse_text(&format!(r#"{{"mirrors": [{{"cluster": "c", "percentage": {percentage}}}]}}"#));
    }
    for (timeout, millis) in [
        ("1ms", 1),
        ("0.1ms", 1),
        ("3600000ms", 3_600_000),
        ("1h", 3_600_000),
        ("60m", 3_600_000),
        ("0.25s", 250),
        ("1.5s", 1500),
        ("1m30s", 90_000),
        ("0.5m0.5s1ms", 30_501),
    ] {
        let timeout = mirror(json!({"cluster": "c", "timeout": timeout})).timeout;
        assert_eq!(timeout, Duration::from_millis(millis));
    }
    assert_eq!(parse_text(r#"{"mirrors": []}"#).mirrors.len(), 0);
    for bytes in [1, 256 << 20] {
        parse(&json!({"max_buffered_bytes": bytes, "mirrors": [{"cluster": "c"}]}));
    }
    for (max_in_flight, max_bytes) in [(1, 0), (1_000_000, 256 << 20)] {
        mirror(
            json!({"cluster": "c", "limits": {"max_in_flight": max_in_flight}, "body": {"max_bytes": max_bytes}}),
        );
    }
    assert_eq!(mirror(json!({"cluster": "c", "name": "n".repeat(64)})).name.len(), 64);
    let sixteen: Vec<Value> = (0..16).map(|i| json!({"cluster": format!("c{i}")})).collect();
    assert_eq!(parse(&json!({"mirrors": sixteen})).mirrors.len(), 16);
    mirror(json!({"cluster": "c", "authority": {"literal": "x".repeat(255)}}));
}

#[test]
fn more_headers_than_a_copy_can_have_are_not_added() {
    let names = |prefix: &str, count: usize| -> Value {
        (0..count).map(|i| (format!("{prefix}-{i}"), json!(""))).collect::<serde_json::Map<_, _>>().into()
    };
    let with = |set, add| json!({"mirrors": [{"cluster": "c", "headers": {"set": set, "add": add}}]});
    parse(&with(names("x", 500), names("y", 500)));
    let faults = Config::parse(with(names("x", 500), names("y", 501)).to_string().as_bytes());
    let fault = faults.expect_err("too many").remove(0).to_string();
    assert_eq!(fault, "mirrors[0].headers: found 1001 headers to set and add, expected at most 1000");
}

#[test]
fn a_name_is_made_of_the_cluster() {
    for (cluster, name) in [
        ("shadow", "shadow"),
        ("outbound|8080|v2|svc.ns.svc.cluster.local", "outbound_8080_v2_svc_ns_svc_cluster_local"),
        ("ä.b-c_d", "__b-c_d"),
        ("☃", "_"),
    ] {
        assert_eq!(mirror(json!({"cluster": cluster})).name, name);
    }
    assert_eq!(mirror(json!({"cluster": "é".repeat(100)})).name, "_".repeat(64));
}

#[test]
fn white_space_around_json_does_not_matter() {
    // The first byte is that of a `Struct`, too.
    parse_text("\n {\"mirrors\": [{\"cluster\": \"c\"}]}\n");
    parse_text("\r\n\t{\"mirrors\":[{\"cluster\":\"c\"}]}");
}
