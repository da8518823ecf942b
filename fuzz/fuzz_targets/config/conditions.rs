// SPDX-License-Identifier: Apache-2.0
//! Which requests are eligible, of a configuration that was accepted.

use serde_json::{Map, Value};
use shadow_filter::select::{Condition, Matcher, Test};

use crate::document::{Object, flag, known, object, text, texts};

pub fn check_conditions(found: Option<&[Condition]>, json: Option<&Value>) {
    let (Some(found), Some(json)) = (found, json) else { return assert_eq!(found.is_some(), json.is_some()) };
    let json = json.as_array().expect("a list");
    assert_eq!(found.len(), json.len());
    for (condition, json) in found.iter().zip(json) {
        let json = json.as_object().expect("an object");
        known(json, &["methods", "path", "headers", "query", "answer"]);
        let methods = json.contains_key("methods").then(|| texts(json, "methods"));
        let found = condition
            .methods
            .clone()
            .map(|methods| methods.into_iter().map(|m| String::from_utf8(m).expect("text")).collect());
        assert_eq!(found, methods);
        assert_eq!(condition.path.is_some(), json.contains_key("path"));
        if let (Some(matcher), Some(json)) = (&condition.path, object(json, "path")) {
            check_matcher(matcher, json, false);
        }
        let names = |name: &str| {
            if name.eq_ignore_ascii_case("host") {
                ":authority".to_owned()
            } else {
                name.to_ascii_lowercase()
            }
        };
        check_named(
            condition.headers.iter().map(|(name, matcher)| (name.clone(), matcher)),
            object(json, "headers"),
            names,
        );
        let query = condition
            .query
            .iter()
            .map(|(name, matcher)| (String::from_utf8(name.clone()).expect("text"), matcher));
        check_named(query, object(json, "query"), str::to_owned);
    }
}

fn check_named<'a>(
    found: impl Iterator<Item = (String, &'a Matcher)>,
    json: Option<&Object>,
    name: impl Fn(&str) -> String,
) {
    let found: Vec<_> = found.collect();
    assert_eq!(found.len(), json.map_or(0, Map::len));
    for (key, json) in json.into_iter().flatten() {
        let named: Vec<_> = found.iter().filter(|(other, _)| *other == name(key)).collect();
        assert!(!named.is_empty());
        if let [(_, matcher)] = *named {
            check_matcher(matcher, json.as_object().expect("an object"), name(key) == ":authority");
        }
    }
}

/// `of_host`: hosts are compared without case.
fn check_matcher(found: &Matcher, json: &Object, of_host: bool) {
    known(json, &["exact", "prefix", "suffix", "contains", "regex", "present", "ignore_case"]);
    assert_eq!(json.len(), 1 + usize::from(json.contains_key("ignore_case")), "one test");
    let (key, pattern) = match found {
        Matcher::Present(present) => return assert_eq!(*present, flag(json, "present", !present)),
        Matcher::Value(Test::Exact(text)) => ("exact", text),
        Matcher::Value(Test::Prefix(text)) => ("prefix", text),
        Matcher::Value(Test::Suffix(text)) => ("suffix", text),
        Matcher::Value(Test::Contains(text)) => ("contains", text),
        Matcher::Value(Test::Whole(_)) => return assert!(text(json, "regex").is_some()),
    };
    assert_eq!(Some(&*pattern.bytes), text(json, key).map(str::as_bytes));
    assert_eq!(pattern.ignore_case, of_host || flag(json, "ignore_case", false));
}
