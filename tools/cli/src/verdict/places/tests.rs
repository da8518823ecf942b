// SPDX-License-Identifier: Apache-2.0
//! Lines of a log, and what is made of them.

use std::fs;
use std::io::Write;
use std::process::Command;

use serde_json::json;

use super::*;

const LOG: &str = r#"[2026-11-25 10:00:00.000][12][info][wasm] [source/extensions/common/wasm/context.cc:1137] wasm log shadow: shadow difference {"mirror":"v2","method":"GET","path":"/items/17","request_id":"a","primary":{"status":200,"ms":3},"shadow":{"status":200,"ms":4},"differences":[{"at":"/rows/0/price","primary":10,"shadow":11},{"at":"/rows/3/price","primary":1,"shadow":2},{"at":"/stamp","primary":"2026-11-25T10:00:00Z","shadow":"2026-11-25T10:00:01Z"}]}
something else
{"level":"info","message":"shadow difference {\"mirror\":\"v2\",\"method\":\"GET\",\"path\":\"/items/18\",\"request_id\":null,\"primary\":{\"status\":200,\"ms\":3},\"shadow\":{\"status\":200,\"ms\":4},\"differences\":[{\"at\":\"/rows/1/price\"},{\"at\":\"/id\"}]}"}
shadow difference {"mirror":"v2","method":"POST","path":"/items","request_id":"c","primary":{"status":200,"ms":3},"shadow":{"status":500,"ms":4},"differences":[{"at":"status"}]}
shadow difference {"mirror":"v2","method":"GET","path":"/items/19","requ
wasm log shadow: mirror v2: 12 more differences were not logged (compare.log_per_minute)
wasm log shadow: mirror v2: 3 more differences or slow answers were not logged (compare.log_per_minute)
"#;

fn read_all(log: &str, endpoints: &[&str], repeat_at: Option<&str>) -> BTreeMap<String, Places> {
    let endpoints: Vec<Template> = endpoints.iter().map(|text| text.parse().unwrap()).collect();
    let mut counting = Counting::new(&endpoints, repeat_at);
    log.lines().for_each(|line| counting.take(line));
    counting.sorted()
}

fn places(log: &str) -> Places {
    read_all(log, &[], None).remove("v2").unwrap_or_default()
}

/// A line with this path and these differences, as `[at, primary, shadow]`.
fn line(path: &str, differences: &[(&str, Value, Value)]) -> String {
    let differences: Vec<Value> =
        differences.iter().map(|(at, a, b)| json!({"at": at, "primary": a, "shadow": b})).collect();
    let line = json!({
        "mirror": "v2", "method": "GET", "path": path, "request_id": "r",
        "primary": {"status": 200, "ms": 3}, "shadow": {"status": 200, "ms": 4}, "differences": differences,
    });
    format!("shadow difference {line}\n")
}

fn rows(places: &Places) -> Vec<(&str, &str, u64, u64)> {
    let row = |it: &'_ Field| (it.differ, it.of);
    places.fields.iter().map(|it| (it.endpoint.as_str(), it.field.as_str(), row(it).0, row(it).1)).collect()
}

#[test]
fn places_are_counted_by_endpoint_and_field() {
    let found = places(LOG);
    assert_eq!((found.differences, found.left_out), (3, 15));
    assert_eq!(
        rows(&found),
        [
            ("GET /items/{id}", "/rows/*/price", 2, 2),
            ("POST /items", "status", 1, 1),
            ("GET /items/{id}", "/id", 1, 2),
            ("GET /items/{id}", "/stamp", 1, 2),
        ],
        "what may differ comes last"
    );
    let samples = &found.fields[0].samples;
    assert_eq!(samples.len(), 2);
    assert_eq!(
        (samples[0].request_id.as_deref(), samples[0].primary.as_ref()),
        (Some("a"), Some(&10.into()))
    );
    assert_eq!((samples[1].path.as_str(), samples[1].primary.as_ref()), ("/items/18", None));
    assert_eq!(found.first().map(|field| field.field.as_str()), Some("/rows/*/price"));
}

#[test]
fn ids_and_times_are_proposed_and_prices_are_not() {
    let proposal = places(LOG).proposal.unwrap();
    assert_eq!(proposal, Proposal { ignore: vec!["/id".into(), "/stamp".into()], unordered: Vec::new() });
    assert_eq!(proposal.text(), "{\n  \"ignore\": [\n    \"/id\",\n    \"/stamp\"\n  ]\n}");
    assert_eq!(places("").proposal, None);
    // The values say more than the name, and every line counts.
    let log = line("/a", &[("/id", json!(1), json!(2)), ("/at", json!(1_764_064_800), json!(1_764_064_801))])
        + &line("/a", &[("/token", json!("9f86d081884c7d65"), json!("60303ae22b998861"))])
        + &line("/a", &[("/token", json!("9f86d081884c7d65"), json!("none"))]);
    assert_eq!(places(&log).proposal.unwrap().ignore, ["/at"]);
}

#[test]
fn a_list_in_another_order_is_proposed_as_unordered() {
    let swapped = line("/a", &[("/tags/0", json!("x"), json!("y")), ("/tags/2", json!("y"), json!("x"))]);
    let nested = line(
        "/a",
        &[
            ("/rows/0/id", json!(1), json!(2)),
            ("/rows/0/price", json!(10), json!(20)),
            ("/rows/1/id", json!(2), json!(1)),
            ("/rows/1/price", json!(20), json!(10)),
        ],
    );
    let proposal = places(&(swapped.clone() + &nested)).proposal.unwrap();
    assert_eq!(proposal, Proposal { ignore: Vec::new(), unordered: vec!["/rows".into(), "/tags".into()] });
    // Once it has other elements, it is not the order.
    let other = line("/a", &[("/tags/0", json!("x"), json!("z"))]);
    assert_eq!(places(&(swapped.clone() + &other)).proposal, None);
    // Without values nobody knows.
    let silent = swapped.replace("\"primary\":\"x\",", "").replace("\"shadow\":\"y\"", "\"x\":1");
    assert_eq!(places(&silent).proposal, None);
}

#[test]
fn slow_pairs_are_shown_by_endpoint() {
    let slow = |path: &str, primary: u64, shadow: u64| {
        let line = json!({"mirror": "v2", "method": "GET", "path": path, "request_id": null,
            "primary": {"status": 200, "ms": primary}, "shadow": {"status": 200, "ms": shadow}, "differences": []});
        format!("shadow slow {line}\n")
    };
    let log = slow("/search", 10, 40)
        + &slow("/items/1", 5, 100)
        + &slow("/items/2", 5, 300)
        + &slow("/items/3", 5, 200);
    let found = places(&log);
    assert_eq!((found.differences, found.slow_pairs), (0, 4));
    let items = &found.slow[0];
    assert_eq!((items.endpoint.as_str(), items.pairs, items.worst), ("GET /items/{id}", 3, 60.0));
    let paths: Vec<_> = items.samples.iter().map(|sample| (sample.path.as_str(), sample.shadow_ms)).collect();
    assert_eq!(paths, [("/items/2", 300), ("/items/3", 200)]);
    assert_eq!(found.slow[1].endpoint, "GET /search");
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
        assert_eq!(endpoint::of(path, &[]), expected);
    }
    assert_eq!(endpoint::field("/items/0/price"), "/items/*/price");
    assert_eq!(endpoint::field("header:content-type"), "header:content-type");
}

