// SPDX-License-Identifier: Apache-2.0
//! One pair of answers as a line of JSON.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

use crate::compare::{Difference, Differences, SideValue};

/// Most bytes of a value, and of the place where it is, that are shown.
const MAX_SHOWN: usize = 512;
/// Most bytes of a path with its query, so that most requests can be repeated.
const MAX_WITH_QUERY: usize = 2048;

/// What a line says of the request.
#[derive(Debug)]
pub struct LoggedRequest<'a> {
    pub method: &'a [u8],
    pub path: Cow<'a, [u8]>,
    pub request_id: Option<&'a [u8]>,
    /// Names and values of headers; `None` where none are asked for.
    pub headers: Option<Vec<(&'a str, Vec<u8>)>>,
}

/// One side of a compared pair.
#[derive(Debug, Clone, Copy)]
pub struct Answered {
    pub status: u16,
    /// From the end of the request, or of the copy of it, to the end of the answer.
    pub after: Duration,
}

/// The line for the log.
pub fn line(
    mirror: &str,
    request: &LoggedRequest,
    [primary, shadow]: [Answered; 2],
    differences: &Differences,
    with_values: bool,
) -> String {
    let listed = differences.listed.iter().map(|difference| Listed { difference, with_values }).collect();
    let report = Report { mirror, request, primary, shadow, differences: listed };
    without_controls(serde_json::to_string(&report).unwrap_or_default())
}

/// Escapes what JSON may have as it is, and what breaks a line, steers a terminal or turns the direction of what follows.
fn without_controls(line: String) -> String {
    let steers = |character| {
        matches!(
            character,
            '\u{7f}'..='\u{9f}'
                | '\u{61c}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
                | '\u{feff}'
        )
    };
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
    request: &'a LoggedRequest<'a>,
    primary: Answered,
    shadow: Answered,
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
        let LoggedRequest { method, path, request_id, headers } = self.request;
        map.serialize_entry("method", &Cut(method))?;
        let most = if path.contains(&b'?') { MAX_WITH_QUERY } else { MAX_SHOWN };
        map.serialize_entry("path", &CutAt(path, most))?;
        if let Some(headers) = headers {
            map.serialize_entry("headers", &LoggedHeaders(headers))?;
        }
        map.serialize_entry("request_id", &request_id.map(Cut))?;
        map.serialize_entry("primary", &self.primary)?;
        map.serialize_entry("shadow", &self.shadow)?;
        map.serialize_entry("differences", &self.differences)?;
        map.end()
    }
}

struct LoggedHeaders<'a>(&'a [(&'a str, Vec<u8>)]);

impl Serialize for LoggedHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, Cut(value))))
    }
}

impl Serialize for Answered {
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
        map.serialize_entry("at", &Cut(at.as_bytes()))?;
        if self.with_values {
            map.serialize_entry("primary", primary)?;
            map.serialize_entry("shadow", shadow)?;
        }
        map.end()
    }
}

impl Serialize for SideValue {
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
        Cut(text).serialize(serializer)
    }
}

/// Text, cut where it is long.
struct Cut<'a>(&'a [u8]);

/// The same, cut at this length.
struct CutAt<'a>(&'a [u8], usize);

impl Serialize for Cut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        CutAt(self.0, MAX_SHOWN).serialize(serializer)
    }
}

impl Serialize for CutAt<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for CutAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..self.1).unwrap_or(self.0);
        let more = if shown.len() < self.0.len() { "…" } else { "" };
        write!(f, "{}{more}", String::from_utf8_lossy(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::DifferenceKind;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn difference(at: &str, primary: SideValue, shadow: SideValue) -> Difference {
        Difference { at: at.into(), primary, shadow }
    }

    fn report(differences: Vec<Difference>, with_values: bool) -> serde_json::Value {
        let request = LoggedRequest {
            method: b"GET",
            path: b"/items"[..].into(),
            request_id: Some(b"r-1"),
            headers: None,
        };
        let side =
            |status, millis: u64| Answered { status, after: Duration::from_micros(millis * 1000 + 900) };
        let mut found = Differences::default();
        differences.into_iter().for_each(|difference| found.note(DifferenceKind::Body, || difference));
        let line = line("v2", &request, [side(200, 7), side(500, 80)], &found, with_values);
        assert!(!line.contains('\n'));
        serde_json::from_str(&line).expect("JSON")
    }

    #[test]
    fn a_line_says_which_request_and_where_the_answers_differ() {
        let differences = vec![
            difference("status", SideValue::Json(b"200".into()), SideValue::Json(b"500".into())),
            difference("/items/0/price", SideValue::Json(b"29".into()), SideValue::Absent),
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
        let values = |value: SideValue| {
            let report = report(vec![difference("/a", value, SideValue::Absent)], true);
            assert_eq!(report["differences"][0]["shadow"], serde_json::Value::Null);
            report["differences"][0]["primary"].clone()
        };
        assert_eq!(values(SideValue::Json(b"{\"a\":\n[1]}".into())), serde_json::json!({"a": [1]}));
        assert_eq!(values(SideValue::Json(b"\"x\"".into())), "x");
        assert_eq!(values(SideValue::Bytes(b"a\xff\n".into())), "a\u{fffd}\n");
        let shown = values(SideValue::Json(long.clone().into()));
        let shown = shown.as_str().expect("text");
        assert!(shown.len() < 600 && shown.ends_with('…') && long.starts_with(shown.trim_end_matches('…')));
    }

    #[test]
    fn a_name_that_is_long_or_steers_a_terminal_does_no_harm() {
        let name = format!("/\u{9b}2J\u{2028}\u{202e}\u{2066}\u{7f}é{}", "x".repeat(100_000));
        let value = || SideValue::Bytes("\u{85}".into());
        let mut found = Differences::default();
        found.note(DifferenceKind::Body, || difference(&name, value(), SideValue::Json("\"\u{9d}\"".into())));
        let path = format!("/\u{9c}{}", "p".repeat(60_000));
        let long = "x".repeat(60_000);
        let request = LoggedRequest {
            method: long.as_bytes(),
            path: path.as_bytes().into(),
            request_id: Some(long.as_bytes()),
            headers: Some(vec![("accept", long.clone().into())]),
        };
        let side = Answered { status: 200, after: Duration::ZERO };
        let line = line("v2", &request, [side, side], &found, true);
        assert!(line.len() < 5 * MAX_SHOWN + 500, "{} bytes", line.len());
        let steers =
            |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        assert!(!line.contains(steers), "{line}");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let one = &line["differences"][0];
        let shown = one["at"].as_str().expect("text").strip_suffix('…').expect("cut");
        assert!(name.starts_with(shown), "{shown}");
        assert_eq!((&one["primary"], &one["shadow"]), (&"\u{85}".into(), &"\u{9d}".into()));
        let shown = line["path"].as_str().expect("text").strip_suffix('…').expect("cut");
        assert!(path.starts_with(shown) && shown.len() >= MAX_SHOWN - 3);
        let shown = line["headers"]["accept"].as_str().expect("text").strip_suffix('…').expect("cut");
        assert!(long.starts_with(shown) && shown.len() == MAX_SHOWN);
    }
}
