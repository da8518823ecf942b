// SPDX-License-Identifier: Apache-2.0
//! One line of Envoy's log.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

const MARK: &str = "shadow difference ";

#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) mirror: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) request_id: Option<String>,
    pub(super) differences: Vec<Difference>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Difference {
    pub(super) at: String,
    /// `None` where values are not logged; a value that a side lacks is null.
    #[serde(default, deserialize_with = "present")]
    pub(super) primary: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) shadow: Option<Value>,
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(value).map(Some)
}

impl Line {
    /// `None` for a line about something else, or one that was cut.
    pub(super) fn of(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once(MARK)?;
        let line = parsed(rest).or_else(|| parsed(&unescaped(rest)))?;
        let differences = line.differences.into_iter().map(|it| Difference { at: printable(&it.at), ..it });
        Some(Self {
            mirror: printable(&line.mirror),
            method: printable(&line.method),
            path: printable(&line.path),
            request_id: line.request_id.as_deref().map(printable),
            differences: differences.collect(),
        })
    }
}

fn parsed(text: &str) -> Option<Line> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// Where Envoy itself, or who collects its log, writes JSON, the line is a string in it.
fn unescaped(text: &str) -> String {
    let mut found = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        found.push(if character == '\\' { characters.next().unwrap_or(character) } else { character });
    }
    found
}

/// Callers choose paths and members: nothing of them is to steer a terminal or to turn the direction of what follows.
pub fn printable(text: &str) -> String {
    let steers = |character: char| {
        character.is_control()
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(
            |character| {
                if steers(character) { character.escape_unicode().to_string() } else { character.into() }
            },
        )
        .collect()
}
