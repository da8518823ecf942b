// SPDX-License-Identifier: Apache-2.0
//! What the values of a field have in common, over all lines that name it.

use serde_json::Value;

use super::endpoint::is_id;
use super::line::Difference;

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
/// Seconds and milliseconds since 1970 that are times: 2001 to 2033.
const SECONDS: std::ops::Range<f64> = 1e9..2e9;
const MILLISECONDS: std::ops::Range<f64> = 1e12..2e12;

#[derive(Debug, Default)]
pub(super) struct Values {
    /// Values of either side, and those of them that are ids or times.
    all: u64,
    anew: u64,
}

impl Values {
    pub(super) fn add(&mut self, difference: &Difference) {
        for value in [&difference.primary, &difference.shadow].into_iter().flatten() {
            self.all += 1;
            self.anew += u64::from(is_anew(value));
        }
    }

    /// By the values, where there are any, or else by the name alone.
    pub(super) fn may_differ(&self, field: &str) -> bool {
        if !field.starts_with('/') {
            return false;
        }
        if self.all > 0 {
            return self.anew == self.all;
        }
        let last = field.rsplit('/').next().unwrap_or_default();
        let name: String = last.chars().filter(|character| character.is_alphanumeric()).collect();
        NAMES.contains(&name.to_lowercase().as_str())
    }
}

/// An id or a time. Another number may be a price.
fn is_anew(value: &Value) -> bool {
    match value {
        Value::String(text) => is_id(text) && text.len() >= 8 || humantime::parse_rfc3339_weak(text).is_ok(),
        Value::Number(number) => {
            number.as_f64().is_some_and(|number| SECONDS.contains(&number) || MILLISECONDS.contains(&number))
        }
        _ => false,
    }
}
