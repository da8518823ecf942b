// SPDX-License-Identifier: Apache-2.0
//! The scheme of a copy: `:scheme`, which only HTTP/2 and HTTP/3 send.

use crate::http::Fate;

/// A module does not see whether the shadow's cluster has TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// What most shadows are reached by.
    #[default]
    Http,
    Https,
    /// The request's.
    Keep,
}

impl Scheme {
    pub fn fate(self, scheme: &[u8]) -> Fate<'static> {
        let fixed: &[u8] = match self {
            Self::Http => b"http",
            Self::Https => b"https",
            Self::Keep => return Fate::Stays,
        };
        if scheme == fixed { Fate::Stays } else { Fate::Becomes(fixed) }
    }

    /// Upper bound of the bytes that it adds to a serialized header block.
    pub fn most_growth(self) -> usize {
        "https".len()
    }
}
