// SPDX-License-Identifier: Apache-2.0
//! Messages one behind the other, each after its length.

use std::fmt;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::decode_varint;

use super::message::Exchange;
use super::shape;

/// Longest exchange that is read: a request and an answer of the most that the filter holds for one.
pub const MAX_EXCHANGE_BYTES: usize = 512 << 20;

/// Why bytes are no exchanges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Malformed {
    /// The bytes end within a message. What stood before is whole.
    Torn,
    /// A message of more than [`MAX_EXCHANGE_BYTES`], or with more headers than any request has.
    TooLarge,
    /// It is no message of this protocol.
    NotAnExchange(String),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Torn => f.write_str("it ends within an exchange"),
            Self::TooLarge => f.write_str("an exchange is too large"),
            Self::NotAnExchange(why) => write!(f, "not an exchange: {why}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Takes the first exchange off the bytes, which borrows from them. `None` if there are no more.
///
/// # Errors
/// The first bytes are no exchange. They are still there if they are its beginning.
pub fn decode(bytes: &mut Bytes) -> Result<Option<Exchange>, Malformed> {
    frame(bytes)?.map(parse).transpose()
}

/// Every exchange of a batch, each with the bytes of its frame.
///
/// # Errors
/// One of them is malformed.
pub fn decode_all(mut bytes: Bytes) -> Result<Vec<(Exchange, Bytes)>, Malformed> {
    let mut all = Vec::new();
    loop {
        let before = bytes.clone();
        match decode(&mut bytes)? {
            Some(exchange) => all.push((exchange, before.slice(..before.len() - bytes.len()))),
            None => return Ok(all),
        }
    }
}

/// Writes an exchange behind its length.
pub fn write_frame(exchange: &Exchange, into: &mut Vec<u8>) {
    // A vector grows as far as it must.
    let _ = exchange.encode_length_delimited(into);
}

/// The bytes of the first message.
fn frame(bytes: &mut Bytes) -> Result<Option<Bytes>, Malformed> {
    const LONGEST_LENGTH: usize = 10;
    if bytes.is_empty() {
        return Ok(None);
    }
    let mut rest = bytes.clone();
    let length = match decode_varint(&mut rest) {
        Ok(length) => usize::try_from(length).map_err(|_| Malformed::TooLarge)?,
        Err(_) if bytes.len() < LONGEST_LENGTH => return Err(Malformed::Torn),
        Err(error) => return Err(Malformed::NotAnExchange(error.to_string())),
    };
    if length > MAX_EXCHANGE_BYTES {
        return Err(Malformed::TooLarge);
    }
    if rest.remaining() < length {
        return Err(Malformed::Torn);
    }
    let message = rest.split_to(length);
    *bytes = rest;
    Ok(Some(message))
}

fn parse(message: Bytes) -> Result<Exchange, Malformed> {
    shape::check(&message)?;
    let exchange = Exchange::decode(message).map_err(|error| Malformed::NotAnExchange(error.to_string()))?;
    check(&exchange)?;
    Ok(exchange)
}

/// What every exchange has. A file that was filled with zeros has none of it.
pub(super) fn check(exchange: &Exchange) -> Result<(), Malformed> {
    let lacks = |what: &str| Err(Malformed::NotAnExchange(what.to_owned()));
    match &exchange.request {
        _ if exchange.id().is_none() => lacks("an id has 16 bytes"),
        Some(request) if !request.headers.is_empty() => Ok(()),
        _ => lacks("there is no request in it"),
    }
}
