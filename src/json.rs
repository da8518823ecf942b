// SPDX-License-Identifier: Apache-2.0
//! JSON text and pointers into it, read in place and strictly by RFC 8259. Knows no other room.

mod lexer;
pub mod pointer;
mod walk;

pub use self::lexer::{NotJson, unescaped, unescaped_with_halves};
pub use self::pointer::{MAX_POINTERS, Pointer};
pub use self::walk::{Container, Event, Scalar, Walk};
