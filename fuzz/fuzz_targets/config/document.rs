// SPDX-License-Identifier: Apache-2.0
//! Readers of what a document has under a key. What is of another type should not have been accepted.

use std::time::Duration;

use serde_json::{Map, Value};
use shadow_filter::json::{Pointer, Pointers};

pub type Object = Map<String, Value>;

pub fn has_null(json: &Value) -> bool {
    match json {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        // There it is a value as any other.
        Value::Object(members) => members.iter().any(|(key, value)| key != "set_json" && has_null(value)),
        _ => false,
    }
}

/// Keys that the contract names; no other is accepted.
pub fn known(json: &Object, keys: &[&str]) {
    assert!(json.keys().all(|key| keys.contains(&key.as_str())), "unknown: {json:?}");
}

pub fn flag(json: &Object, key: &str, default: bool) -> bool {
    json.get(key).map_or(default, |value| value.as_bool().expect("true or false"))
}

pub fn number(json: &Object, key: &str) -> Option<f64> {
    json.get(key).map(|value| value.as_f64().expect("a number"))
}

pub fn text<'a>(json: &'a Object, key: &str) -> Option<&'a str> {
    json.get(key).map(|value| value.as_str().expect("text"))
}

pub fn texts(json: &Object, key: &str) -> Vec<String> {
    let items = json.get(key).map(|value| value.as_array().expect("a list"));
    items.into_iter().flatten().map(|item| item.as_str().expect("text").to_owned()).collect()
}

pub fn object<'a>(json: &'a Object, key: &str) -> Option<&'a Object> {
    json.get(key).map(|value| value.as_object().expect("an object"))
}

pub fn pointers(json: &Object, key: &str) -> Pointers {
    let pointers = texts(json, key).iter().map(|text| Pointer::parse(text).expect("a pointer")).collect();
    Pointers::new(pointers).expect("not too many")
}

/// Numbers and their units, one behind the other: `250ms`, `0.25s`, `1m30s`.
pub fn duration(json: &Object, key: &str) -> Option<Duration> {
    let mut rest = text(json, key)?;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').expect("a unit");
        let (number, behind) = rest.split_at(digits);
        let end = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        let millis = [("ms", 1.0), ("s", 1e3), ("m", 6e4), ("h", 3.6e6)]
            .iter()
            .find(|(name, _)| *name == unit)
            .expect("a unit")
            .1;
        sum += number.parse::<f64>().expect("a number") * millis;
        rest = behind;
    }
    Some(Duration::from_millis(sum.round() as u64))
}
