// SPDX-License-Identifier: Apache-2.0
//! What is set, what is added, and where neither can be done.

use super::*;
use crate::json::Pointer;
use crate::transform::JsonSettings;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn settings(values: &[(&str, &str)]) -> JsonSettings {
    let mut settings = JsonSettings::default();
    for (pointer, value) in values {
        let pointer = Pointer::parse(pointer).expect("a pointer");
        assert_eq!(settings.add(pointer, (*value).into()), Ok(()));
    }
    settings
}

fn edited_in(
    text: &[u8],
    values: &[(&str, &str)],
    hidden: &[&str],
    max_len: usize,
    slices: &[usize],
) -> Result<Option<Vec<u8>>, RedactError> {
    let json = of(hidden);
    let replacement = Replacement::new("R");
    let redaction = Redaction { json, replacement, set: settings(values), ..Redaction::default() };
    let mut body = BodyRedaction::new(&redaction, max_len);
    for slice in slices.iter().cycle() {
        if let Poll::Ready(edited) = body.step(&redaction, text, *slice) {
            return edited;
        }
    }
    Ok(None)
}

fn edited(text: &str, values: &[(&str, &str)], hidden: &[&str]) -> Result<String, RedactError> {
    let result = edited_in(text.as_bytes(), values, hidden, 1 << 20, &[usize::MAX])?;
    Ok(result.map_or_else(|| text.to_owned(), |bytes| String::from_utf8(bytes).expect("text")))
}

