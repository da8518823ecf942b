// SPDX-License-Identifier: Apache-2.0
//! A value in a document, with the way to it and its line. Keys are asked for in Envoy's own spelling, and found in that of
//! JSON too (`lb_policy`, `lbPolicy`), as Envoy does.

use std::borrow::Cow;

use serde_json::Value;

use crate::lines;
use crate::yaml::Document;

/// One step from a value to one in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

#[derive(Clone)]
pub struct Place<'a> {
    document: &'a Document,
    value: &'a Value,
    path: String,
}

impl<'a> Place<'a> {
    pub fn root(document: &'a Document) -> Self {
        Self { document, value: &document.value, path: String::new() }
    }

    pub fn value(&self) -> &'a Value {
        self.value
    }

    pub fn line(&self) -> Option<usize> {
        self.document.lines.of(&self.path)
    }

    /// The member of this name, if it is there and not null.
    pub fn get(&self, key: &str) -> Option<Self> {
        let object = self.value.as_object()?;
        let key = match object.contains_key(key) {
            true => Cow::Borrowed(key),
            false => Cow::Owned(camel_case(key)),
        };
        let value = object.get(key.as_ref()).filter(|value| !value.is_null())?;
        Some(Self { document: self.document, value, path: lines::member(&self.path, &key) })
    }

    /// The member at the end of a way through objects.
    pub fn at(&self, keys: &[&str]) -> Option<Self> {
        keys.iter().try_fold(self.clone(), |place, key| place.get(key))
    }

    pub fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let (document, path) = (self.document, self.path.clone());
        let items = self.value.as_array().into_iter().flatten().enumerate();
        items.map(move |(index, value)| Self { document, value, path: format!("{path}[{index}]") })
    }

    /// The items of the list under a key.
    pub fn list(&self, key: &str) -> impl Iterator<Item = Self> + use<'a> {
        self.get(key).into_iter().flat_map(|list| list.items())
    }

    pub fn text(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    pub fn text_at(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// A whole number, which JSON of protobuf also has in quotes.
    pub fn number(&self) -> Option<u64> {
        match self.value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().or_else(|| value.as_f64().map(|number| number as u64)),
        }
    }

    pub fn number_at(&self, key: &str) -> Option<u64> {
        self.get(key)?.number()
    }

    /// The last part of the type that the value says it has: `Cluster` of `type.googleapis.com/envoy.config.cluster.v3.Cluster`.
    pub fn kind(&self) -> Option<&'a str> {
        self.text_at("@type")?.rsplit('.').next()
    }

    pub fn follow(&self, steps: &[Step]) -> Option<Self> {
        steps.iter().try_fold(self.clone(), |place, step| match step {
            Step::Key(key) => place.get(key),
            Step::Index(index) => place.items().nth(*index),
        })
    }
}

fn camel_case(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let capital = letters.next().map(|letter| letter.to_ascii_uppercase());
        name + &capital.into_iter().chain(letters).collect::<String>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::documents;

    #[test]
    fn both_spellings_are_found_with_their_lines() {
        let text = "a:\n  max_requests: '7'\n  connectTimeout: 1s\n  list:\n  - lbPolicy: RING_HASH\n";
        let documents = documents(text).unwrap();
        let a = Place::root(&documents[0]).get("a").unwrap();
        assert_eq!(a.number_at("max_requests"), Some(7));
        assert_eq!(a.get("connect_timeout").and_then(|place| place.line()), Some(3));
        let policy = a.list("list").next().and_then(|item| item.get("lb_policy")).unwrap();
        assert_eq!((policy.text(), policy.line()), (Some("RING_HASH"), Some(5)));
        let steps = [Step::Key("a".into()), Step::Key("list".into()), Step::Index(0)];
        assert!(
            Place::root(&documents[0]).follow(&steps).is_some_and(|item| item.get("lb_policy").is_some())
        );
    }
}
