// SPDX-License-Identifier: Apache-2.0
//! The core on input of any kind: no bytes are too odd, and its rules hold for all of them.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};
use shadow_filter::capture::{Budget, Capture};
use shadow_filter::config::Config;
use shadow_filter::http::{Head, MARKER};
use shadow_filter::transform::{self, Outgoing, Rewritten, Transform};

use crate::host::{Headers, serialized};
use crate::protobuf::as_struct;

/// JSON whose keys and values are near enough to a configuration to reach every reader.
fn nearly_a_configuration() -> impl Strategy<Value = Value> {
    let key = select(vec![
        "mirrors",
        "loop_guard",
        "annotate",
        "max_buffered_bytes",
        "name",
        "cluster",
        "percentage",
        "authority",
        "headers",
        "body",
        "timeout",
        "limits",
        "suffix",
        "literal",
        "remove",
        "set",
        "add",
        "mode",
        "max_bytes",
        "on_overflow",
        "max_in_flight",
        "X-A",
        "x-a",
        "",
        "a b",
        ":path",
    ]);
    let text =
        select(vec!["", "a", "b", "keep", "none", "full", "skip", "5s", "1h", "2h", "x-*", "*", "é\n"]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..2_000_000i64).prop_map(Value::from),
        // Halves, because the last bit of other fractions depends on who parses them.
        (-2000..2_000_000_000i64).prop_map(|halves| Value::from(halves as f64 / 2.0)),
        text.prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((key.clone(), inner), 0..6).prop_map(object),
        ]
    });
    // Half of them with what no configuration may lack.
    (tree, any::<bool>()).prop_map(|(tree, whole)| match tree {
        tree @ Value::Object(_) if !whole => tree,
        Value::Object(mut mirror) => {
            mirror.insert("cluster".into(), "c".into());
            json!({"mirrors": [mirror]})
        }
        other => json!({"mirrors": other}),
    })
}

