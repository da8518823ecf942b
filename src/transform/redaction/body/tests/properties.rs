// SPDX-License-Identifier: Apache-2.0
//! What any reader of the copy finds, and that it does not matter where redaction stops.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

pub(super) fn document() -> impl Strategy<Value = Value> {
    let name = "[abc\"\\\\é/~]{0,2}";
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i32>().prop_map(|value| json!(value)),
        "[x-z\"\\\\\n]{0,4}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(5, 60, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(name, inner, 0..5).prop_map(|map| json!(map)),
        ]
    })
}

/// The same by the tree: what any reader of the copy must find.
fn model(value: Value, tokens: &[&str]) -> Value {
    let Some((token, rest)) = tokens.split_first() else { return json!("R") };
    match value {
        Value::Array(items) => {
            let items = items.into_iter().enumerate();
            let is = |index: usize| *token == "*" || *token == index.to_string();
            items.map(|(i, item)| if is(i) { model(item, rest) } else { item }).collect()
        }
        Value::Object(members) => members
            .into_iter()
            .map(|(k, v)| {
                let hit = *token == "*" || k == token.replace("~1", "/").replace("~0", "~");
                (k, if hit { model(v, rest) } else { v })
            })
            .collect(),
        other => other,
    }
}

proptest! {
    #[test]
    fn a_reader_finds_what_the_model_says(
        document in document(),
        pretty: bool,
        tokens in proptest::collection::vec(prop_oneof!["[abcé]{0,2}", "[0-2]", Just("*".to_owned()), Just("~0".to_owned())], 0..4),
    ) {
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
        let pointer: String = tokens.iter().map(|token| format!("/{token}")).collect();
        let result = redacted(&text.expect("text"), &[&pointer]).expect("JSON");
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        prop_assert_eq!(serde_json::from_str::<Value>(&result).expect("JSON"), model(document, &tokens));
    }

    /// A secret under a wanted name is nowhere in what is sent, and everything else is.
    #[test]
    fn no_secret_is_left(document in document(), copies in 1..4usize) {
        let secret = format!("{{\"deep\":[\"S3CRET\",{document}]}}");
        let members: Vec<String> = (0..copies)
            .flat_map(|i| [format!("\"k{i}\":{document}"), format!("\"se\\u0063ret\": {secret}")])
            .collect();
        let text = format!("[ {{{}}} , {document}]", members.join(" ,"));
        let result = redacted(&text, &["/*/secret"]).expect("JSON");
        prop_assert!(!result.contains("S3CRET"));
        prop_assert_eq!(result, text.replace(&secret, "\"R\""));
    }

    #[test]
    fn takes_what_serde_takes_and_nothing_else(text in "[\\[\\]{}:, \"\\\\a1.e+\\-u0ntrlfs]{0,12}") {
        let strict = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
        prop_assert_eq!(redacted(&text, &["/a"]).is_ok(), strict, "{}", text);
    }

    #[test]
    fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
        let _ = redact(&bytes, &["/*/*"], "1", 100);
    }

    #[test]
    fn it_does_not_matter_where_it_stops(
        document in document(),
        odd in "[\\[\\]{}:, \"\\\\a1.e+\\-u0ntrlfsé]{0,30}",
        slices in prop::collection::vec(1..60usize, 1..8),
        max_len in prop_oneof![0..200usize, Just(1 << 20)],
    ) {
        for text in [serde_json::to_string_pretty(&document).expect("text"), odd] {
            let pointers = ["/*/a", "/a/*", "/0", "/*/*/1"];
            let at_once = redact(text.as_bytes(), &pointers, "gone", max_len);
            let in_steps = sliced(text.as_bytes(), &pointers, "gone", max_len, &slices);
            prop_assert_eq!(in_steps, at_once, "{}", text);
        }
    }
}
