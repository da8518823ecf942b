// SPDX-License-Identifier: Apache-2.0
//! What is replaced, what stays, and what is refused.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn redacted(text: &str, pointers: &[&str]) -> Result<String, RedactError> {
    let pointers: Vec<_> = pointers.iter().map(|text| Pointer::parse(text).expect("a pointer")).collect();
    let result = redact(text.as_bytes(), &pointers, b"\"R\"", 1 << 20)?;
    Ok(result.map_or_else(|| text.to_owned(), |bytes| String::from_utf8(bytes).expect("text")))
}

#[test]
fn values_are_replaced_in_place_and_every_other_byte_stays() {
    for (text, pointers, expected) in [
        (r#"{"a":1}"#, &["/a"][..], r#"{"a":"R"}"#),
        (
            "{ \"b\" : 1.50e+3 ,\n\t\"a\"\r: {\"x\": [ ] } , \"c\":0}",
            &["/a"],
            "{ \"b\" : 1.50e+3 ,\n\t\"a\"\r: \"R\" , \"c\":0}",
        ),
        (r#"{"a":1,"a":{"a":2},"a":[3]}"#, &["/a"], r#"{"a":"R","a":"R","a":"R"}"#),
        (r#"{"\u0061":1,"\u00e4":2}"#, &["/a", "/ä"], r#"{"\u0061":"R","\u00e4":"R"}"#),
        (
            r#"{"\"\\\/\b\f\n\r\t\u0041":1}"#,
            &["/\"\\~1\u{8}\u{c}\n\r\tA"],
            r#"{"\"\\\/\b\f\n\r\t\u0041":"R"}"#,
        ),
        (r#"{"\ud83d\ude00":1}"#, &["/😀"], r#"{"\ud83d\ude00":"R"}"#),
        (
            r#"{"cards":[{"n":1,"x":2},{"n":3},4,[{"n":5}]]}"#,
            &["/cards/*/n"],
            r#"{"cards":[{"n":"R","x":2},{"n":"R"},4,[{"n":5}]]}"#,
        ),
        (r#"{"a":{"k":1},"b":{"k":2}}"#, &["/*/k"], r#"{"a":{"k":"R"},"b":{"k":"R"}}"#),
        (r#"{"a":{"k":1},"b":{"k":2}}"#, &["/a", "/a/k", "/b/k"], r#"{"a":"R","b":{"k":"R"}}"#),
        (r#"[[1,2],[3]]"#, &["/0/1", "/1"], r#"[[1,"R"],"R"]"#),
        (r#"[0,1,2]"#, &["/*"], r#"["R","R","R"]"#),
        (r#"{"0":1,"01":2}"#, &["/0"], r#"{"0":"R","01":2}"#),
        (r#"["a","b"]"#, &["/01"], r#"["a","b"]"#),
        (r#"{"a/b":1,"m~n":2,"":3}"#, &["/a~1b", "/m~0n", "/"], r#"{"a/b":"R","m~n":"R","":"R"}"#),
        (r#" {"a": 1} "#, &[""], " \"R\" "),
        (" 7 ", &["", "/a"], " \"R\" "),
        ("null", &["/a"], "null"),
        (r#"{"A":1,"b":"\"a\":1"}"#, &["/a"], r#"{"A":1,"b":"\"a\":1"}"#),
        (r#"{"a":true,"b":false,"c":null}"#, &["/b", "/c"], r#"{"a":true,"b":"R","c":"R"}"#),
        (r#"{"a":[{"b":[{"c":1}]}]}"#, &["/a/*/b/*/c", "/a/0/x"], r#"{"a":[{"b":[{"c":"R"}]}]}"#),
        (r#"{"a":-0.1e-7,"b":1}"#, &["/a"], r#"{"a":"R","b":1}"#),
    ] {
        assert_eq!(redacted(text, pointers), Ok(expected.to_owned()), "{text} {pointers:?}");
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "}",
        "]",
        "{]",
        "[}",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{,}",
        "tru",
        "truex",
        "nul",
        "NaN",
        "Infinity",
        "+1",
        "01",
        "-",
        "1.",
        ".1",
        "1e",
        "1e+",
        "0x1",
        "--1",
        "\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\n\"",
        "\"\u{1}\"",
        "1 2",
        "{} {}",
        "{}x",
        "// c\n1",
        "/**/1",
        "\u{feff}1",
        "\u{a0}1",
        "{\"\\ud800\":1}",
        "{\"\\udc00\\ud800\":1}",
        "{\"a\\udc00\":1}",
        "{\"\\ud800\\u0041\":1}",
        "{\"\\ud800x\":1}",
    ] {
        assert_eq!(redacted(text, &["/a"]), Err(RedactError::Unredactable), "{text:?}");
    }
    let pointers = [Pointer::parse("/a").expect("a pointer")];
    assert_eq!(redact(b"{\"a\":\"\xff\"}", &pointers, b"1", 100), Err(RedactError::Unredactable));
}

#[test]
fn no_prefix_of_a_document_is_taken_for_one() {
    let text = r#"{"a": [1.5e3, "x\u00e4", {"b": null}], "c": true}"#;
    assert!(redacted(text, &["/a"]).is_ok());
    for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
        assert_eq!(redacted(&text[..end], &["/a"]), Err(RedactError::Unredactable), "{}", &text[..end]);
    }
}

#[test]
fn nesting_is_bounded_and_needs_no_stack() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(redacted(&nested(MAX_DEPTH), &["/a"]).is_ok());
    for text in [nested(MAX_DEPTH + 1), "[".repeat(1_000_000), "{\"a\":".repeat(1_000_000)] {
        assert_eq!(redacted(&text, &["/a"]), Err(RedactError::Unredactable));
    }
}

#[test]
fn what_grows_beyond_the_limit_is_given_up() {
    let pointers = [Pointer::parse("/*").expect("a pointer")];
    let text = b"[1,1,1]";
    assert!(redact(text, &pointers, b"\"0123456789\"", 40).expect("fits").is_some());
    assert_eq!(redact(text, &pointers, b"\"0123456789\"", 39), Err(RedactError::TooLong));
    let long = format!("[{}1]", "1,".repeat(100_000));
    assert_eq!(redact(long.as_bytes(), &pointers, b"\"R\"", 1000), Err(RedactError::TooLong));
}

#[test]
fn sixty_four_pointers_are_followed() {
    let names: Vec<String> = (0..64).map(|i| format!("/k{i}/v")).collect();
    let pointers: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = |value: &str| {
        let members: Vec<String> = (0..64).map(|i| format!("\"k{i}\":{{\"v\":{value}}}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(redacted(&text("1"), &pointers), Ok(text("\"R\"")));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn document() -> impl Strategy<Value = Value> {
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
            let _ = redact(&bytes, &[Pointer::parse("/*/*").expect("a pointer")], b"1", 100);
        }
    }
}
