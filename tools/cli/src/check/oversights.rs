// SPDX-License-Identifier: Apache-2.0
//! What is valid, and most likely does not do what its writer meant: conditions that never hold, pointers to nothing, paths
//! with a slash too many, keys that were read as another word.

use serde_json::Value;

use super::finding::{Name, Remark};
use crate::yaml::Words;

/// Of one mirror as it is written.
pub fn of(mirror: &Value) -> Vec<Remark> {
    let mut found = Vec::new();
    for key in ["match", "exclude"] {
        for (index, condition) in elements(mirror.get(key)).enumerate() {
            let at = format!("{key}[{index}]");
            found.extend(methods(condition, &at));
            found.extend(path(condition, &at));
        }
    }
    for (index, pointer) in elements(mirror.pointer("/redact/json")).enumerate() {
        if let Some(before) = pointer.as_str().and_then(|text| text.strip_suffix('/')) {
            let says =
                format!("ends with /, so it only hides members with an empty name; write \"{before}\"");
            found.push(Remark::new(Name::Pointer, format!("redact.json[{index}]"), says));
        }
    }
    found.extend(rewrite(mirror));
    found
}

/// Keys that mean something else than they say. A key that is unknown for it is an error already.
pub fn keys(words: &Words, configuration: &str) -> Vec<Remark> {
    let keys = words.keys_below(configuration);
    keys.map(|(path, word)| {
        let says = format!(
            "the key {text} is read as \"{value}\" by YAML 1.1, which Kubernetes reads; write \"{text}\" in quotes",
            text = word.text,
            value = word.value
        );
        Remark::new(Name::YamlKey, path, says)
    })
    .collect()
}

fn elements(list: Option<&Value>) -> impl Iterator<Item = &Value> {
    list.and_then(Value::as_array).into_iter().flatten()
}

fn methods(condition: &Value, at: &str) -> Vec<Remark> {
    let methods = elements(condition.get("methods")).enumerate();
    let wrong = methods.filter_map(|(index, method)| {
        let method = method.as_str()?;
        let usual = method.to_ascii_uppercase();
        let says = format!("{method} is another method than {usual}, as case matters; write \"{usual}\"");
        (method != usual).then(|| Remark::new(Name::MethodCase, format!("{at}.methods[{index}]"), says))
    });
    wrong.collect()
}

fn path(condition: &Value, at: &str) -> Vec<Remark> {
    let tests = ["exact", "prefix", "suffix", "contains"].into_iter();
    let wrong = tests.filter_map(|test| {
        let text = condition.get("path")?.get(test)?.as_str()?;
        let (path, query) = text.split_once('?')?;
        let name = query.split(['=', '&']).next().filter(|name| !name.is_empty()).unwrap_or("name");
        let says = format!(
            "never holds, as the path is compared without its query; write \"path\": {{\"{test}\": \"{path}\"}}, \"query\": \
             {{\"{name}\": {{\"present\": true}}}}"
        );
        Some(Remark::new(Name::PathQuery, format!("{at}.path.{test}"), says))
    });
    wrong.collect()
}

/// A prefix is text, as in Envoy's `prefix_rewrite`: what stands behind it stays, with its slash or without.
fn rewrite(mirror: &Value) -> Option<Remark> {
    let text = |key: &str| mirror.pointer(&format!("/path/{key}")).and_then(Value::as_str);
    let (prefix, replacement) = (text("prefix")?, text("replacement")?);
    let says = match (prefix.ends_with('/'), replacement.ends_with('/')) {
        (false, true) => format!(
            "{prefix}/x becomes {replacement}/x, with two slashes, and {prefix}s becomes {replacement}s; write \"prefix\": \
             \"{prefix}/\""
        ),
        (true, false) => {
            format!("{prefix}x becomes {replacement}x; write \"replacement\": \"{replacement}/\"")
        }
        _ => return None,
    };
    Some(Remark::new(Name::PathPrefix, "path.prefix", says))
}
