// SPDX-License-Identifier: Apache-2.0
//! Reads `path` and `redact`.

use super::fields;
use super::keys;
use super::reader::Node;
use crate::edits::PathRewrite;
use crate::json::{MAX_POINTERS, Pointer};
use crate::redact::{Redaction, Replacement};
use crate::reserved::is_reserved;

const MAX_NAMES: usize = 64;
const MAX_TEXT: usize = 255;
const MAX_PATH: usize = 1024;

pub fn path(node: &Node) -> Option<PathRewrite> {
    let object = node.object(keys::PATH)?;
    const PREFIX: &str = "a path that begins with / and has no query";
    let text = |node: &Node| match node.as_str() {
        Some(path) if path.starts_with('/') && path.len() <= MAX_PATH && path.bytes().all(is_path) => {
            Some(path.as_bytes().to_vec())
        }
        _ => node.refuse(PREFIX),
    };
    let prefix = object.required("prefix", PREFIX, text);
    let replacement = object.required("replacement", PREFIX, text);
    Some(PathRewrite { prefix: prefix?, replacement: replacement? })
}

fn is_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'?' && byte != b'#'
}

pub fn redact(node: &Node) -> Option<Redaction> {
    let object = node.object(keys::REDACT)?;
    let headers = object.or("headers", Vec::new(), |node| list(node, MAX_NAMES, "header names", header));
    let query =
        object.or("query", Vec::new(), |node| list(node, MAX_NAMES, "names of query parameters", parameter));
    let json = object.or("json", Vec::new(), |node| list(node, MAX_POINTERS, "JSON pointers", pointer));
    let replacement = object.or("replacement", Replacement::default(), |node| match node.as_str() {
        Some(text) if text.len() <= MAX_TEXT && fields::is_header_value(text) => Some(Replacement::new(text)),
        _ => node.refuse("at most 255 characters, none of them a control character"),
    });
    Some(Redaction { headers: headers?, query: query?, json: json?, replacement: replacement? })
}

pub(super) fn list<T>(
    node: &Node,
    max: usize,
    what: &str,
    read: impl Fn(&Node) -> Option<T>,
) -> Option<Vec<T>> {
    let expected = format!("a list of at most {max} {what}");
    let items = node.list(&expected)?;
    if items.len() > max {
        return node.refuse(&expected);
    }
    let read: Vec<_> = items.iter().map(read).collect();
    read.into_iter().collect()
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

pub(super) fn pointer(node: &Node) -> Option<Pointer> {
    match node.as_str().and_then(Pointer::parse) {
        Some(pointer) => Some(pointer),
        None => node.refuse("a JSON pointer, such as \"/user/email\" or \"/cards/*/number\""),
    }
}
