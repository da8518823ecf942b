// SPDX-License-Identifier: Apache-2.0
//! Reads a [`Document`] and notes every fault with its path, going on after each.
//!
//! A reader returns `None` where it has noted a fault, so that a value is only ever built of valid parts.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Write};

use super::Fault;
use super::document::Document;

/// Longest excerpt of a found string that a fault shows, in characters.
const MAX_EXCERPT: usize = 80;

#[derive(Default)]
pub struct Faults(RefCell<Vec<Fault>>);

impl Faults {
    pub fn into_vec(self) -> Vec<Fault> {
        self.0.into_inner()
    }
}

/// Where a node is in the document.
#[derive(Clone, Copy)]
pub enum Path<'a> {
    Root,
    Key(&'a Path<'a>, &'a str),
    Index(&'a Path<'a>, usize),
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("configuration"),
            Path::Key(Path::Root, key) if is_plain(key) => f.write_str(key),
            Path::Key(parent, key) if is_plain(key) => write!(f, "{parent}.{key}"),
            Path::Key(parent, key) => write!(f, "{parent}[{}]", Excerpt(key)),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= MAX_EXCERPT
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

/// A value of the document together with its path.
pub struct Node<'a> {
    document: &'a Document,
    path: Path<'a>,
    faults: &'a Faults,
}

impl<'a> Node<'a> {
    pub fn new(document: &'a Document, path: Path<'a>, faults: &'a Faults) -> Self {
        Self { document, path, faults }
    }

    pub fn fault(&self, found: impl Display, expected: impl Display) {
        self.note(&found, &expected);
    }

    /// Once in the module, not once for each kind of text.
    #[inline(never)]
    fn note(&self, found: &dyn Display, expected: &dyn Display) {
        self.faults.0.borrow_mut().push(Fault {
            path: self.path.to_string(),
            found: found.to_string(),
            expected: expected.to_string(),
        });
    }

    /// Notes that the value is not what is allowed, showing the value. Returns `None`, for the caller to return.
    pub fn refuse<T>(&self, expected: impl Display) -> Option<T> {
        self.fault(Found(self.document), expected);
        None
    }

    pub fn bool(&self) -> Option<bool> {
        match self.document {
            Document::Bool(value) => Some(*value),
            _ => self.refuse("true or false"),
        }
    }

    pub fn as_str(&self) -> Option<&'a str> {
        match self.document {
            Document::String(value) | Document::Numeral(value, _) => Some(value),
            _ => None,
        }
    }

    /// The text under a key of an object, if there is one. Notes nothing.
    pub fn text_at(&self, key: &str) -> Option<&'a str> {
        text_at(self.document, key)
    }

    /// The same one object further down.
    pub fn text_in(&self, object: &str, key: &str) -> Option<&'a str> {
        text_at(member(self.document, object)?, key)
    }

    pub fn as_number(&self) -> Option<f64> {
        match self.document {
            Document::Number(value) | Document::Numeral(_, value) => Some(*value),
            _ => None,
        }
    }

    pub fn is_object(&self) -> bool {
        matches!(self.document, Document::Object(_))
    }

    /// A whole number within the bounds, however it is spelled (`1000`, `1000.0`, `1e3`).
    #[inline(never)]
    pub fn integer(&self, min: u64, max: u64) -> Option<u64> {
        match self.as_number() {
            Some(value) if value.fract() == 0.0 && value >= min as f64 && value <= max as f64 => {
                Some(value as u64)
            }
            _ => self.refuse(format_args!("a whole number from {min} to {max}")),
        }
    }

    pub fn one_of<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let found = self.as_str().and_then(|text| choices.iter().find(|(name, _)| *name == text));
        match found {
            Some((_, value)) => Some(*value),
            None => self.refuse(Choices(choices.iter().map(|(name, _)| *name).collect(), "or", true)),
        }
    }

    #[inline(never)]
    pub fn list(&'a self, expected: &str) -> Option<Vec<Node<'a>>> {
        match self.document {
            Document::Array(items) => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| Node::new(item, Path::Index(&self.path, index), self.faults))
                    .collect(),
            ),
            _ => self.refuse(expected),
        }
    }

    /// The entries of an object whose keys are free. Notes duplicates.
    #[inline(never)]
    pub fn entries(&'a self, expected: &str) -> Option<Vec<(&'a str, Node<'a>)>> {
        let Document::Object(entries) = self.document else {
            return self.refuse(expected);
        };
        let nodes: Vec<_> = entries
            .iter()
            .map(|(key, value)| (key.as_str(), Node::new(value, Path::Key(&self.path, key), self.faults)))
            .collect();
        let mut seen = BTreeSet::new();
        for (key, node) in &nodes {
            if !seen.insert(*key) {
                node.fault("the key a second time", "each key once");
            }
        }
        Some(nodes)
    }

    /// An object with the given keys. Notes duplicates and every other key.
    #[inline(never)]
    pub fn object(&'a self, keys: &'static [&'static str]) -> Option<Object<'a>> {
        let expected = Choices(keys.to_vec(), "and", false);
        let entries = self.entries(&format!("an object with {expected}"))?;
        for (key, node) in &entries {
            if !keys.contains(key) {
                node.fault("an unknown key", format_args!("one of {expected}"));
            }
        }
        Some(Object { node: self, entries })
    }
}

fn text_at<'a>(document: &'a Document, key: &str) -> Option<&'a str> {
    match member(document, key)? {
        Document::String(text) | Document::Numeral(text, _) => Some(text),
        _ => None,
    }
}

