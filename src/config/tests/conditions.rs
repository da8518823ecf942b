// SPDX-License-Identifier: Apache-2.0
//! Which requests the conditions of a configuration let through.

use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::Config;
use crate::http::tests::head;
use crate::select::PrimaryStatus;

fn admits(keys: Value, headers: &[(&str, &str)]) -> bool {
    admits_with(keys, headers, PrimaryStatus::Awaited)
}

fn admits_with(keys: Value, headers: &[(&str, &str)], status: PrimaryStatus) -> bool {
    let mut mirror = keys;
    mirror["cluster"] = "c".into();
    mirror["send"] = "primary_end".into();
    let config = Config::parse(json!({"mirrors": [mirror]}).to_string().as_bytes());
    config.expect("valid").mirrors.remove(0).select.conditions.admit(&head(headers), status)
}

const REQUEST: [(&str, &str); 6] = [
    (":method", "GET"),
    (":authority", "shop.test"),
    (":path", "/api/items?user=J%C3%B6rg&page=2"),
    ("accept", "text/html"),
    ("accept", "application/json"),
    ("x-empty", ""),
];

#[test]
fn a_condition_holds_if_everything_in_it_holds() {
    for (condition, holds) in [
        (json!({}), true),
        (json!({"methods": ["POST", "GET"]}), true),
        (json!({"methods": ["get"]}), false),
        (json!({"path": {"exact": "/api/items"}}), true),
        (json!({"path": {"exact": "/api/items?user=J%C3%B6rg&page=2"}}), false),
        (json!({"path": {"regex": "/api/[a-z]+"}}), true),
        (json!({"path": {"regex": "/api"}}), false),
        (json!({"headers": {"Accept": {"exact": "application/json"}}}), true),
        (json!({"headers": {"accept": {"exact": "text/html, application/json"}}}), false),
        (json!({"headers": {"x-empty": {"present": true}}}), true),
        (json!({"headers": {"x-none": {"present": false}}}), true),
        (json!({"headers": {"x-none": {"exact": ""}}}), false),
        (json!({"headers": {":authority": {"suffix": ".TEST", "ignore_case": true}}}), true),
        (json!({"headers": {"Host": {"exact": "shop.test"}}}), true),
        (json!({"query": {"user": {"exact": "Jörg"}}}), true),
        (json!({"query": {"page": {"exact": "2"}, "user": {"present": false}}}), false),
        (
            json!({"methods": ["GET"], "path": {"prefix": "/api"}, "query": {"page": {"regex": "[0-9]"}}}),
            true,
        ),
        (json!({"methods": ["POST"], "path": {"prefix": "/api"}}), false),
    ] {
        assert_eq!(admits(json!({"match": [condition]}), &REQUEST), holds, "{condition}");
        assert_eq!(admits(json!({"exclude": [condition]}), &REQUEST), !holds, "{condition}");
    }
}

#[test]
fn one_match_is_needed_and_no_exclusion() {
    let get = json!({"methods": ["GET"]});
    let post = json!({"methods": ["POST"]});
    for (keys, admitted) in [
        (json!({"match": [post, get]}), true),
        (json!({"match": [post]}), false),
        (json!({"match": [get], "exclude": [post]}), true),
        (json!({"match": [get], "exclude": [post, get]}), false),
        (json!({"exclude": []}), true),
    ] {
        assert_eq!(admits(keys.clone(), &REQUEST), admitted, "{keys}");
    }
}

#[test]
fn the_answer_decides_once_it_is_there() {
    use PrimaryStatus::{Awaited, Known, Unreadable};
    let condition = |method: &str| json!({"methods": [method], "answer": {"status": ["2xx", 404, "5xx"]}});
    for (method, status, in_match, in_exclude) in [
        ("GET", Awaited, true, true),
        ("GET", Known(200), true, false),
        ("GET", Known(299), true, false),
        ("GET", Known(404), true, false),
        ("GET", Known(403), false, true),
        ("GET", Known(301), false, true),
        ("GET", Known(503), true, false),
        ("GET", Known(0), false, true),
        ("GET", Known(999), false, true),
        ("GET", Unreadable, false, false),
        ("PUT", Awaited, false, true),
        ("PUT", Known(200), false, true),
        ("PUT", Unreadable, false, true),
    ] {
        let condition = condition(method);
        let admits = |key: &str| admits_with(json!({key: [condition]}), &REQUEST, status);
        assert_eq!((admits("match"), admits("exclude")), (in_match, in_exclude), "{method} {status:?}");
    }
}

#[test]
fn a_head_with_nothing_in_it_is_judged_as_well() {
    assert!(admits(json!({"match": [{}]}), &[]));
    assert!(!admits(json!({"match": [{"methods": ["GET"]}]}), &[]));
    assert!(!admits(json!({"match": [{"query": {"a": {"present": true}}}]}), &[]));
}

#[test]
fn a_path_that_is_too_long_for_an_expression_is_not_copied() {
    let path = format!("/{}", "x".repeat(5000));
    let request = [(":method", "GET"), (":path", path.as_str())];
    let condition = json!({"path": {"regex": "/x*"}});
    assert!(!admits(json!({"match": [condition]}), &request));
    assert!(!admits(json!({"exclude": [condition]}), &request));
}

#[test]
fn a_host_is_compared_in_one_spelling() {
    for host in ["shop.test", "shop.test:80", "SHOP.test", "shop.test."] {
        let request = [(":authority", host), (":scheme", "http"), (":path", "/")];
        for name in ["host", ":authority"] {
            for matcher in [
                json!({"exact": "shop.test"}),
                json!({"exact": "Shop.test.:80"}),
                json!({"suffix": ".TEST"}),
                json!({"regex": "SHOP\\.[a-z]+"}),
            ] {
                let condition = json!({"headers": {name: matcher}});
                assert!(admits(json!({"match": [condition]}), &request), "{host} {condition}");
                assert!(!admits(json!({"exclude": [condition]}), &request), "{host} {condition}");
            }
        }
    }
}