#[test]
fn values_are_set_and_missing_members_are_added() {
    for (text, values, expected) in [
        (r#"{"model":"v1","n":1}"#, &[("/model", r#""v2""#)][..], r#"{"model":"v2","n":1}"#),
        (" { \"model\" : [ 1 ] ,\"n\" : 1.0 } ", &[("/model", "{}")], " { \"model\" : {} ,\"n\" : 1.0 } "),
        (r#"{"a":1,"a":{"b":2}}"#, &[("/a", "3")], r#"{"a":3,"a":3}"#),
        (r#"{"\u0061":1}"#, &[("/a", "3")], r#"{"\u0061":3}"#),
        (r#"{}"#, &[("/a", "1")], r#"{"a":1}"#),
        (r#"{ }"#, &[("/a", "1"), ("/b", "2")], r#"{"a":1,"b":2 }"#),
        ("{\n  \"x\": 1\n}", &[("/a", "1")], "{\n  \"x\": 1,\"a\":1\n}"),
        (r#"{"x":[1]}"#, &[("/a", "1"), ("/x", "2"), ("/b", "3")], r#"{"x":2,"a":1,"b":3}"#),
        (r#"{"x":{"y":{}}}"#, &[("/x/y/z", "1")], r#"{"x":{"y":{"z":1}}}"#),
        (r#"{"x":{"y":1},"z":2}"#, &[("/x/w", "1"), ("/v", "2")], r#"{"x":{"y":1,"w":1},"z":2,"v":2}"#),
        (r#"[1,[2,3]]"#, &[("/1/0", "null"), ("/0", "true")], r#"[true,[null,3]]"#),
        (r#"{"m":[{"r":"a"},{},{"x":1}]}"#, &[("/m/*/r", "0")], r#"{"m":[{"r":0},{"r":0},{"x":1,"r":0}]}"#),
        (r#"{"m":[]}"#, &[("/m/*/r", "0")], r#"{"m":[]}"#),
        (r#"{"a":1,"b":[2]}"#, &[("/*", "0")], r#"{"a":0,"b":0}"#),
        (r#"{"0":1}"#, &[("/0", "2"), ("/1", "3")], r#"{"0":2,"1":3}"#),
        (r#"{"a/b":1}"#, &[("/a~1b", "2"), ("/m~0\"n", "3")], r#"{"a/b":2,"m~\"n":3}"#),
        (" 7 ", &[("", "{}")], " {} "),
        (r#"{"a":{"a":1}}"#, &[("/a/a", "2")], r#"{"a":{"a":2}}"#),
    ] {
        assert_eq!(edited(text, values, &[]), Ok(expected.to_owned()), "{text} {values:?}");
    }
}

#[test]
fn what_cannot_be_set_is_refused() {
    for (text, values) in [
        ("7", &[("/a", "1")][..]),
        (r#""a""#, &[("/a", "1")]),
        (r#"[]"#, &[("/a", "1")]),
        (r#"[1]"#, &[("/1", "1")]),
        (r#"[]"#, &[("/-", "1")]),
        (r#"{}"#, &[("/a/b", "1")]),
        (r#"{"a":1}"#, &[("/a/b", "1")]),
        (r#"{"a":null}"#, &[("/a/b", "1")]),
        (r#"{"a":[]}"#, &[("/a/b", "1")]),
        (r#"{"a":{},"a":7}"#, &[("/a/b", "1")]),
        (r#"{"m":[{},7]}"#, &[("/m/*/r", "0")]),
        (r#"{"\ud800":1}"#, &[("/a", "1")]),
        (r#"{"a":1"#, &[("/a", "1")]),
        (r#"{"a":1,}"#, &[("/b", "1")]),
        ("", &[("", "1")]),
    ] {
        assert_eq!(edited(text, values, &[]), Err(RedactError::Unredactable), "{text} {values:?}");
    }
}

#[test]
fn one_pass_hides_and_sets() {
    for (text, values, hidden, expected) in [
        (r#"{"key":"s","model":"v1"}"#, &[("/model", "2")][..], &["/key"][..], r#"{"key":"R","model":2}"#),
        (r#"{"key":{"s":1}}"#, &[("/model", "2")], &["/key"], r#"{"key":"R","model":2}"#),
        // Both of one value: what is set comes from the configuration, and nothing of the request is left.
        (r#"{"key":{"s":1}}"#, &[("/key", "2")], &["/key"], r#"{"key":2}"#),
        (r#"{"user":{"mail":"s"}}"#, &[("/user", "{}")], &["/user/mail"], r#"{"user":{}}"#),
        (r#"{"a":{"s":1},"b":2}"#, &[("/a", "0")], &["/*"], r#"{"a":0,"b":"R"}"#),
    ] {
        assert_eq!(edited(text, values, hidden), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn pointers_that_meet_are_told_apart_before() {
    use crate::transform::SettingConflict::Overlap;
    for (one, other) in [
        ("/a", "/a"),
        ("/a", "/a/b"),
        ("/a/b", "/a"),
        ("", "/a"),
        ("/*", "/a"),
        ("/a/*/b", "/a/0"),
        ("/a/0", "/a/*"),
    ] {
        let mut settings = settings(&[(one, "1")]);
        assert_eq!(
            settings.add(Pointer::parse(other).expect("a pointer"), b"2".into()),
            Err(Overlap),
            "{one} {other}"
        );
    }
    let settings = settings(&[("/a/b", "1")]);
    for (hidden, within) in [
        ("/a", true),
        ("/*", true),
        ("", true),
        ("/a/b", false),
        ("/a/b/c", false),
        ("/**/a", true),
        ("/**/b", false),
        ("/a/**/b", false),
        ("/**/*", true),
        ("/x/**/b", false),
        ("/b", false),
    ] {
        assert_eq!(settings.has_one_within(&Pointer::parse(hidden).expect("a pointer")), within, "{hidden}");
    }
}

#[test]
fn what_grows_beyond_the_limit_is_not_set() {
    let edited = |max| edited_in(b"[{},{}]", &[("/*/a", "12345")], &[], max, &[usize::MAX]);
    assert_eq!(edited(25), Ok(Some(br#"[{"a":12345},{"a":12345}]"#.to_vec())));
    assert_eq!(edited(24), Err(RedactError::TooLong));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::transform::redaction::body::tests::properties::document;

    /// The same by the tree; `None` where it cannot be done.
    fn model(value: &mut Value, tokens: &[&str], new: &Value) -> Option<()> {
        let Some((token, rest)) = tokens.split_first() else {
            *value = new.clone();
            return Some(());
        };
        match value {
            Value::Array(items) if *token == "*" => {
                items.iter_mut().try_for_each(|item| model(item, rest, new))
            }
            Value::Array(items) => {
                let plain = *token == "0" || !token.starts_with('0');
                let index: usize = token.parse().ok().filter(|_| plain)?;
                model(items.get_mut(index)?, rest, new)
            }
            Value::Object(members) if *token == "*" => {
                members.values_mut().try_for_each(|member| model(member, rest, new))
            }
            Value::Object(members) => match members.get_mut(*token) {
                Some(member) => model(member, rest, new),
                None if rest.is_empty() => {
                    members.insert((*token).to_owned(), new.clone());
                    Some(())
                }
                None => None,
            },
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn a_reader_finds_what_the_model_says(
            document in document(),
            pretty: bool,
            tokens in proptest::collection::vec(prop_oneof!["[abcé]{0,2}", "[0-2]", Just("*".to_owned())], 0..4),
            slices in prop::collection::vec(1..60usize, 1..8),
        ) {
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let text = text.expect("text");
            let pointer: String = tokens.iter().map(|token| format!("/{token}")).collect();
            let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
            let new = json!({"set": [1, "x"]});
            let mut expected = document.clone();
            let can_be = model(&mut expected, &tokens, &new).is_some();
            let values = [(pointer.as_str(), r#"{"set":[1,"x"]}"#)];
            let result = edited(&text, &values, &[]);
            prop_assert_eq!(result.is_ok(), can_be, "{} {}", text, pointer);
            let in_steps = edited_in(text.as_bytes(), &values, &[], 1 << 20, &slices);
            let at_once = edited_in(text.as_bytes(), &values, &[], 1 << 20, &[usize::MAX]);
            prop_assert_eq!(in_steps, at_once);
            if let Ok(result) = result {
                prop_assert_eq!(serde_json::from_str::<Value>(&result).expect("JSON"), expected);
            }
        }

        /// Nothing of what is hidden is left, whatever is set beside it.
        #[test]
        fn no_secret_is_left(document in document(), slices in prop::collection::vec(1..60usize, 1..8)) {
            let secret = format!("{{\"deep\":[\"S3CRET\",{document}]}}");
            let text = format!("{{\"k\":{document} ,\"secret\": {secret},\"model\":{document}, \"secret\":{secret}}}");
            let values = [("/model", "2"), ("/more", "[]")];
            let result = edited_in(text.as_bytes(), &values, &["/secret"], 1 << 20, &slices).expect("JSON");
            let result = String::from_utf8(result.expect("edited")).expect("text");
            prop_assert!(!result.contains("S3CRET"));
            let expected = format!("{{\"k\":{document} ,\"secret\": \"R\",\"model\":2, \"secret\":\"R\",\"more\":[]}}");
            prop_assert_eq!(result, expected);
        }
    }
}
