// SPDX-License-Identifier: Apache-2.0
//! The authority under which the shadow is called.

use std::borrow::Cow;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// Put behind the host, before the port.
    Suffix(Vec<u8>),
    Literal(Vec<u8>),
    Keep,
}

impl Default for Authority {
    /// As Envoy's own mirroring does.
    fn default() -> Self {
        Self::Suffix(b"-shadow".to_vec())
    }
}

impl Authority {
    pub fn apply<'a>(&'a self, authority: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Keep => authority.into(),
            Self::Literal(literal) => literal.as_slice().into(),
            Self::Suffix(suffix) => {
                let (host, port) =
                    authority.split_at_checked(port_start(authority)).unwrap_or((authority, b""));
                [host, suffix, port].concat().into()
            }
        }
    }

    /// Upper bound of the bytes that it adds to a serialized header block.
    pub fn most_growth(&self) -> usize {
        match self {
            Self::Suffix(text) | Self::Literal(text) => text.len(),
            Self::Keep => 0,
        }
    }
}

/// Where the port begins, with its colon; the end if there is none. As in Envoy's `HeaderUtility::getPortStart`: the
/// last colon, unless it is inside the brackets of an IPv6 address.
fn port_start(authority: &[u8]) -> usize {
    let last = |byte: u8| authority.iter().rposition(|b| *b == byte);
    match (last(b':'), last(b']')) {
        (Some(colon), Some(bracket)) if bracket > colon => authority.len(),
        (Some(colon), _) => colon,
        (None, _) => authority.len(),
    }
}