#[test]
fn an_endpoint_that_is_named_has_that_name() {
    let log = line("/shop/blue-lamp?x=1", &[("/a", json!(1), json!(2))])
        + &line("/shop/red-lamp", &[("/a", json!(1), json!(2))])
        + &line("/shop/red-lamp/parts", &[("/a", json!(1), json!(2))])
        + &line("/shop/", &[("/a", json!(1), json!(2))]);
    let found = read_all(&log, &["/shop/{lamp}", "/shop/{lamp}/parts"], None).remove("v2").unwrap();
    assert_eq!(
        rows(&found),
        [
            ("GET /shop/{lamp}", "/a", 2, 2),
            ("GET /shop/", "/a", 1, 1),
            ("GET /shop/{lamp}/parts", "/a", 1, 1),
        ]
    );
    for wrong in ["items/{id}", "/items?x={id}"] {
        assert!(wrong.parse::<Template>().is_err(), "{wrong}");
    }
}

#[test]
fn files_and_directories_are_read_compressed_or_not() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("envoy.log"), LOG).unwrap();
    let packed = fs::File::create(directory.path().join("envoy.log.1.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
    packed.write_all(LOG.as_bytes()).unwrap();
    packed.finish().unwrap();
    let logs = [directory.path().to_owned(), directory.path().join("envoy.log")];
    let found = read(Wanted { logs: &logs, endpoints: &[], repeat_at: None }).unwrap();
    assert_eq!(found["v2"].differences, 9);
    let missing = [directory.path().join("none")];
    assert_eq!(
        read(Wanted { logs: &missing, endpoints: &[], repeat_at: None }).unwrap_err().kind,
        Kind::File
    );
}

#[test]
fn mirrors_are_told_apart() {
    let log = LOG.to_owned() + &line("/a", &[("/a", json!(1), json!(2))]).replace("\"v2\"", "\"v3\"");
    let found = read_all(&log, &[], None);
    assert_eq!((found["v2"].differences, found["v3"].differences, found["v3"].left_out), (3, 1, 0));
}

#[test]
fn a_caller_cannot_steer_a_terminal() {
    let log = r#"shadow difference {"mirror":"v2","method":"GET","path":"/\u001b[2J\u202e","request_id":null,"differences":[{"at":"/a\u0007"}]}"#;
    let found = places(log);
    assert_eq!(found.fields[0].samples[0].path, "/\\u{1b}[2J\\u{202e}");
    assert_eq!(found.fields[0].field, "/a\\u{7}");
}

fn curl(log: &str, at: Option<&str>) -> Option<String> {
    read_all(log, &[], at).remove("v2")?.fields.first()?.samples.first()?.curl.clone()
}

#[test]
fn a_request_can_be_repeated() {
    let log = line("/items/17?q=a b", &[("/a", json!(1), json!(2))])
        .replace("\"request_id\"", "\"headers\":{\"accept\":\"text/*\",\"x\":\"cut…\"},\"request_id\"");
    let said = "curl -sS -H 'accept: text/*' \"$SHADOW\"'/items/17?q=a b'";
    assert_eq!(curl(&log, None).as_deref(), Some(said));
    let said = "curl -sS -X DELETE http://127.0.0.1:1/x";
    let log = line("/x", &[("/a", json!(1), json!(2))]).replace("GET", "DELETE");
    assert_eq!(curl(&log, Some("http://127.0.0.1:1/")).as_deref(), Some(said));
    assert_eq!(curl(&line("/cut…", &[("/a", json!(1), json!(2))]), None), None);
    assert_eq!(curl(&line("*", &[("/a", json!(1), json!(2))]), None), None);
}

proptest::proptest! {
    #[test]
    fn any_log_is_read_without_harm(text in "\\PC{0,200}") {
        places(&text);
        places(&format!("shadow difference {{{text}"));
        endpoint::of(&text, &[]);
        endpoint::field(&text);
    }

    /// A shell takes a command for what it is, whatever a caller wrote into the path.
    #[test]
    fn a_command_is_one_command(path in "/[ -~éß]{0,30}", value in "[ -~]{0,20}") {
        let log = line(&path, &[("/a", json!(1), json!(2))])
            .replace("\"request_id\"", &format!("\"headers\":{{\"x\":{}}},\"request_id\"", json!(value)));
        let command = curl(&log, Some("http://h")).unwrap();
        let script = format!("curl() {{ printf '%s\\n' \"$#\" \"$@\"; }}\n{command}");
        let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        proptest::prop_assert_eq!(said, format!("4\n-sS\n-H\nx: {value}\nhttp://h{path}\n"));
    }
}