fn member<'a>(document: &'a Document, key: &str) -> Option<&'a Document> {
    let Document::Object(entries) = document else { return None };
    entries.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// An object whose keys are known.
pub struct Object<'a> {
    node: &'a Node<'a>,
    entries: Vec<(&'a str, Node<'a>)>,
}

impl<'a> Object<'a> {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[inline(never)]
    pub fn get(&'a self, key: &str) -> Option<&'a Node<'a>> {
        self.entries.iter().find(|(name, _)| *name == key).map(|(_, node)| node)
    }

    /// What `read` makes of the value, or the default where the key is absent.
    pub fn or<T>(&'a self, key: &str, default: T, read: impl FnOnce(&'a Node<'a>) -> Option<T>) -> Option<T> {
        match self.get(key) {
            Some(node) => read(node),
            None => Some(default),
        }
    }

    pub fn required<T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl FnOnce(&'a Node<'a>) -> Option<T>,
    ) -> Option<T> {
        match self.get(key) {
            Some(node) => read(node),
            None => {
                let path = Path::Key(&self.node.path, key);
                Node::new(&Document::Null, path, self.node.faults).fault("nothing", expected);
                None
            }
        }
    }
}

/// A list of names in prose: `a`, `a or b`, `a, b or c`.
struct Choices<'a>(Vec<&'a str>, &'static str, bool);

impl Display for Choices<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(names, conjunction, quoted) = self;
        for (index, name) in names.iter().enumerate() {
            if index > 0 && index + 1 == names.len() {
                write!(f, " {conjunction} ")?;
            } else if index > 0 {
                f.write_str(", ")?;
            }
            if *quoted {
                write!(f, "\"{name}\"")?;
            } else {
                f.write_str(name)?;
            }
        }
        Ok(())
    }
}

/// A found value, short enough for one log line and without line breaks.
struct Found<'a>(&'a Document);

impl Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Document::Null => f.write_str("null"),
            Document::Bool(value) => write!(f, "{value}"),
            Document::Number(value) => write!(f, "{}", Shown(*value)),
            Document::String(value) | Document::Numeral(value, _) => write!(f, "{}", Excerpt(value)),
            Document::Array(items) => write!(f, "a list of {}", items.len()),
            Document::Object(entries) => write!(f, "an object with {} keys", entries.len()),
        }
    }
}

/// A number to six decimals. The standard library shows each number exactly, which takes 15 KB of module.
struct Shown(f64);

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MILLION: f64 = 1e6;
        if !self.0.is_finite() {
            return f.write_str("a number without end");
        }
        if self.0 < 0.0 {
            f.write_char('-')?;
        }
        let (mut number, mut exponent) = (self.0.abs(), 0);
        while number >= 1e15 || exponent > 0 && number >= 10.0 {
            (number, exponent) = (number / 10.0, exponent + 1);
        }
        while number != 0.0 && (number < 1e-6 || exponent < 0 && number < 1.0) {
            (number, exponent) = (number * 10.0, exponent - 1);
        }
        let whole = number.trunc();
        let mut decimals = ((number - whole) * MILLION).round() as u64;
        let whole = whole as u64 + u64::from(decimals == MILLION as u64);
        decimals %= MILLION as u64;
        write!(f, "{whole}")?;
        if decimals > 0 {
            let mut width = 6;
            while decimals.is_multiple_of(10) {
                (decimals, width) = (decimals / 10, width - 1);
            }
            write!(f, ".{decimals:0width$}")?;
        }
        if exponent == 0 { Ok(()) } else { write!(f, "e{exponent}") }
    }
}

pub struct Excerpt<'a>(pub &'a str);

impl Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars().take(MAX_EXCERPT) {
            write!(f, "{}", character.escape_debug())?;
        }
        f.write_char('"')?;
        match self.0.chars().count() {
            count if count > MAX_EXCERPT => write!(f, " … ({count} characters)"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn numbers_are_shown_as_a_person_would_write_them() {
        for (number, shown) in [
            (0.0, "0"),
            (120.0, "120"),
            (-1.5, "-1.5"),
            (0.00001, "0.00001"),
            (33.33333, "33.33333"),
            (99.999_999_9, "100"),
            (1_048_577.0, "1048577"),
            (1e15, "1e15"),
            (1.5e300, "1.5e300"),
            (-2e-9, "-2e-9"),
            (f64::NAN, "a number without end"),
            (f64::INFINITY, "a number without end"),
        ] {
            assert_eq!(Shown(number).to_string(), shown);
        }
    }
}
