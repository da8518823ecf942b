// SPDX-License-Identifier: Apache-2.0
//! What a mirror compares of two answers, and what must be seen of them for that.

use crate::json::Pointer;

/// What of two answers is compared, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub status: bool,
    /// In lower case.
    pub headers: Vec<String>,
    pub body: BodyRule,
    /// What is left out of JSON bodies. At most [`crate::json::MAX_POINTERS`].
    pub ignore: Vec<Pointer>,
    /// Of either body, encoded or decoded.
    pub max_body_bytes: usize,
    pub log_per_minute: u32,
    pub log_values: bool,
    pub log_places: PlaceStyle,
}

/// How the place of a difference in a JSON body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceStyle {
    Exact,
    /// Without keys that the configuration does not name, which may be personal.
    Pattern,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRule {
    Off,
    Bytes,
    Json,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            status: true,
            headers: Vec::new(),
            body: BodyRule::Off,
            ignore: Vec::new(),
            max_body_bytes: 65536,
            log_per_minute: 10,
            log_values: false,
            log_places: PlaceStyle::Exact,
        }
    }
}

/// How much of an answer comparisons need to see.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// More than the status.
    pub headers: bool,
    /// Longest body that is looked at; `None`: bodies do not matter.
    pub body: Option<usize>,
}

impl Need {
    /// What two comparisons need together.
    pub fn and(self, other: Self) -> Self {
        Self { headers: self.headers || other.headers, body: self.body.max(other.body) }
    }
}

impl Rules {
    /// All pointers that it has.
    pub fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.ignore.iter()
    }

    pub fn need(&self) -> Need {
        let body = (self.body != BodyRule::Off).then_some(self.max_body_bytes);
        Need { headers: !self.headers.is_empty() || body.is_some(), body }
    }
}
