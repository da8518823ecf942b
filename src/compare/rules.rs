// SPDX-License-Identifier: Apache-2.0
//! What a mirror compares of two answers, and what must be seen of them for that.

use std::time::Duration;

use crate::json::{Pointer, Pointers};

/// What of two answers is compared, and what is said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    pub status: bool,
    /// In lower case.
    pub headers: Vec<String>,
    pub body: BodyRule,
    /// What is left out of JSON bodies.
    pub ignore: Pointers,
    /// The lists of JSON bodies whose elements may be in any order.
    pub unordered: Pointers,
    /// Of either body, encoded or decoded.
    pub max_body_bytes: usize,
    pub log_per_minute: u32,
    pub log_values: bool,
    pub log_places: PlaceStyle,
    /// The path is logged with its query.
    pub log_query: bool,
    /// Headers of the copy that are logged, in lower case.
    pub log_headers: Vec<String>,
    /// Answers are logged too where the shadow took more than so many per cent of the primary's time.
    pub log_slower_than: Option<u32>,
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
            ignore: Pointers::default(),
            unordered: Pointers::default(),
            max_body_bytes: 65536,
            log_per_minute: 10,
            log_values: false,
            log_places: PlaceStyle::Exact,
            log_query: false,
            log_headers: Vec::new(),
            log_slower_than: None,
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

/// Less than this is no matter of the service but of the machine, and the log has whole milliseconds.
const LEAST_DELAY: Duration = Duration::from_millis(1);

impl Rules {
    /// All pointers that it has.
    pub fn pointers(&self) -> impl Iterator<Item = &Pointer> {
        self.ignore.iter().chain(self.unordered.iter())
    }

    /// Whether the shadow took so much longer than the primary that this is logged.
    pub fn is_slow(&self, primary: Duration, shadow: Duration) -> bool {
        self.log_slower_than.is_some_and(|percent| {
            shadow.as_micros().saturating_mul(100) > primary.as_micros().saturating_mul(u128::from(percent))
                && shadow.saturating_sub(primary) >= LEAST_DELAY
        })
    }

    pub fn need(&self) -> Need {
        let body = (self.body != BodyRule::Off).then_some(self.max_body_bytes);
        Need { headers: !self.headers.is_empty() || body.is_some(), body }
    }
}
