// SPDX-License-Identifier: Apache-2.0
//! The document before anything is known about its keys, whichever way it came.
//!
//! Envoy hands a `StringValue` over as its text and a `Struct` as its protobuf encoding; Istio sends JSON.
//! All become one tree here, so nothing behind this module can tell them apart. Numbers are doubles because
//! a `Struct` has no others.

use std::fmt;

use prost::Message;
use prost_types::value::Kind;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Fault;

/// First byte of every `Struct` that is not empty: the tag of its only field. In JSON it is white space, so
/// JSON is tried first; the encoding has control characters that keep it from being JSON.
const STRUCT_FIELDS: u8 = 0x0a;

#[derive(Debug, Clone, PartialEq)]
pub enum Document {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    /// Text that may have been a number: Envoy's YAML reader makes text of every number in a `Struct` that is not
    /// whole (`0.5` and `1e3` arrive as strings).
    Numeral(String, f64),
    Array(Vec<Document>),
    /// In order, with duplicates, which are a fault that a map would hide.
    Object(Vec<(String, Document)>),
}

impl Document {
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let fault =
            |found: String| Fault { path: "configuration".into(), found, expected: "a JSON object".into() };
        if bytes.is_empty() {
            return Err(fault("nothing (0 bytes)".into()));
        }
        let error = match serde_json::from_slice(bytes) {
            Ok(document) => return Ok(document),
            Err(error) => error,
        };
        if bytes.first() == Some(&STRUCT_FIELDS)
            && let Ok(fields) = prost_types::Struct::decode(bytes)
        {
            return Ok(fields.into());
        }
        Err(fault(format!("text that is not JSON ({error})")))
    }
}

impl From<prost_types::Struct> for Document {
    fn from(fields: prost_types::Struct) -> Self {
        Self::Object(fields.fields.into_iter().map(|(key, value)| (key, value.into())).collect())
    }
}

impl From<prost_types::Value> for Document {
    fn from(value: prost_types::Value) -> Self {
        match value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(value)) => Self::Bool(value),
            Some(Kind::NumberValue(value)) => Self::Number(value),
            Some(Kind::StringValue(value)) => match numeral(&value) {
                Some(number) => Self::Numeral(value, number),
                None => Self::String(value),
            },
            Some(Kind::ListValue(list)) => Self::Array(list.values.into_iter().map(Into::into).collect()),
            Some(Kind::StructValue(fields)) => fields.into(),
        }
    }
}

fn numeral(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let whole = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    text.parse().ok().filter(|_| plain && !whole)
}

impl<'de> Deserialize<'de> for Document {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DocumentVisitor)
    }
}

struct DocumentVisitor;

impl<'de> Visitor<'de> for DocumentVisitor {
    type Value = Document;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Document, E> {
        Ok(Document::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Document, E> {
        Ok(Document::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Document, E> {
        Ok(Document::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Document, E> {
        Ok(Document::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Document, E> {
        Ok(Document::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Document, E> {
        Ok(Document::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Document, E> {
        Ok(Document::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Document, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Document::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Document, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Document::Object(entries))
    }
}
