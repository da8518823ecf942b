// SPDX-License-Identifier: Apache-2.0
//! Which places look as if they may differ: ids and times that each answer has anew.

use serde_json::{Value, json};

use super::endpoint::is_id;
use super::{Places, Seen};

/// Names of members that are different in each answer.
const NAMES: [&str; 14] = [
    "id",
    "uuid",
    "guid",
    "ts",
    "time",
    "timestamp",
    "date",
    "now",
    "nonce",
    "etag",
    "traceid",
    "requestid",
    "createdat",
    "updatedat",
];

/// A part of `compare` to paste, or nothing. It is a proposal: whoever knows the field decides.
pub fn ignore(places: &Places) -> Option<Value> {
    let mut pointers: Vec<&str> = places
        .places
        .iter()
        .filter(|(place, seen)| place.field.starts_with('/') && may_differ(&place.field, seen))
        .map(|(place, _)| place.field.as_str())
        .collect();
    pointers.sort_unstable();
    pointers.dedup();
    (!pointers.is_empty()).then(|| json!({ "ignore": pointers }))
}

fn may_differ(field: &str, seen: &Seen) -> bool {
    let name: String =
        field.rsplit('/').next().unwrap_or_default().chars().filter(|c| c.is_alphanumeric()).collect();
    if NAMES.contains(&name.to_lowercase().as_str()) {
        return true;
    }
    let mut values =
        seen.samples.iter().flat_map(|sample| [&sample.primary, &sample.shadow]).flatten().peekable();
    values.peek().is_some() && values.all(is_anew)
}

/// A text that is an id or a time. A number may be a price.
fn is_anew(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| is_id(text) && text.len() >= 8 || humantime::parse_rfc3339_weak(text).is_ok())
}
