// SPDX-License-Identifier: Apache-2.0
//! What a copy looks like: authority, path, headers, redaction, and the header block that leaves. Does not know who gets
//! the copy.

mod authority;
mod headers;
mod outgoing;
mod path;
mod redaction;
mod retry;
mod scheme;

pub use self::authority::Authority;
pub use self::headers::{CREDENTIALS, HeaderEdits, NamePattern};
pub use self::outgoing::{MAX_HEADER_BYTES, MAX_HEADERS, Outgoing, Rewritten, fits};
pub use self::path::{PathPattern, PathRewrite};
pub use self::redaction::{
    BodyRedaction, JsonSettings, RedactError, Redaction, Replacement, SettingConflict,
};
pub use self::retry::Retry;
pub use self::scheme::Scheme;

/// What a mirror changes in its copies.
#[derive(Debug, Clone, PartialEq)]
pub struct Transform {
    /// Value of the header that marks a copy: the mirror's name.
    pub marker: String,
    pub authority: Authority,
    pub scheme: Scheme,
    pub path: Option<PathRewrite>,
    pub headers: HeaderEdits,
    pub redact: Redaction,
    pub retry: Option<Retry>,
}
