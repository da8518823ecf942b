// SPDX-License-Identifier: Apache-2.0
//! What a mirror changes in the head of its copies, as values: the configuration makes them, `outgoing` applies them.

mod authority;
mod headers;
mod path;
mod retry;

pub use self::authority::Authority;
pub use self::headers::{HeaderEdits, NamePattern};
pub use self::path::PathRewrite;
pub use self::retry::Retry;
