// SPDX-License-Identifier: Apache-2.0
//! Reads what a copy looks like: `authority`, `scheme`, `path`, `headers`, `redact`, `set_json` and `retry`.

mod headers;
mod redact;
mod retry;
mod set_json;

use std::time::Duration;

use super::reader::{Node, Object};
use super::{fields, keys};
use crate::transform::{
    Authority, HeaderEdits, JsonSettings, PathPattern, PathRewrite, Redaction, Scheme, Transform,
};

const AUTHORITY: &str = "{\"suffix\": \"-shadow\"}, {\"literal\": \"v2.example\"} or \"keep\", in characters that an authority may have";
const SCHEMES: [(&str, Scheme); 3] =
    [("keep", Scheme::Keep), ("http", Scheme::Http), ("https", Scheme::Https)];
const MAX_AUTHORITY: usize = 255;
const MAX_PATH: usize = 1024;

/// Without the marker: that is the mirror's name. `timeout` is the mirror's, if that is valid.
pub fn read(mirror: &Object, timeout: Option<Duration>) -> Option<Transform> {
    let authority = mirror.or("authority", Authority::default(), read_authority);
    let scheme = mirror.or("scheme", Scheme::default(), |node| node.one_of(&SCHEMES));
    let path = mirror.or("path", None, |node| read_path(node).map(Some));
    let headers = mirror.or("headers", HeaderEdits::default(), headers::read);
    let redact = mirror.or("redact", Redaction::default(), redact::read);
    let redacted = redact.as_ref().map(|redact| &redact.json);
    let set = mirror.or("set_json", JsonSettings::default(), |node| set_json::read(node, redacted));
    let retry = mirror.or("retry", None, |node| retry::read(node, timeout).map(Some));
    Some(Transform {
        marker: String::new(),
        authority: authority?,
        scheme: scheme?,
        path: path?,
        headers: headers?,
        redact: Redaction { set: set?, ..redact? },
        retry: retry?,
    })
}

fn read_authority(node: &Node) -> Option<Authority> {
    if !node.is_object() {
        return match node.as_str() {
            Some("keep") => Some(Authority::Keep),
            _ => node.refuse(AUTHORITY),
        };
    }
    let object = node.object(keys::AUTHORITY)?;
    let text = |node: &Node| match node.as_str() {
        Some(text) if (1..=MAX_AUTHORITY).contains(&text.len()) && fields::is_authority(text) => {
            Some(text.as_bytes().to_vec())
        }
        _ => node.refuse("1 to 255 characters that an authority may have"),
    };
    match (object.get("suffix"), object.get("literal")) {
        (Some(suffix), None) => text(suffix).map(Authority::Suffix),
        (None, Some(literal)) => text(literal).map(Authority::Literal),
        // A key that is neither was noted.
        (None, None) if !object.is_empty() => None,
        _ => node.refuse(AUTHORITY),
    }
}

fn read_path(node: &Node) -> Option<PathRewrite> {
    const ONE: &str = "an object with replacement and one of prefix and regex";
    const PREFIX: &str = "a path that begins with / and has no query";
    const TEXT: &str = "text that a path may have, without a query, in which \\1 is a group";
    let object = node.object(keys::PATH)?;
    match (object.get("prefix"), object.get("regex")) {
        (_, None) => {
            let text = |node: &Node| match node.as_str() {
                Some(path) if path.starts_with('/') && is_path(path) => Some(path.as_bytes().to_vec()),
                _ => node.refuse(PREFIX),
            };
            let prefix = object.required("prefix", PREFIX, text);
            let replacement = object.required("replacement", PREFIX, text);
            Some(PathRewrite::Prefix { prefix: prefix?, replacement: replacement? })
        }
        (Some(_), Some(_)) => node.refuse(ONE),
        (None, Some(regex)) => {
            let expression = regex.as_str().or_else(|| regex.refuse("a regular expression"));
            let replacement = object.required("replacement", TEXT, |node| match node.as_str() {
                Some(text) if is_path(text) => Some(text),
                _ => node.refuse(TEXT),
            });
            match PathPattern::new(expression?, replacement?) {
                Ok(pattern) => Some(PathRewrite::Pattern(pattern)),
                Err(error) => {
                    node.fault(error, "a regular expression, and its groups as \\1 in the replacement");
                    None
                }
            }
        }
    }
}

/// Whether a path may have this in it, but for its query.
fn is_path(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_graphic() && byte != b'?' && byte != b'#';
    text.len() <= MAX_PATH && text.bytes().all(is_one)
}
