// SPDX-License-Identifier: Apache-2.0
//! What is valid, and most likely does not do what its writer meant: conditions that never hold, pointers to nothing.

use serde_json::Value;

/// One line for each, with its JSON path, of one mirror as it is written.
pub fn of(mirror: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for key in ["match", "exclude"] {
        for (index, condition) in elements(mirror.get(key)).enumerate() {
            let at = format!("{key}[{index}]");
            found.extend(methods(condition).map(|(index, why)| format!("{at}.methods[{index}]: {why}")));
            found.extend(path(condition).map(|(test, why)| format!("{at}.path.{test}: {why}")));
        }
    }
    for (index, pointer) in elements(mirror.pointer("/redact/json")).enumerate() {
        if pointer.as_str().is_some_and(|text| text.ends_with('/')) {
            found.push(format!(
                "redact.json[{index}]: ends with /, so it only hides members with an empty name"
            ));
        }
    }
    found
}

fn elements(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn methods(condition: &Value) -> impl Iterator<Item = (usize, String)> {
    elements(condition.get("methods")).enumerate().filter_map(|(index, method)| {
        let method = method.as_str()?;
        let usual = method.to_ascii_uppercase();
        (method != usual).then(|| (index, format!("{method} is another method than {usual}; case matters")))
    })
}

fn path(condition: &Value) -> impl Iterator<Item = (&'static str, &'static str)> {
    ["exact", "prefix", "suffix", "contains"].into_iter().filter_map(|test| {
        let text = condition.get("path")?.get(test)?.as_str()?;
        text.contains('?')
            .then_some((test, "never holds, as the path is compared without its query; see query"))
    })
}
