// SPDX-License-Identifier: Apache-2.0
//! The headers of a copy: the request's, less what a proxy may not hand on, edited as the mirror says.
//!
//! Borrowed from the request's block and the configuration; only a rewritten authority is new.

mod authority;
mod edits;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub use self::authority::Authority;
pub use self::edits::{HeaderEdits, NamePattern};

use crate::config::Mirror;
use crate::head::{Head, tokens};

/// The header that marks a copy, with the mirror's name as its value.
pub const MARKER: &str = "x-shadow-mirror";

/// Most headers and bytes of them, serialized, that the host takes in one call (`proxy-wasm-cpp-host`, `limits.h`).
const MAX_COUNT: usize = 1024;
const MAX_SIZE: usize = 1 << 20;

/// Headers with this prefix steer the router that sends the copy: timeouts, retries and more.
const ROUTER_PREFIX: &[u8] = b"x-envoy-";

/// What is not borrowed from the request or the configuration.
#[derive(Debug)]
pub struct Rewritten<'a> {
    authority: Cow<'a, [u8]>,
}

impl<'a> Rewritten<'a> {
    pub fn of(head: &'a Head, mirror: &'a Mirror) -> Self {
        Self { authority: mirror.authority.apply(head.get(":authority").unwrap_or_default()) }
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
            } else if name.starts_with(b":")
                || !is_hop_by_hop(name, value, body_len)
                    && !connection.iter().any(|list| tokens(list).any(|item| item.eq_ignore_ascii_case(name)))
                    && !edits.drop(name)
            {
                headers.push((name, value));
            }
        }
        headers.extend(edits.values());
        headers.push((MARKER.as_bytes(), mirror.name.as_bytes()));
        Self { headers }
    }

    /// Whether the host takes a call with these headers.
    pub fn fits(&self) -> bool {
        let size = self.headers.iter().fold(4, |sum: usize, (name, value)| {
            sum.saturating_add(name.len()).saturating_add(value.len()).saturating_add(10)
        });
        self.headers.len() <= MAX_COUNT && size <= MAX_SIZE
    }

    pub fn into_headers(self) -> Vec<(&'a [u8], &'a [u8])> {
        self.headers
    }
}

/// Whether the host would take a copy of this request. Builds the copy only if it comes near the limits.
pub fn fits(head: &Head, mirror: &Mirror, body_len: usize) -> bool {
    let room = mirror.headers.most_added() + 1;
    if head.count() + room <= MAX_COUNT && head.size() + mirror.most_growth() <= MAX_SIZE {
        return true;
    }
    Outgoing::build(head, mirror, &Rewritten::of(head, mirror), body_len).fits()
}

/// Headers that the configuration may not set: they belong to the filter, to the hop, or to Envoy's router.
pub fn is_reserved(name: &[u8]) -> bool {
    name.starts_with(b":") || name == b"te" || name == b"content-length" || is_never_copied(name)
}

fn is_hop_by_hop(name: &[u8], value: &[u8], body_len: usize) -> bool {
    match name {
        b"te" => !value.trim_ascii().eq_ignore_ascii_case(b"trailers"),
        b"content-length" => {
            std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()) != Some(body_len)
        }
        _ => is_never_copied(name),
    }
}

fn is_never_copied(name: &[u8]) -> bool {
    matches!(
        name,
        b"host"
            | b"connection"
            | b"keep-alive"
            | b"proxy-connection"
            | b"transfer-encoding"
            | b"upgrade"
            | b"expect"
    ) || name == MARKER.as_bytes()
        || name.starts_with(ROUTER_PREFIX)
}

impl Mirror {
    /// Upper bound of the bytes by which this mirror's edits lengthen a serialized header block.
    fn most_growth(&self) -> usize {
        self.authority.most_growth() + self.headers.most_growth() + MARKER.len() + self.name.len() + 10
    }
}
