// SPDX-License-Identifier: Apache-2.0
//! Reads a [`Document`] and notes every fault with its path, going on after each.
//!
//! A reader returns `None` where it has noted a fault, so that a value is only ever built of valid parts.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::{self, Display};

use super::Fault;
use super::document::Document;
use super::shown::{Choices, Excerpt, Found, MAX_EXCERPT};

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

    /// A null is a value that a template lost. Without it more might be copied than was meant, so it is an error.
    fn is_null(&self) -> bool {
        *self.document == Document::Null
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
        if self.is_null() && matches!(self.path, Path::Key(..)) {
            self.fault("null", format_args!("{expected}; leave the key out rather than write null"));
        } else {
            self.fault(Found(self.document), expected);
        }
        None
    }

    /// The same where a number or a truth value is wanted and the text of one may be there.
    #[inline(never)]
    pub fn refuse_unquoted<T>(&self, expected: &dyn Display) -> Option<T> {
        match self.document {
            Document::String(text) if matches!(&**text, "true" | "false") || text.parse::<f64>().is_ok() => {
                self.refuse(format_args!("{expected}: write {text} without quotes"))
            }
            _ => self.refuse(expected),
        }
    }

    pub fn document(&self) -> &Document {
        self.document
    }

    pub fn bool(&self) -> Option<bool> {
        match self.document {
            Document::Bool(value) => Some(*value),
            _ => self.refuse_unquoted(&"true or false"),
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

    /// Whether an object has an object with this key.
    pub fn has_in(&self, object: &str, key: &str) -> bool {
        member(self.document, object).is_some_and(|object| member(object, key).is_some())
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
            _ => self.refuse_unquoted(&format_args!("a whole number from {min} to {max}")),
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
            if matches!(*key, "on" | "true") && keys.contains(&"retry_on") {
                node.fault(
                    "an unknown key",
                    "retry_on (YAML 1.1, which Kubernetes reads, makes true of the key on)",
                );
            } else if !keys.contains(key) {
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
