// SPDX-License-Identifier: Apache-2.0
//! The headers of a copy: the request's, less what a proxy may not hand on, edited as the mirror says.
//!
//! Borrowed from the request's block and the configuration; only a rewritten authority or path is new.

#[cfg(test)]
mod tests;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod properties;

use std::borrow::Cow;

use crate::config::Mirror;
use crate::edits::{PathRewrite, Retry};
use crate::head::{self, Head, tokens};
use crate::reserved::{MARKER, ends_here};

/// Most headers and bytes of them, serialized, that the host takes in one call (`proxy-wasm-cpp-host`, `limits.h`).
const MAX_COUNT: usize = 1024;
const MAX_SIZE: usize = 1 << 20;

/// What is not borrowed from the request or the configuration.
#[derive(Debug)]
pub struct Rewritten<'a> {
    authority: Cow<'a, [u8]>,
    /// `None` if it stays.
    path: Option<Cow<'a, [u8]>>,
}

impl<'a> Rewritten<'a> {
    pub fn of(head: &'a Head, mirror: &'a Mirror) -> Self {
        let changes_path = mirror.path.is_some() || !mirror.redact.query.is_empty();
        let path = changes_path.then(|| {
            let path = head.get(":path").unwrap_or_default();
            let path = mirror.path.as_ref().map_or(path.into(), |rewrite| rewrite.apply(path));
            mirror.redact.path(path)
        });
        Self { authority: mirror.authority.apply(head.get(":authority").unwrap_or_default()), path }
    }
}

/// The header block of one copy.
#[derive(Debug)]
pub struct Outgoing<'a> {
    headers: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Outgoing<'a> {
    pub fn build(head: &'a Head, mirror: &'a Mirror, rewritten: &'a Rewritten, body_len: usize) -> Self {
        let edits = &mirror.headers;
        let connection: Vec<&[u8]> =
            head.iter().filter(|(name, _)| *name == b"connection").map(|(_, v)| v).collect();
        let mut headers = Vec::with_capacity(head.count() + edits.most_added() + 1);
        for (name, value) in head.iter() {
            if name == b":authority" {
                headers.push((name, &*rewritten.authority));
            } else if name == b":path" {
                headers.push((name, rewritten.path.as_deref().unwrap_or(value)));
            } else if name.starts_with(b":")
                || !ends_here(name, value, body_len)
                    && !connection.iter().any(|list| tokens(list).any(|item| item.eq_ignore_ascii_case(name)))
                    && !edits.drop(name)
                    && !mirror.redact.drops(name)
            {
                headers.push((name, mirror.redact.header(name).unwrap_or(value)));
            }
        }
        headers.extend(edits.values());
        headers.extend(mirror.retry.iter().flat_map(Retry::headers));
        headers.push((MARKER.as_bytes(), mirror.name.as_bytes()));
        Self { headers }
    }

    /// Whether the host takes a call with these headers.
    pub fn fits(&self) -> bool {
        self.headers.len() <= MAX_COUNT && head::block_size(&self.headers) <= MAX_SIZE
    }

    pub fn into_headers(self) -> Vec<(&'a [u8], &'a [u8])> {
        self.headers
    }

    /// The headers as the host takes them.
    pub fn to_block(&self) -> Vec<u8> {
        head::block(&self.headers)
    }
}

/// Whether the host would take a copy of this request. Builds the copy only if it comes near the limits.
pub fn fits(head: &Head, mirror: &Mirror, body_len: usize) -> bool {
    let room = mirror.headers.most_added() + mirror.retry.as_ref().map_or(0, Retry::most_added) + 1;
    if head.count() + room <= MAX_COUNT && head.size().saturating_add(mirror.most_growth(head)) <= MAX_SIZE {
        return true;
    }
    Outgoing::build(head, mirror, &Rewritten::of(head, mirror), body_len).fits()
}

impl Mirror {
    /// Upper bound of the bytes by which this mirror's edits lengthen a serialized header block.
    fn most_growth(&self, head: &Head) -> usize {
        let path = self.path.as_ref().map_or(0, PathRewrite::most_growth);
        let retry = self.retry.as_ref().map_or(0, Retry::most_growth);
        let fixed =
            self.authority.most_growth() + self.headers.most_growth() + MARKER.len() + self.name.len() + 10;
        self.redact.most_growth(head).saturating_add(fixed + path + retry)
    }
}
