// SPDX-License-Identifier: Apache-2.0
//! One mismatch as a line of JSON, and how many of these lines there are.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::difference::{Difference, Differences, Value};
use crate::exchange::Moment;
use crate::head::Head;
use crate::query;

const MINUTE: Duration = Duration::from_secs(60);
/// Most bytes of a value, and of the place where it is, that are shown.
const MAX_SHOWN: usize = 512;

/// One side of a compared pair.
#[derive(Debug, Clone, Copy)]
pub struct Side {
    pub status: u16,
    /// From the end of the request, or of the copy of it, to the end of the answer.
    pub after: Duration,
}

/// The line for the log.
pub fn line(
    mirror: &str,
    request: &Head,
    [primary, shadow]: [Side; 2],
    differences: &Differences,
    with_values: bool,
) -> String {
    let listed = differences.listed.iter().map(|difference| Listed { difference, with_values }).collect();
    let text = |name| request.get(name).map(String::from_utf8_lossy);
    let request_id = text("x-request-id");
    let path = query::split(request.get(":path").unwrap_or_default()).0;
    let report = Report {
        mirror,
        method: &text(":method").unwrap_or_default(),
        path: &String::from_utf8_lossy(path),
        request_id: request_id.as_deref(),
        primary,
        shadow,
        differences: listed,
    };
    without_controls(serde_json::to_string(&report).unwrap_or_default())
}

/// Escapes what JSON may have as it is, and what breaks a line or steers a terminal.
fn without_controls(line: String) -> String {
    let steers = |character| matches!(character, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}');
    if !line.contains(steers) {
        return line;
    }
    let mut escaped = String::with_capacity(line.len());
    for character in line.chars() {
        if steers(character) {
            // It is in a string: there is nothing like it elsewhere in JSON.
            escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            escaped.push(character);
        }
    }
    escaped
}

struct Report<'a> {
    mirror: &'a str,
    method: &'a str,
    path: &'a str,
    request_id: Option<&'a str>,
    primary: Side,
    shadow: Side,
    differences: Vec<Listed<'a>>,
}

struct Listed<'a> {
    difference: &'a Difference,
    with_values: bool,
}

impl Serialize for Report<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("mirror", self.mirror)?;
        map.serialize_entry("method", self.method)?;
        map.serialize_entry("path", self.path)?;
        map.serialize_entry("request_id", &self.request_id)?;
        map.serialize_entry("primary", &self.primary)?;
        map.serialize_entry("shadow", &self.shadow)?;
        map.serialize_entry("differences", &self.differences)?;
        map.end()
    }
}

impl Serialize for Side {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", &self.status)?;
        map.serialize_entry("ms", &u64::try_from(self.after.as_millis()).unwrap_or(u64::MAX))?;
        map.end()
    }
}

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Difference { at, primary, shadow } = self.difference;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("at", &format_args!("{}", Shown(at.as_bytes())))?;
        if self.with_values {
            map.serialize_entry("primary", primary)?;
            map.serialize_entry("shadow", shadow)?;
        }
        map.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = match self {
            Self::Absent => return serializer.serialize_none(),
            Self::Json(text) | Self::Bytes(text) => text,
        };
        if let Self::Json(_) = self
            && text.len() <= MAX_SHOWN
            // A line break in JSON is white space, and the report is one line.
            && let Ok(value) = RawValue::from_string(String::from_utf8_lossy(text).replace(['\n', '\r'], " "))
        {
            return value.serialize(serializer);
        }
        serializer.collect_str(&Shown(text))
    }
}

/// Text, cut where it is long.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..MAX_SHOWN).unwrap_or(self.0);
        let more = if shown.len() < self.0.len() { "…" } else { "" };
        write!(f, "{}{more}", String::from_utf8_lossy(shown))
    }
}

/// Lets so many lines a minute through, and counts the others.
#[derive(Debug, Default)]
pub struct Throttle {
    /// When the minute began in which lines were let through.
    since: Cell<Option<Moment>>,
    let_through: Cell<u32>,
    left_out: Cell<u64>,
    /// In minutes that are over.
    untold: Cell<u64>,
}

