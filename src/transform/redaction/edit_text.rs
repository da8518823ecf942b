// SPDX-License-Identifier: Apache-2.0
//! The texts that stand in a body in place of the request's, and the number by which each is noted.

use super::Redaction;
use super::setter::SetPlace;
use super::settings::SetText;

/// What stands in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditText {
    Redacted,
    Set(SetText),
}

impl EditText {
    /// What stands for a value, if it is replaced. A value that is set is the configuration's, and hides what was there.
    pub fn of(hidden: bool, set: SetPlace) -> Option<Self> {
        match set.hit {
            Some(index) => Some(Self::Set(SetText::Value(index))),
            None => hidden.then_some(Self::Redacted),
        }
    }

    /// Its bytes.
    pub fn of_redaction(self, redaction: &Redaction) -> &[u8] {
        match self {
            Self::Redacted => &redaction.replacement.json,
            Self::Set(text) => redaction.set.text(text),
        }
    }

    /// A number for it: 0 is what is redacted.
    pub fn code(self) -> usize {
        match self {
            Self::Redacted => 0,
            Self::Set(SetText::Value(index)) => 1 + index * 3,
            Self::Set(SetText::First(index)) => 2 + index * 3,
            Self::Set(SetText::Another(index)) => 3 + index * 3,
        }
    }

    pub fn from_code(code: usize) -> Self {
        let Some(code) = code.checked_sub(1) else { return Self::Redacted };
        let index = code / 3;
        Self::Set(match code % 3 {
            0 => SetText::Value(index),
            1 => SetText::First(index),
            _ => SetText::Another(index),
        })
    }
}
