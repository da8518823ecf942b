// SPDX-License-Identifier: Apache-2.0
//! What is under a pointer is gone, every other byte stays, and what is no JSON is refused: against a model that finds
//! the values with serde_json. Input: a pointer on each line (`.` is that of the whole document), an empty line, the body.
#![no_main]

use std::fmt;
use std::ops::Range;

use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use shadow_filter::http::Head;
use shadow_filter::json::{MAX_DEEP_TOKENS, MAX_POINTERS, Pointer, Pointers};
use shadow_filter::transform::{JsonSettings, RedactError, Redaction, Replacement};
use shadow_filter_fuzz::{contains, head, sections};

const MAX_DEPTH: usize = 1000;
const REPLACEMENT: &[u8] = b"\"[gone]\"";
const SECRET: &[u8] = br#"{"k":["s3cr3t-of-the-planted-value",{"k":[]}]}"#;

fuzz_target!(|data: &[u8]| {
    let (lines, body) = sections(data);
    let pointers: Vec<(&str, Pointer)> = lines
        .into_iter()
        .filter_map(|line| str::from_utf8(line).ok())
        .map(|line| if line == "." { "" } else { line })
        .filter_map(|text| Pointer::parse(text).map(|pointer| (text, pointer)))
        .take(MAX_POINTERS)
        .collect();
    if pointers.is_empty() || body.is_empty() {
        return;
    }
    let tokens: Vec<Vec<String>> = pointers.iter().map(|(text, _)| tokens(text)).collect();
    let Some(json) = Pointers::new(pointers.into_iter().map(|(_, pointer)| pointer).collect()) else {
        assert!(tokens.iter().map(Vec::len).sum::<usize>() > MAX_DEEP_TOKENS);
        return;
    };
    let redaction = Redaction { json, replacement: Replacement::new("[gone]"), ..Redaction::default() };
    let head = head(&[(b"content-type", b"application/json")]);
    let redact =
        |body: &[u8], max: usize| redaction.body(&head, body, max).map(|new| new.unwrap_or(body.to_vec()));

    let Some(text) = str::from_utf8(body).ok().filter(|text| is_json(text)) else {
        assert_eq!(redact(body, usize::MAX), Err(RedactError::Unredactable), "not JSON");
        return;
    };
    let redacted = match redact(body, usize::MAX) {
        Ok(redacted) => redacted,
        Err(refusal) => {
            assert_eq!(refusal, RedactError::Unredactable);
            assert!(depth(body) > MAX_DEPTH || may_have_half_a_pair(text), "JSON, but refused");
            return;
        }
    };
    assert!(depth(body) <= MAX_DEPTH);
    assert!(str::from_utf8(&redacted).is_ok_and(is_json));
    check_limit(&redaction, &head, body, &redacted);

    check_setting(&head, text, &redaction);

    // A name that is half a surrogate pair is no text for the model, either.
    let mut spans = Vec::new();
    let live: Vec<&[String]> = tokens.iter().map(Vec::as_slice).collect();
    if find(text, text.as_ptr() as usize, &live, &mut spans).is_none() {
        return;
    }
    assert_eq!(redacted, with(body, &spans, REPLACEMENT));
    assert_eq!(redact(&redacted, usize::MAX).as_ref(), Ok(&redacted), "once is enough");

    // Whatever the value was, nothing of it is left.
    let planted = with(body, &spans, SECRET);
    if depth(&planted) <= MAX_DEPTH {
        let clean = redact(&planted, usize::MAX).expect("as much JSON as before");
        assert_eq!(clean, redacted);
        assert!(!contains(&clean, b"s3cr3t") || contains(body, b"s3cr3t"));
    }
});

