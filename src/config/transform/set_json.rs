// SPDX-License-Identifier: Apache-2.0
//! Reads `set_json`.

use super::super::document::Document;
use super::super::reader::Node;
use crate::json::{Pointer, Pointers, Token, number, put_string};
use crate::transform::{JsonSettings, SettingConflict};

/// Longest value, as JSON: one is written at once.
const MAX_VALUE: usize = 16 << 10;

/// Beside pointers to what is redacted, if these are sound.
pub fn read(node: &Node, redacted: Option<&Pointers>) -> Option<JsonSettings> {
    const EXPECTED: &str = "an object of at most 64 JSON pointers and values";
    let entries = node.entries(EXPECTED)?;
    let mut settings = JsonSettings::default();
    // Each is read, so that a fault in one does not hide those behind it.
    let read: Vec<_> = entries.iter().map(|(key, node)| add(key, node, &mut settings)).collect();
    if read.contains(&Some(Err(SettingConflict::TooMany))) {
        return node.refuse(EXPECTED);
    }
    if redacted.into_iter().flat_map(Pointers::iter).any(|pointer| settings.has_one_within(pointer)) {
        node.fault("a pointer into a value that redact.json hides", "other pointers in one of the two");
        return None;
    }
    read.iter().all(|added| *added == Some(Ok(()))).then_some(settings)
}

fn add(key: &str, node: &Node, settings: &mut JsonSettings) -> Option<Result<(), SettingConflict>> {
    const POINTER: &str = "a JSON pointer without **, such as \"/model\" or \"/messages/*/lang\"";
    // There would be no telling what to add.
    let pointer = Pointer::parse(key).filter(|pointer| !pointer.tokens().contains(&Token::Deep));
    if pointer.is_none() {
        node.fault("the name", POINTER);
    }
    let mut value = Vec::new();
    put(&mut value, node)?;
    if value.len() > MAX_VALUE {
        node.fault(format_args!("{} bytes of JSON", value.len()), format_args!("at most {MAX_VALUE}"));
        return None;
    }
    let added = settings.add(pointer?, value);
    if added == Err(SettingConflict::Overlap) {
        node.fault(
            "a pointer to, into or around the value of an earlier one",
            "pointers to different values",
        );
    }
    Some(added)
}

/// Adds the JSON of a value.
fn put(out: &mut Vec<u8>, node: &Node) -> Option<()> {
    match node.document() {
        Document::Null => out.extend(b"null"),
        Document::Bool(true) => out.extend(b"true"),
        Document::Bool(false) => out.extend(b"false"),
        Document::Number(value) => match number(*value) {
            Some(text) => out.extend(text.bytes()),
            None => return node.refuse("numbers of at most 15 digits"),
        },
        Document::String(text) => put_string(out, text),
        // A Struct does not tell which of the two was written.
        Document::Numeral(..) => {
            return node.refuse(
                "a value that a Struct can tell: Envoy makes text of numbers with a fraction in YAML; give \
                 the configuration as JSON in a StringValue",
            );
        }
        Document::Array(_) => {
            out.push(b'[');
            put_all(out, node.list("a list")?.iter().map(|item| (None, item)))?;
            out.push(b']');
        }
        Document::Object(_) => {
            out.push(b'{');
            put_all(out, node.entries("an object")?.iter().map(|(key, item)| (Some(*key), item)))?;
            out.push(b'}');
        }
    }
    Some(())
}

fn put_all<'a>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = (Option<&'a str>, &'a Node<'a>)>,
) -> Option<()> {
    for (index, (name, item)) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if let Some(name) = name {
            put_string(out, name);
            out.push(b':');
        }
        put(out, item)?;
    }
    Some(())
}
