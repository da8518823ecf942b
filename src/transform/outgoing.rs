// SPDX-License-Identifier: Apache-2.0
//! The headers of a copy: the request's, less what a proxy may not hand on, edited as the mirror says.
//!
//! Borrowed from the request's block and the configuration; only a rewritten authority or path is new.

use std::borrow::Cow;

use super::{Retry, Transform};
use crate::http::reserved::ends_here;
use crate::http::{EditedBlock, Fate, Head, MARKER, tokens};

/// Most headers and bytes of them, serialized, that the host takes in one call (`proxy-wasm-cpp-host`, `limits.h`).
pub const MAX_HEADERS: usize = 1024;
pub const MAX_HEADER_BYTES: usize = 1 << 20;

/// What is not borrowed from the request or the configuration.
#[derive(Debug)]
pub struct Rewritten<'a> {
    authority: Cow<'a, [u8]>,
    /// `None` if it stays.
    path: Option<Cow<'a, [u8]>>,
}

impl<'a> Rewritten<'a> {
    pub fn of(head: &'a Head, transform: &'a Transform) -> Self {
        let changes_path = transform.path.is_some() || !transform.redact.query.is_empty();
        let path = changes_path.then(|| {
            let path = head.get(":path").unwrap_or_default();
            let path = transform.path.as_ref().map_or(path.into(), |rewrite| rewrite.apply(path));
            transform.redact.path(path)
        });
        Self { authority: transform.authority.apply(head.get(":authority").unwrap_or_default()), path }
    }
}

/// The header block of one copy.
#[derive(Debug)]
pub struct Outgoing<'a>(EditedBlock<'a>);

impl<'a> Outgoing<'a> {
    pub fn build(
        head: &'a Head,
        transform: &'a Transform,
        rewritten: &'a Rewritten,
        body_len: usize,
    ) -> Self {
        let edits = &transform.headers;
        let connection: Vec<&[u8]> = head.values("connection").collect();
        let is_of_the_hop =
            |name| connection.iter().any(|list| tokens(list).any(|item| item.eq_ignore_ascii_case(name)));
        let retry = transform.retry.as_ref();
        let most_added = edits.most_added() + retry.map_or(0, Retry::most_added) + 1;
        let mut headers = EditedBlock::of(head, most_added, |name, value| {
            if name.starts_with(b":") {
                match name {
                    b":authority" => Fate::Becomes(&rewritten.authority),
                    b":scheme" => transform.scheme.fate(value),
                    b":path" => rewritten.path.as_deref().map_or(Fate::Stays, Fate::Becomes),
                    _ => Fate::Stays,
                }
            } else if ends_here(name, value, body_len)
                || is_of_the_hop(name)
                || edits.drop(name)
                || transform.redact.drops(name)
            {
                Fate::Goes
            } else {
                transform.redact.header(name).map_or(Fate::Stays, Fate::Becomes)
            }
        });
        headers.add(edits.values());
        if let Some(retry) = retry {
            headers.add(retry.headers());
            // Envoy repeats a call without a body as one of unknown length (`transfer-encoding: chunked`), which strict servers refuse.
            // It does not where the length is there.
            if body_len == 0 && !headers.headers().any(|(name, _)| name == b"content-length") {
                headers.add([(&b"content-length"[..], &b"0"[..])]);
            }
        }
        headers.add([(MARKER.as_bytes(), transform.marker.as_bytes())]);
        Self(headers)
    }

    /// Whether the host takes a call with these headers.
    pub fn fits(&self) -> bool {
        self.0.count() <= MAX_HEADERS && self.0.size() <= MAX_HEADER_BYTES
    }

    /// Names and values, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.headers()
    }

    /// All values under a name, one behind the other; `None` if it has no such header.
    pub fn joined(&self, name: &[u8]) -> Option<Vec<u8>> {
        let values: Vec<_> =
            self.headers().filter(|(other, _)| *other == name).map(|(_, value)| value).collect();
        (!values.is_empty()).then(|| values.join(&b", "[..]))
    }

    /// The headers as the host takes them.
    pub fn to_block(&self) -> Vec<u8> {
        self.0.to_block()
    }
}

/// Whether the host would take a copy of this request. Builds the copy only if it comes near the limits.
pub fn fits(head: &Head, transform: &Transform, body_len: usize) -> bool {
    let room = transform.headers.most_added() + transform.retry.as_ref().map_or(0, Retry::most_added) + 1;
    if head.count() + room <= MAX_HEADERS
        && head.size().saturating_add(transform.most_growth(head)) <= MAX_HEADER_BYTES
    {
        return true;
    }
    Outgoing::build(head, transform, &Rewritten::of(head, transform), body_len).fits()
}

impl Transform {
    /// Upper bound of the bytes by which these changes lengthen a serialized header block.
    fn most_growth(&self, head: &Head) -> usize {
        let path =
            self.path.as_ref().map_or(0, |path| path.most_growth(head.get(":path").map_or(0, <[u8]>::len)));
        let retry = self.retry.as_ref().map_or(0, Retry::most_growth);
        let fixed = self.scheme.most_growth()
            + self.authority.most_growth()
            + self.headers.most_growth()
            + MARKER.len()
            + self.marker.len()
            + 10;
        self.redact.most_growth(head).saturating_add(fixed + path + retry)
    }
}
