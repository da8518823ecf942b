// SPDX-License-Identifier: Apache-2.0
//! Lines of a log, and what is made of them.

use std::fs;

use super::*;

const LOG: &str = r#"[2026-11-25 10:00:00.000][12][info][wasm] [source/extensions/common/wasm/context.cc:1137] wasm log shadow: shadow difference {"mirror":"v2","method":"GET","path":"/items/17","request_id":"a","primary":{"status":200,"ms":3},"shadow":{"status":200,"ms":4},"differences":[{"at":"/rows/0/price","primary":10,"shadow":11},{"at":"/rows/3/price","primary":1,"shadow":2},{"at":"/stamp","primary":"2026-11-25T10:00:00Z","shadow":"2026-11-25T10:00:01Z"}]}
something else
{"level":"info","message":"shadow difference {\"mirror\":\"v2\",\"method\":\"GET\",\"path\":\"/items/18\",\"request_id\":null,\"primary\":{\"status\":200,\"ms\":3},\"shadow\":{\"status\":200,\"ms\":4},\"differences\":[{\"at\":\"/rows/1/price\"},{\"at\":\"/id\"}]}"}
shadow difference {"mirror":"v2","method":"POST","path":"/items","request_id":"c","primary":{"status":200,"ms":3},"shadow":{"status":500,"ms":4},"differences":[{"at":"status"}]}
shadow difference {"mirror":"v2","method":"GET","path":"/items/19","requ
"#;

fn places(log: &str) -> Places {
    let mut counting = Counting::default();
    counting.take(log.as_bytes()).unwrap();
    counting.sorted()
}

#[test]
fn places_are_counted_by_endpoint_and_field() {
    let found = places(LOG);
    assert_eq!(found.lines, 3);
    let rows: Vec<_> = found
        .places
        .iter()
        .map(|(place, seen)| (place.endpoint.as_str(), place.field.as_str(), seen.lines, seen.of))
        .collect();
    assert_eq!(
        rows,
        [
            ("GET /items/{id}", "/rows/*/price", 2, 2),
            ("GET /items/{id}", "/id", 1, 2),
            ("GET /items/{id}", "/stamp", 1, 2),
            ("POST /items", "status", 1, 1),
        ]
    );
    let samples = &found.places[0].1.samples;
    assert_eq!(samples.len(), 2);
    assert_eq!(
        (samples[0].request_id.as_deref(), samples[0].primary.as_ref()),
        (Some("a"), Some(&10.into()))
    );
    assert_eq!((samples[1].path.as_str(), samples[1].primary.as_ref()), ("/items/18", None));
}

#[test]
fn ids_and_times_are_proposed_and_prices_are_not() {
    assert_eq!(ignore(&places(LOG)), Some(serde_json::json!({"ignore": ["/id", "/stamp"]})));
    assert_eq!(ignore(&Places::default()), None);
}

#[test]
fn an_endpoint_has_no_ids() {
    for (path, expected) in [
        ("/items/17?x=1", "/items/{id}"),
        ("/u/0b7c6c1e-6f0a-4bd4-9a3e-2f8d4c1b9e55/cart", "/u/{id}/cart"),
        ("/blob/9f86d081884c7d65", "/blob/{id}"),
        ("/v2/search", "/v2/search"),
        ("/facade/deadbeef", "/facade/deadbeef"),
        ("/t/eyJhbGciOiJIUzI1NiJ9abc", "/t/{id}"),
        ("/", "/"),
    ] {
        assert_eq!(endpoint::of(path), expected);
    }
    assert_eq!(endpoint::field("/items/0/price"), "/items/*/price");
    assert_eq!(endpoint::field("header:content-type"), "header:content-type");
}

#[test]
fn files_and_directories_are_read() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("envoy.log"), LOG).unwrap();
    fs::write(directory.path().join("envoy.log.1"), LOG).unwrap();
    let found = Places::read(&[directory.path().to_owned()]).unwrap();
    assert_eq!(found.lines, 6);
    let missing = Places::read(&[directory.path().join("none")]).unwrap_err();
    assert_eq!(missing.kind, Kind::File);
}

#[test]
fn a_caller_cannot_steer_a_terminal() {
    let log = r#"shadow difference {"mirror":"v2","method":"GET","path":"/\u001b[2J\u202e","request_id":null,"differences":[{"at":"/a\u0007"}]}"#;
    let found = places(log);
    assert_eq!(found.places[0].1.samples[0].path, "/\\u{1b}[2J\\u{202e}");
    assert_eq!(found.places[0].0.field, "/a\\u{7}");
}

proptest::proptest! {
    #[test]
    fn any_log_is_read_without_harm(text in "\\PC{0,200}") {
        places(&text);
        places(&format!("shadow difference {{{text}"));
        endpoint::of(&text);
        endpoint::field(&text);
    }
}