fn object(entries: Vec<(&str, Value)>) -> Value {
    Value::Object(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
}

fn headers() -> impl Strategy<Value = Headers> {
    let known = select(vec![
        ":authority",
        ":path",
        ":method",
        "host",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "expect",
        "content-length",
        "x-envoy-retry-on",
        "x-shadow-mirror",
        "x-a",
        "x-b",
        "cookie",
    ]);
    let name = prop_oneof![4 => known.prop_map(|name| name.as_bytes().to_vec()), 1 => vec(any::<u8>(), 0..8)];
    let words = select(vec!["trailers", "x-a", "X-B, te", "close", "3", "0", "a.b:80", "[::1]:9"]);
    let value = prop_oneof![words.prop_map(|word| word.as_bytes().to_vec()), vec(any::<u8>(), 0..20)];
    vec((name, value), 0..30)
}

fn transform(keys: Value) -> Transform {
    let json = json!({"mirrors": [keys]}).to_string();
    Config::parse(json.as_bytes()).expect("valid").mirrors.remove(0).transform
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn any_bytes_are_a_configuration_or_faults(bytes in vec(any::<u8>(), 0..200), as_fields: bool) {
        let bytes = if as_fields { [b"\n".to_vec(), bytes].concat() } else { bytes };
        if let Err(faults) = Config::parse(&bytes) {
            prop_assert!(!faults.is_empty());
        }
    }

    #[test]
    fn json_and_struct_are_told_the_same(json in nearly_a_configuration()) {
        let (text, fields) = (Config::parse(json.to_string().as_bytes()), Config::parse(&as_struct(&json)));
        // An empty `Struct` has no bytes, and is no configuration at all.
        if json != json!({}) {
            prop_assert_eq!(&text, &fields);
        }
        match text {
            Ok(config) => {
                prop_assert!(config.mirrors.len() <= 16);
                for mirror in config.mirrors {
                    prop_assert!((1..=64).contains(&mirror.name.len()));
                    prop_assert!(mirror.timeout > Duration::ZERO && mirror.timeout <= Duration::from_secs(3600));
                }
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    prop_assert!(!fault.to_string().contains(char::is_control), "{}", fault);
                }
            }
        }
    }

    #[test]
    fn any_block_is_a_head_or_none(bytes in vec(any::<u8>(), 0..100), headers in headers(), cut: usize, flip: u8) {
        let mut block = serialized(&headers);
        let at = cut % block.len();
        block[at] ^= flip;
        for bytes in [bytes, block] {
            if let Some(head) = Head::from_block(bytes) {
                prop_assert_eq!(head.iter().count(), head.count());
            }
        }
        let head = Head::from_block(serialized(&headers)).expect("whole");
        let read: Headers = head.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(read, headers);
    }

    #[test]
    fn a_copy_never_hands_on_what_it_may_not(headers in headers(), body_len in 0..5usize) {
        let transform = transform(json!({"cluster": "m", "headers": {"remove": ["x-b"], "add": {"x-c": "1"}}}));
        let head = Head::from_block(serialized(&headers)).expect("whole");
        let rewritten = Rewritten::of(&head, &transform);
        let copied = Outgoing::build(&head, &transform, &rewritten, body_len).headers().collect::<Vec<_>>();
        for never in ["host", "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "expect", "x-b"] {
            prop_assert!(!copied.iter().any(|(name, _)| *name == never.as_bytes()), "{}", never);
        }
        prop_assert!(!copied.iter().any(|(name, _)| name.starts_with(b"x-envoy-")));
        let markers: Vec<_> = copied.iter().filter(|(name, _)| *name == MARKER.as_bytes()).collect();
        prop_assert_eq!(markers, [&(MARKER.as_bytes(), &b"m"[..])]);
        let length = body_len.to_string();
        let lengths = copied.iter().filter(|(name, _)| *name == b"content-length");
        prop_assert!(lengths.into_iter().all(|(_, value)| *value == length.as_bytes()));
        // What is left is in the order of the request; every cookie is left, unless `connection` names it.
        let from_request = copied.iter().filter(|(name, _)| !matches!(*name, b":authority" | b"x-c") && *name != MARKER.as_bytes());
        let mut rest = headers.iter();
        for (name, value) in from_request {
            prop_assert!(rest.any(|(n, v)| n == name && v == value), "out of order");
        }
        let pseudo = |name: &[u8]| name.starts_with(b":");
        let count = headers.iter().filter(|(name, _)| pseudo(name)).count();
        prop_assert_eq!(copied.iter().filter(|(name, _)| pseudo(name)).count(), count);
        if !headers.iter().any(|(name, _)| name == b"connection") {
            let cookies = |name: &&[u8]| *name == b"cookie";
            let sent = headers.iter().map(|(name, _)| name.as_slice()).filter(cookies).count();
            prop_assert_eq!(copied.iter().map(|(name, _)| *name).filter(cookies).count(), sent);
        }
    }

    #[test]
    fn the_quick_look_at_the_size_of_headers_agrees_with_the_full_one(
        count in 1000..1040usize,
        size in (1usize << 20) - 300..(1 << 20) + 300,
        dropped in 0..40usize,
        by_count: bool,
    ) {
        let filler = if by_count { 0 } else { size };
        let plain = if by_count { count } else { 1 };
        let mut headers: Headers = (0..plain).map(|i| (format!("x-{i}").into(), Vec::new())).collect();
        headers.extend((0..dropped).map(|_| (b"x-envoy-a".to_vec(), b"1".to_vec())));
        headers.push((b"filler".to_vec(), vec![b'x'; filler]));
        let transform = transform(json!({"cluster": "m", "headers": {"add": {"a": "1"}}}));
        let head = Head::from_block(serialized(&headers)).expect("whole");
        let full = Outgoing::build(&head, &transform, &Rewritten::of(&head, &transform), 0).fits();
        prop_assert_eq!(transform::fits(&head, &transform, 0), full);
    }

    #[test]
    fn a_capture_is_its_chunks_within_the_budget(chunks in vec(0..3000usize, 0..30), limit in 0..40_000usize, cap in 0..30_000usize) {
        let budget = Budget::new(limit);
        let mut capture = Capture::new(budget.charge(0).expect("nothing fits"));
        let mut expected: Vec<u8> = Vec::new();
        for (index, len) in chunks.into_iter().enumerate() {
            let chunk = vec![index as u8; len];
            if capture.push(chunk.clone(), cap).is_ok() {
                expected.extend(chunk);
            }
            prop_assert!(budget.used() <= limit);
            prop_assert!(budget.used() >= expected.len());
        }
        prop_assert_eq!(capture.into_bytes(), expected);
        prop_assert_eq!(budget.used(), 0);
    }
}