impl Throttle {
    /// Whether one more line may be written.
    pub fn admits(&self, now: Moment, per_minute: u32) -> bool {
        if self.since.get().is_none_or(|since| now.saturating_sub(since) >= MINUTE) {
            self.since.set(Some(now));
            self.let_through.set(0);
            self.untold.set(self.untold.get() + self.left_out.take());
        }
        let admitted = self.let_through.get() < per_minute;
        if admitted {
            self.let_through.set(self.let_through.get() + 1);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
        admitted
    }

    /// How many lines were left out so far. Says so once.
    pub fn take_all_left_out(&self) -> Option<u64> {
        let count = self.untold.take() + self.left_out.take();
        (count > 0).then_some(count)
    }

    /// Whether lines were left out, and nobody was told of it.
    pub fn owes(&self) -> bool {
        self.untold.get() > 0 || self.left_out.get() > 0
    }

    /// How many lines were left out in a minute that is over. Says so once.
    pub fn take_left_out(&self, now: Moment) -> Option<u64> {
        if self.since.get().is_some_and(|since| now.saturating_sub(since) >= MINUTE) {
            self.untold.set(self.untold.get() + self.left_out.take());
        }
        (self.untold.get() > 0).then(|| self.untold.take())
    }
}

#[cfg(test)]
mod tests {
    use super::super::difference::Kind;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn so_many_lines_a_minute_and_a_count_of_the_rest() {
        let throttle = Throttle::default();
        let at = Duration::from_secs;
        let admitted = (100..130).filter(|second| throttle.admits(at(*second), 3)).count();
        assert_eq!(admitted, 3);
        assert_eq!(throttle.take_left_out(at(159)), None, "the minute is not over");
        assert_eq!(throttle.take_left_out(at(160)), Some(27));
        assert_eq!(throttle.take_left_out(at(160)), None);
        assert!(throttle.admits(at(160), 3));
        assert!(!throttle.admits(at(161), 1));
        assert!(!throttle.admits(at(300), 0));
        assert_eq!(throttle.take_left_out(at(301)), Some(1), "of the minute before");
        assert_eq!(throttle.take_left_out(at(360)), Some(1));
    }

    fn difference(at: &str, primary: Value, shadow: Value) -> Difference {
        Difference { at: at.into(), primary, shadow }
    }

    fn report(differences: Vec<Difference>, with_values: bool) -> serde_json::Value {
        let request = crate::head::tests::head(&[
            (":method", "GET"),
            (":path", "/items?user=secret"),
            ("x-request-id", "r-1"),
        ]);
        let side = |status, millis: u64| Side { status, after: Duration::from_micros(millis * 1000 + 900) };
        let mut found = Differences::default();
        differences.into_iter().for_each(|difference| found.note(Kind::Body, || difference));
        let line = line("v2", &request, [side(200, 7), side(500, 80)], &found, with_values);
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).expect("JSON")
    }

    #[test]
    fn a_line_says_which_request_and_where_the_answers_differ() {
        let differences = vec![
            difference("status", Value::Json(b"200".into()), Value::Json(b"500".into())),
            difference("/items/0/price", Value::Json(b"29".into()), Value::Absent),
        ];
        let expected = serde_json::json!({
            "mirror": "v2", "method": "GET", "path": "/items", "request_id": "r-1",
            "primary": {"status": 200, "ms": 7}, "shadow": {"status": 500, "ms": 80},
            "differences": [{"at": "status"}, {"at": "/items/0/price"}],
        });
        assert_eq!(report(differences, false), expected);
    }

    #[test]
    fn values_are_shown_as_what_they_are_and_not_endlessly() {
        let long = format!("[{}1]", "1,\n".repeat(500));
        let values = |value: Value| {
            let report = report(vec![difference("/a", value, Value::Absent)], true);
            assert_eq!(report["differences"][0]["shadow"], serde_json::Value::Null);
            report["differences"][0]["primary"].clone()
        };
        assert_eq!(values(Value::Json(b"{\"a\":\n[1]}".into())), serde_json::json!({"a": [1]}));
        assert_eq!(values(Value::Json(b"\"x\"".into())), "x");
        assert_eq!(values(Value::Bytes(b"a\xff\n".into())), "a\u{fffd}\n");
        let shown = values(Value::Json(long.clone().into()));
        let shown = shown.as_str().expect("text");
        assert!(shown.len() < 600 && shown.ends_with('…') && long.starts_with(shown.trim_end_matches('…')));
    }

    #[test]
    fn a_name_that_is_long_or_steers_a_terminal_does_no_harm() {
        let name = format!("/\u{9b}2J\u{2028}\u{7f}é{}", "x".repeat(100_000));
        let value = || Value::Bytes("\u{85}".into());
        let mut found = Differences::default();
        found.note(Kind::Body, || difference(&name, value(), Value::Json("\"\u{9d}\"".into())));
        let request = crate::head::tests::head(&[(":method", "GET"), (":path", "/\u{9c}")]);
        let side = Side { status: 200, after: Duration::ZERO };
        let line = line("v2", &request, [side, side], &found, true);
        assert!(line.len() < 1000, "{} bytes", line.len());
        assert!(!line.contains(|c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let one = &line["differences"][0];
        let shown = one["at"].as_str().expect("text").strip_suffix('…').expect("cut");
        assert!(name.starts_with(shown), "{shown}");
        assert_eq!(
            (&line["path"], &one["primary"], &one["shadow"]),
            (&"/\u{9c}".into(), &"\u{85}".into(), &"\u{9d}".into())
        );
    }
}
