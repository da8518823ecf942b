// SPDX-License-Identifier: Apache-2.0
//! What copies look like, of a configuration that was accepted.

use std::time::Duration;

use serde_json::Value;
use shadow_filter::transform::{
    Authority, HeaderEdits, NamePattern, PathPattern, PathRewrite, Replacement, Scheme, Transform,
};

use crate::document::{Object, duration, known, number, object, pointers, text, texts};

pub fn check_transform(found: &Transform, json: &Object, timeout: Duration) {
    let authority = match json.get("authority") {
        None => Authority::Suffix(b"-shadow".to_vec()),
        Some(Value::Object(json)) => {
            known(json, &["suffix", "literal"]);
            assert_eq!(json.len(), 1);
            let literal = text(json, "literal").map(|text| Authority::Literal(text.into()));
            literal.unwrap_or_else(|| Authority::Suffix(text(json, "suffix").expect("text").into()))
        }
        keep => (keep == Some(&"keep".into())).then_some(Authority::Keep).expect("keep"),
    };
    assert_eq!(found.authority, authority);
    let scheme = match text(json, "scheme") {
        None | Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        keep => (keep == Some("keep")).then_some(Scheme::Keep).expect("one of the three"),
    };
    assert_eq!(found.scheme, scheme);
    assert_eq!(found.redact.set.len(), object(json, "set_json").map_or(0, Object::len));
    let path = object(json, "path").map(|json| {
        known(json, &["prefix", "regex", "replacement"]);
        let part = |key| text(json, key).expect("text");
        match text(json, "regex") {
            None => {
                PathRewrite::Prefix { prefix: part("prefix").into(), replacement: part("replacement").into() }
            }
            Some(regex) => {
                assert!(!json.contains_key("prefix"));
                PathRewrite::Pattern(PathPattern::new(regex, part("replacement")).expect("valid"))
            }
        }
    });
    assert_eq!(found.path, path);
    check_edits(&found.headers, object(json, "headers"));
    check_redaction(found, object(json, "redact"));
    let Some(retry) = object(json, "retry") else { return assert!(found.retry.is_none()) };
    known(retry, &["attempts", "retry_on", "per_try_timeout"]);
    let attempts = number(retry, "attempts").expect("a number");
    assert!(attempts >= 1.0);
    let key = "retry_on";
    let on = if retry.contains_key(key) {
        texts(retry, key).join(",")
    } else {
        "connect-failure,refused-stream,reset".into()
    };
    let mut expected = vec![("x-envoy-max-retries", attempts.to_string()), ("x-envoy-retry-on", on)];
    if let Some(per_try) = duration(retry, "per_try_timeout") {
        assert!(per_try <= timeout);
        expected.push(("x-envoy-upstream-rq-per-try-timeout-ms", per_try.as_millis().to_string()));
    }
    let headers = found.retry.iter().flat_map(|retry| retry.headers());
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    let expected: Vec<_> =
        expected.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes())).collect();
    assert_eq!(headers, expected);
}

fn check_edits(found: &HeaderEdits, json: Option<&Object>) {
    let empty = Object::new();
    let json = json.unwrap_or(&empty);
    known(json, &["remove", "set", "add"]);
    let remove: Vec<String> = texts(json, "remove").iter().map(|name| name.to_ascii_lowercase()).collect();
    if !remove.iter().any(|name| name.starts_with('$')) {
        let patterns = remove.into_iter().map(|name| match name.strip_suffix('*') {
            Some(prefix) => NamePattern::Prefix(prefix.into()),
            None => NamePattern::Name(name.into()),
        });
        assert_eq!(found.remove, patterns.collect::<Vec<_>>());
    }
    for (key, found) in [("set", &found.set), ("add", &found.add)] {
        let value = |value: &Value| value.as_str().expect("text").as_bytes().to_vec();
        let entries = object(json, key).into_iter().flatten();
        let mut expected: Vec<_> =
            entries.map(|(name, text)| (name.to_ascii_lowercase().into_bytes(), value(text))).collect();
        let mut found = found.clone();
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
    }
}

fn check_redaction(found: &Transform, json: Option<&Object>) {
    let empty = Object::new();
    let json = json.unwrap_or(&empty);
    known(json, &["headers", "query", "json", "replacement"]);
    let lower = |name: &String| name.to_ascii_lowercase();
    assert_eq!(found.redact.headers, texts(json, "headers").iter().map(lower).collect::<Vec<_>>());
    assert_eq!(
        found.redact.query,
        texts(json, "query").into_iter().map(String::into_bytes).collect::<Vec<_>>()
    );
    assert_eq!(found.redact.json, pointers(json, "json"));
    assert_eq!(found.redact.replacement, Replacement::new(text(json, "replacement").unwrap_or("[redacted]")));
}
