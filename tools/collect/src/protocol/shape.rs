// SPDX-License-Identifier: Apache-2.0
//! Whether a message may be decoded: a header without name and value takes two bytes in a message and sixty in memory, so that
//! their number is looked at before.

use bytes::Buf;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::frames::Malformed;

/// Most headers of a request and an answer, each. Envoy takes 100 by default, and calls may have 1,024.
const MAX_HEADERS: usize = 4096;
const REQUEST: u32 = 4;
const ANSWER: u32 = 5;
const REQUEST_HEADERS: u32 = 1;
const ANSWER_HEADERS: u32 = 3;

/// Walks over the fields of an exchange.
pub fn check(mut message: &[u8]) -> Result<(), Malformed> {
    let mut found = 0;
    while message.has_remaining() {
        let (tag, wire) = key(&mut message)?;
        let headers = match (tag, wire) {
            (REQUEST, WireType::LengthDelimited) => REQUEST_HEADERS,
            (ANSWER, WireType::LengthDelimited) => ANSWER_HEADERS,
            _ => {
                skip(tag, wire, &mut message)?;
                continue;
            }
        };
        let length = decode_varint(&mut message).map_err(malformed)?;
        let inner = usize::try_from(length).ok().and_then(|length| message.split_at_checked(length));
        let Some((inner, rest)) = inner else {
            return Err(Malformed::NotAnExchange("a field is longer than its message".to_owned()));
        };
        // A field that comes twice is merged.
        found += count(inner, headers)?;
        if found > 2 * MAX_HEADERS {
            return Err(Malformed::TooLarge);
        }
        message = rest;
    }
    Ok(())
}

fn count(mut message: &[u8], field: u32) -> Result<usize, Malformed> {
    let mut count = 0;
    while message.has_remaining() {
        let (tag, wire) = key(&mut message)?;
        count += usize::from(tag == field);
        skip(tag, wire, &mut message)?;
    }
    Ok(count)
}

fn key(message: &mut &[u8]) -> Result<(u32, WireType), Malformed> {
    let (tag, wire) = decode_key(message).map_err(malformed)?;
    Ok((tag, wire))
}

fn skip(tag: u32, wire: WireType, message: &mut &[u8]) -> Result<(), Malformed> {
    skip_field(wire, tag, message, DecodeContext::default()).map_err(malformed)
}

fn malformed(error: prost::DecodeError) -> Malformed {
    Malformed::NotAnExchange(error.to_string())
}
