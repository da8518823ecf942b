// SPDX-License-Identifier: Apache-2.0
//! What an exchange is: the messages of `proto/shadowfilter/v1/exchange.proto`, and both ways to write them down. Knows no files and
//! no connections.

mod frames;
mod json;
mod message;
mod shape;

pub use self::frames::{MAX_EXCHANGE_BYTES, Malformed, decode, decode_all, write_frame};
pub use self::json::{from_line, write_line};
pub use self::message::{Answer, Exchange, Header, Id, NOT_COUNTED, Request, head};

#[cfg(test)]
pub(crate) mod tests;
