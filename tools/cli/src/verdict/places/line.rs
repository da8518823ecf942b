// SPDX-License-Identifier: Apache-2.0
//! One line of Envoy's log.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

const DIFFERENCE: &str = "shadow difference ";
const SLOW: &str = "shadow slow ";
/// "mirror v2: 12 more differences or slow answers were not logged (compare.log_per_minute)"
const LEFT_OUT: &str = " more differences";
const NOT_LOGGED: &str = " were not logged ";

/// A line of the module's.
#[derive(Debug)]
pub(super) enum Entry {
    Differs(Pair),
    Slow(Pair),
    LeftOut { mirror: String, lines: u64 },
}

/// Two answers to one request.
#[derive(Debug, Deserialize)]
pub(super) struct Pair {
    pub(super) mirror: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) request_id: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) primary: Answered,
    #[serde(default)]
    pub(super) shadow: Answered,
    #[serde(default)]
    pub(super) differences: Vec<Difference>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Answered {
    #[serde(default)]
    pub(super) ms: u64,
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

impl Entry {
    /// `None` for a line about something else, or one that was cut.
    pub(super) fn of(text: &str) -> Option<Self> {
        if let Some((_, rest)) = text.split_once(DIFFERENCE) {
            return Pair::of(rest).map(Self::Differs);
        }
        if let Some((_, rest)) = text.split_once(SLOW) {
            return Pair::of(rest).map(Self::Slow);
        }
        let (head, rest) = text.split_once(LEFT_OUT)?;
        let (before, count) = head.rsplit_once(": ")?;
        let (_, mirror) = before.rsplit_once("mirror ")?;
        let lines = count.parse().ok().filter(|_| rest.contains(NOT_LOGGED))?;
        Some(Self::LeftOut { mirror: printable(mirror), lines })
    }

    pub(super) fn mirror(&self) -> &str {
        match self {
            Self::Differs(pair) | Self::Slow(pair) => &pair.mirror,
            Self::LeftOut { mirror, .. } => mirror,
        }
    }
}

impl Pair {
    fn of(text: &str) -> Option<Self> {
        let pair = parsed(text).or_else(|| parsed(&unescaped(text)))?;
        let printable_header = |(name, value): (String, String)| (printable(&name), printable(&value));
        let differences = pair.differences.into_iter().map(|it| Difference { at: printable(&it.at), ..it });
        Some(Self {
            mirror: printable(&pair.mirror),
            method: printable(&pair.method),
            path: printable(&pair.path),
            request_id: pair.request_id.as_deref().map(printable),
            headers: pair.headers.into_iter().map(printable_header).collect(),
            differences: differences.collect(),
            ..pair
        })
    }

    /// How many times the primary's time the shadow took. The log has whole milliseconds.
    pub(super) fn times(&self) -> f64 {
        self.shadow.ms as f64 / self.primary.ms.max(1) as f64
    }
}

fn parsed(text: &str) -> Option<Pair> {
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
