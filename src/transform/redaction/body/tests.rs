// SPDX-License-Identifier: Apache-2.0
//! What is replaced, what stays, and what is refused.

use super::super::Replacement;
use super::*;
use crate::json::{Pointer, Pointers};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn of(pointers: &[&str]) -> Pointers {
    let pointers = pointers.iter().map(|text| Pointer::parse(text).expect("a pointer"));
    Pointers::new(pointers.collect()).expect("not too many")
}

/// In steps of so much work.
fn sliced(
    text: &[u8],
    pointers: &[&str],
    replacement: &str,
    max_len: usize,
    slices: &[usize],
) -> Result<Option<Vec<u8>>, RedactError> {
    let json = of(pointers);
    let replacement = Replacement::new(replacement);
    let redaction = Redaction { json, replacement, ..Redaction::default() };
    let mut body = BodyRedaction::new(&redaction, max_len);
    for slice in slices.iter().cycle() {
        if let Poll::Ready(redacted) = body.step(&redaction, text, *slice) {
            return redacted;
        }
    }
    Ok(None)
}

fn redact(
    text: &[u8],
    pointers: &[&str],
    replacement: &str,
    max_len: usize,
) -> Result<Option<Vec<u8>>, RedactError> {
    sliced(text, pointers, replacement, max_len, &[usize::MAX])
}

fn redacted(text: &str, pointers: &[&str]) -> Result<String, RedactError> {
    let result = redact(text.as_bytes(), pointers, "R", 1 << 20)?;
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
    assert_eq!(redact(b"{\"a\":\"\xff\"}", &["/a"], "1", 100), Err(RedactError::Unredactable));
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
    let text = b"[1,1,1]";
    assert!(redact(text, &["/*"], "0123456789", 40).expect("fits").is_some());
    assert_eq!(redact(text, &["/*"], "0123456789", 39), Err(RedactError::TooLong));
    let long = format!("[{}1]", "1,".repeat(100_000));
    assert_eq!(redact(long.as_bytes(), &["/*"], "R", 1000), Err(RedactError::TooLong));
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

#[test]
fn what_it_notes_is_told_and_its_result_is_allocated_once() {
    let text = format!("[{}1]", "1,".repeat(100_000));
    let redaction = Redaction { json: of(&["/*"]), ..Redaction::default() };
    let mut body = BodyRedaction::new(&redaction, 1 << 22);
    let mut most = 0;
    let redacted = loop {
        if let Poll::Ready(redacted) = body.step(&redaction, text.as_bytes(), 10_000) {
            break redacted.expect("JSON").expect("replaced");
        }
        most = most.max(body.noted_bytes());
    };
    assert_eq!(redacted.len(), redacted.capacity());
    assert!((1..2 * text.len()).contains(&most), "{most} bytes for 100,001 places");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties;
mod setting;
