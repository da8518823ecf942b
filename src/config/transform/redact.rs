// SPDX-License-Identifier: Apache-2.0
//! Reads `redact`.

use super::super::fields::{self, list, pointers};
use super::super::keys;
use super::super::reader::Node;
use crate::http::reserved::is_reserved;
use crate::json::Pointers;
use crate::transform::{JsonSettings, Redaction, Replacement};

const MAX_NAMES: usize = 64;
const MAX_TEXT: usize = 255;

pub fn read(node: &Node) -> Option<Redaction> {
    let object = node.object(keys::REDACT)?;
    let headers = object.or("headers", Vec::new(), |node| list(node, MAX_NAMES, "header names", header));
    let query =
        object.or("query", Vec::new(), |node| list(node, MAX_NAMES, "names of query parameters", parameter));
    let json = object.or("json", Pointers::default(), pointers);
    let replacement = object.or("replacement", Replacement::default(), |node| match node.as_str() {
        Some(text) if text.len() <= MAX_TEXT && fields::is_header_value(text) => Some(Replacement::new(text)),
        _ => node.refuse("at most 255 characters, none of them a control character"),
    });
    let set = JsonSettings::default();
    Some(Redaction { headers: headers?, query: query?, json: json?, set, replacement: replacement? })
}

fn header(node: &Node) -> Option<String> {
    match node.as_str().and_then(fields::header_name) {
        Some(name) if is_reserved(name.as_bytes()) => {
            node.fault("a header that the filter or Envoy sets", "another header");
            None
        }
        Some(name) => Some(name),
        None => node.refuse("a header name"),
    }
}

fn parameter(node: &Node) -> Option<Vec<u8>> {
    match node.as_str().filter(|name| !name.is_empty()).and_then(fields::parameter) {
        Some(name) => Some(name),
        None => node.refuse(fields::PARAMETER),
    }
}
