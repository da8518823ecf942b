// SPDX-License-Identifier: Apache-2.0
//! JSON text and pointers into it, read in place and strictly by RFC 8259. Reading can stop at any byte and continue later.
//! Knows no other room.

mod lexer;
mod nesting;
mod pointer;
mod pointers;
mod spelling;
mod walk;
mod writing;

pub use self::lexer::NotJson;
pub use self::pointer::{Pointer, Token};
pub use self::pointers::{MAX_DEEP_TOKENS, MAX_POINTERS, PointerMatch, Pointers, PointersWithin};
pub use self::spelling::{Characters, Name, Spelling};
pub use self::walk::{Container, Event, Scalar, Walk};
pub use self::writing::{number, put_string};
