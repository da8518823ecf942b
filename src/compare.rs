// SPDX-License-Identifier: Apache-2.0
//! Whether the shadow answered as the primary did.
//!
//! ```text
//! primary ─► Observed ─┐
//!                      ├─► compare ─► Verdict ─► counters, and a line for the log
//! shadow ──► Observed ─┘
//! ```
//!
//! Both answers are there as the host gave them. What a mirror compares of them are its [`Rules`].

mod difference;
mod json;
mod number;
mod rules;

use std::borrow::Cow;

pub use self::difference::{Difference, DifferenceKind, Differences, SideValue};
use self::json::Tree;
pub use self::rules::{BodyRule, Need, Rules};
use crate::http::{Head, encoding};
use crate::json::pointer::start;

/// An answer, as far as it was needed.
#[derive(Debug, Default)]
pub struct Observed {
    pub status: u16,
    /// Empty if they were not needed.
    pub headers: Head,
    /// `None` if it was too long to be kept, did not end or was not needed.
    pub body: Option<Vec<u8>>,
}

impl Observed {
    /// Bytes that it holds.
    pub fn size(&self) -> usize {
        self.headers.size() + self.body.as_ref().map_or(0, Vec::len)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Match,
    Mismatch(Differences),
    /// It cannot be told, of what there is.
    Incomparable,
}

impl Rules {
    pub fn compare(&self, primary: &Observed, shadow: &Observed) -> Verdict {
        self.compare_counting(primary, shadow, &mut 0)
    }

    /// The same, and adds the bytes that had to be decoded for it to `effort`.
    pub fn compare_counting(&self, primary: &Observed, shadow: &Observed, effort: &mut usize) -> Verdict {
        let mut differences = Differences::default();
        if self.status && primary.status != shadow.status {
            let value = |answer: &Observed| SideValue::Json(answer.status.to_string().into());
            differences.note(DifferenceKind::Status, || Difference {
                at: "status".into(),
                primary: value(primary),
                shadow: value(shadow),
            });
        }
        for name in &self.headers {
            let (one, other) = (values(&primary.headers, name), values(&shadow.headers, name));
            if one != other {
                differences.note(DifferenceKind::Header, || Difference {
                    at: format!("header:{name}"),
                    primary: joined(&one),
                    shadow: joined(&other),
                });
            }
        }
        let known = self.compare_bodies(primary, shadow, &mut differences, effort);
        match (known, differences.is_empty()) {
            // One difference is enough to know.
            (_, false) => Verdict::Mismatch(differences),
            (Some(()), true) => Verdict::Match,
            (None, true) => Verdict::Incomparable,
        }
    }

    /// Notes where the bodies differ; `None` if that cannot be told.
    fn compare_bodies(
        &self,
        primary: &Observed,
        shadow: &Observed,
        differences: &mut Differences,
        effort: &mut usize,
    ) -> Option<()> {
        if self.body == BodyRule::Off {
            return Some(());
        }
        let (one, other) = (self.body_of(primary, effort)?, self.body_of(shadow, effort)?);
        if one == other {
            return Some(());
        }
        let trees = match self.body {
            BodyRule::Json => (Tree::of(&one), Tree::of(&other)),
            _ => (None, None),
        };
        match trees {
            (Some(one), Some(other)) => one.compare(&other, &self.ignore, differences),
            (None, None) => differences.note(DifferenceKind::Body, || Difference {
                at: String::new(),
                primary: SideValue::Bytes(one.to_vec()),
                shadow: SideValue::Bytes(other.to_vec()),
            }),
            // The whole of it is one value that may be left out, like any other.
            _ if start(&self.ignore).hit => {}
            (tree, _) => {
                let value = |is_json, body: &[u8]| match is_json {
                    true => SideValue::Json(body.trim_ascii().to_vec()),
                    false => SideValue::Bytes(body.to_vec()),
                };
                differences.note(DifferenceKind::Body, || Difference {
                    at: String::new(),
                    primary: value(tree.is_some(), &one),
                    shadow: value(tree.is_none(), &other),
                });
            }
        }
        Some(())
    }

    fn body_of<'a>(&self, answer: &'a Observed, effort: &mut usize) -> Option<Cow<'a, [u8]>> {
        encoding::decoded(&answer.headers, answer.body.as_deref()?, self.max_body_bytes, effort)
    }
}

fn values<'a>(head: &'a Head, name: &'a str) -> Vec<&'a [u8]> {
    head.values(name).collect()
}

fn joined(values: &[&[u8]]) -> SideValue {
    if values.is_empty() { SideValue::Absent } else { SideValue::Bytes(values.join(&b", "[..])) }
}

#[cfg(test)]
mod tests;