/// A member that is set beside what is hidden: each reader finds it, and nothing else has changed.
fn check_setting(head: &Head, text: &str, hidden: &Redaction) {
    let mut set = JsonSettings::default();
    set.add(Pointer::parse("/zz").expect("a pointer"), b"[7]".into()).expect("alone");
    let alone = Redaction { set, ..Redaction::default() };
    let edited = alone.body(head, text.as_bytes(), usize::MAX);
    let is_object = text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{');
    let Ok(Some(edited)) = edited else {
        assert_eq!(edited, Err(RedactError::Unredactable));
        assert!(!is_object || may_have_half_a_pair(text), "an object takes a member");
        return;
    };
    assert!(is_object);
    let edited = str::from_utf8(&edited).expect("text");
    assert!(is_json(edited));
    let members = |text: &str| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
    if let (Ok(mut before), Ok(after)) = (members(text), members(edited)) {
        before.insert("zz".into(), serde_json::json!([7]));
        assert_eq!(after, before);
    }
    if !hidden.json.iter().any(|pointer| alone.set.has_one_within(pointer)) {
        let both = Redaction { set: alone.set, ..hidden.clone() };
        let in_one = both.body(head, text.as_bytes(), usize::MAX);
        assert!(in_one.is_ok_and(|in_one| in_one.is_some_and(|one| str::from_utf8(&one).is_ok_and(is_json))));
    }
}

fn check_limit(redaction: &Redaction, head: &Head, body: &[u8], redacted: &[u8]) {
    if redacted != body {
        assert!(redaction.body(head, body, redacted.len()).is_ok());
        let shorter = redaction.body(head, body, redacted.len() - 1);
        assert_eq!(shorter, Err(RedactError::TooLong));
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether an escape of the text is of a surrogate: whole pairs are taken for halves, too.
fn may_have_half_a_pair(text: &str) -> bool {
    text.to_ascii_lowercase().contains("\\ud")
}

/// Of JSON.
fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// The tokens of a pointer, escaped as they are.
fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(str::to_owned).collect()
}

/// Finds the outermost values under the pointers, in order. `None` where a name is no text.
fn find(value: &str, base: usize, live: &[&[String]], spans: &mut Vec<Range<usize>>) -> Option<()> {
    let value = value.trim_matches([' ', '\t', '\n', '\r']);
    // A `**` may be no level at all.
    let mut live = live.to_vec();
    let mut at = 0;
    while let Some(tokens) = live.get(at).copied() {
        if let Some((_, rest)) = tokens.split_first().filter(|(token, _)| *token == "**") {
            live.push(rest);
        }
        at += 1;
    }
    if live.iter().any(|tokens| tokens.is_empty()) {
        let start = value.as_ptr() as usize - base;
        spans.push(start..start + value.len());
        return Some(());
    }
    if live.is_empty() {
        return Some(());
    }
    let children: Vec<(Key, &str)> = match value.as_bytes().first() {
        Some(b'{') => {
            let Members(members) = serde_json::from_str(value).ok()?;
            members.into_iter().map(|(name, raw)| (Key::Member(name), raw.get())).collect()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(value).ok()?;
            items.into_iter().enumerate().map(|(index, raw)| (Key::Element(index), raw.get())).collect()
        }
        _ => Vec::new(),
    };
    for (key, child) in children {
        let live: Vec<&[String]> = live
            .iter()
            .filter_map(|tokens| Some((*tokens, tokens.split_first()?)))
            .filter(|(_, (token, _))| *token == "**" || key.is(token))
            .map(|(tokens, (token, rest))| if token == "**" { tokens } else { rest })
            .collect();
        find(child, base, &live, spans)?;
    }
    Some(())
}

enum Key {
    Member(String),
    Element(usize),
}

impl Key {
    fn is(&self, token: &str) -> bool {
        token == "*"
            || match self {
                Self::Member(name) => name.replace('~', "~0").replace('/', "~1") == token,
                Self::Element(index) => index.to_string() == token,
            }
    }
}

fn with(body: &[u8], spans: &[Range<usize>], value: &[u8]) -> Vec<u8> {
    let mut new = Vec::new();
    let mut copied = 0;
    for span in spans {
        new.extend(&body[copied..span.start]);
        new.extend(value);
        copied = span.end;
    }
    new.extend(&body[copied..]);
    new
}

/// Members in order, with those of a repeated name.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = access.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(All).map(Members)
    }
}
