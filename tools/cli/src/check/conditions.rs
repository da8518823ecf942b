// SPDX-License-Identifier: Apache-2.0
//! `match` and `exclude` in words, from the JSON: what the filter compiles of it does not show its expressions.

use serde_json::{Map, Value};

use super::prose;

/// `GET and HEAD requests under /api`, for each condition.
pub fn requests(conditions: &Value) -> Vec<String> {
    conditions.as_array().into_iter().flatten().map(condition).collect()
}

fn condition(json: &Value) -> String {
    let mut words = match json.get("methods").map(prose::texts) {
        Some(methods) => format!("{} requests", prose::list(&methods, "and")),
        None => "requests".into(),
    };
    if let Some(path) = json.get("path") {
        words.push_str(&match (text_of(path, "prefix"), text_of(path, "exact")) {
            (Some(prefix), _) => format!(" under {prefix}{}", case(path)),
            (_, Some(exact)) => format!(" to {exact}{}", case(path)),
            _ => format!(" whose path {}", matcher(path)),
        });
    }
    let named = |key: &str, thing: &str| -> Vec<String> {
        let entries = json.get(key).and_then(Value::as_object).into_iter().flatten();
        entries.map(|(name, json)| one_named(thing, name, json)).collect()
    };
    let named = [named("headers", "header"), named("query", "query parameter")].concat();
    if !named.is_empty() {
        words.push(' ');
        words.push_str(&prose::list(&named, "and"));
    }
    words
}

fn one_named(thing: &str, name: &str, json: &Value) -> String {
    let name = prose::quoted(name);
    match json.get("present").and_then(Value::as_bool) {
        Some(true) => format!("with {thing} {name}"),
        Some(false) => format!("without {thing} {name}"),
        None if is_credential(&name) => format!("whose {thing} {name} is as configured"),
        None => format!("whose {thing} {name} {}", matcher(json)),
    }
}

/// What is read in the log of a build should not let anybody in.
fn is_credential(name: &str) -> bool {
    const PARTS: [&str; 7] = ["auth", "cookie", "token", "key", "secret", "pass", "session"];
    let name = name.to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part)) && name != "`:authority`"
}

fn matcher(json: &Value) -> String {
    const TESTS: [(&str, &str); 5] = [
        ("exact", "is"),
        ("prefix", "begins with"),
        ("suffix", "ends with"),
        ("contains", "contains"),
        ("regex", "matches"),
    ];
    let found = TESTS.iter().find_map(|(key, verb)| Some((*verb, text_of(json, key)?)));
    match (found, json.get("present")) {
        (Some((verb, text)), _) => format!("{verb} {}{}", prose::quoted(text), case(json)),
        (None, Some(Value::Bool(false))) => "is missing".into(),
        (None, _) => "is there".into(),
    }
}

fn text_of<'a>(json: &'a Value, key: &str) -> Option<&'a str> {
    json.as_object().and_then(|object: &Map<_, _>| object.get(key)?.as_str())
}

fn case(json: &Value) -> &'static str {
    if json.get("ignore_case") == Some(&Value::Bool(true)) { " (in any case)" } else { "" }
}
