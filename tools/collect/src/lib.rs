// SPDX-License-Identifier: Apache-2.0
//! What stands behind `shadow-filter record`, `replay` and `collect`: programs beside Envoy that take what the filter mirrors.
//!
//! | room | owns |
//! |---|---|
//! | [`protocol`] | what an exchange is, and its two spellings: protobuf and JSON |
//! | [`files`] | exchanges in files: formats, segments that outlive a crash, reading them again |
//! | [`intake`] | who sends exchanges and copies, and what they are told |
//! | [`record`] | `shadow-filter record` |
//!
//! How an exchange differs from another is decided by the filter's own core, `shadow_filter::compare`.

pub mod files;
pub mod intake;
mod operation;
pub mod protocol;
pub mod record;
