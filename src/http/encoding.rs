// SPDX-License-Identifier: Apache-2.0
//! A body without its content encoding.

use std::borrow::Cow;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::{Head, tokens};

/// The body as it was before it was encoded. `None` if the encoding is not gzip or deflate, if it is broken, or if the body
/// has more than `limit` bytes then. Adds the bytes that were decoded, of which there may be far more than of the body, to
/// `effort`.
pub fn decoded<'a>(head: &Head, body: &'a [u8], limit: usize, effort: &mut usize) -> Option<Cow<'a, [u8]>> {
    if body.len() > limit {
        return None;
    }
    let mut encodings = head
        .values("content-encoding")
        .flat_map(tokens)
        .filter(|encoding| !encoding.eq_ignore_ascii_case(b"identity"))
        .map(<[u8]>::to_ascii_lowercase);
    let Some(encoding) = encodings.next() else { return Some(body.into()) };
    if encodings.next().is_some() {
        return None;
    }
    // An answer to HEAD, or one without content, names an encoding and has nothing to decode.
    if body.is_empty() {
        return Some(body.into());
    }
    let mut inflater = Inflater::new(limit);
    let done = match &*encoding {
        b"gzip" | b"x-gzip" => inflater.gunzip(body),
        // It should be zlib's format, and some servers send what is within.
        b"deflate" => {
            let flags = if is_zlib(body) { TINFL_FLAG_PARSE_ZLIB_HEADER } else { 0 };
            inflater.inflate(body, flags).filter(|rest| rest.is_empty()).map(drop)
        }
        _ => None,
    };
    *effort = effort.saturating_add(inflater.len);
    done.map(|()| inflater.into_bytes().into())
}

/// Decodes into one buffer, however many members there are.
struct Inflater {
    decoder: DecompressorOxide,
    /// With room for one byte more than the limit: at the very end of it the decoder would ask for more. Made when it is
    /// needed.
    bytes: Vec<u8>,
    len: usize,
    limit: usize,
}

impl Inflater {
    fn new(limit: usize) -> Self {
        Self { decoder: DecompressorOxide::new(), bytes: Vec::new(), len: 0, limit }
    }

    /// Appends what the input holds, and gives what is behind it. `None` if it is broken, or too long.
    fn inflate<'a>(&mut self, input: &'a [u8], flags: u32) -> Option<&'a [u8]> {
        self.bytes.resize(self.limit.saturating_add(1), 0);
        self.decoder.init();
        let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (status, read, written) = decompress(&mut self.decoder, input, &mut self.bytes, self.len, flags);
        self.len += written;
        if status == TINFLStatus::Done && self.len <= self.limit { input.get(read..) } else { None }
    }

    /// The members of a gzip file (RFC 1952), one after the other.
    fn gunzip(&mut self, mut body: &[u8]) -> Option<()> {
        while !body.is_empty() {
            let start = self.len;
            let rest = self.inflate(behind_header(body)?, 0)?;
            let (trailer, rest) = rest.split_first_chunk::<8>()?;
            let [sum @ .., _, _, _, _] = *trailer;
            if u32::from_le_bytes(sum) != crc32(self.bytes.get(start..self.len)?) {
                return None;
            }
            body = rest;
        }
        Some(())
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }
}

/// What is behind a member's header.
fn behind_header(member: &[u8]) -> Option<&[u8]> {
    const CHECKSUM: u8 = 2;
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let ([0x1f, 0x8b, 8, flags, ..], mut rest) = member.split_first_chunk::<10>()? else { return None };
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & CHECKSUM != 0 { rest.get(2..) } else { Some(rest) }
}

/// The checksum of gzip.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;
    use crate::http::tests::head;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const TEXT: &[u8] = br#"{"items": [1, 2, 3], "text": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn of(encoding: &[&str], body: &[u8], limit: usize) -> Option<Vec<u8>> {
        let headers: Vec<_> = encoding.iter().map(|value| ("content-encoding", *value)).collect();
        decoded(&head(&headers), body, limit, &mut 0).map(Cow::into_owned)
    }

    #[test]
    fn what_was_encoded_comes_out() {
        for (encoding, body) in [
            (&[][..], TEXT.to_vec()),
            (&["identity"], TEXT.to_vec()),
            (&["gzip"], gzip(TEXT)),
            (&["X-GZip"], gzip(TEXT)),
            (&["identity, gzip"], gzip(TEXT)),
            (&["deflate"], zlib(TEXT)),
            (&["deflate"], deflate(TEXT)),
            (&["gzip"], [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
        ] {
            let room = TEXT.len().max(body.len());
            assert_eq!(of(encoding, &body, room).as_deref(), Some(TEXT), "{encoding:?}");
            assert_eq!(of(encoding, &body, TEXT.len() - 1), None, "{encoding:?}, over the limit");
        }
        assert_eq!(of(&["gzip"], b"", 10).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn what_cannot_be_decoded_is_none() {
        for (encoding, body) in [
            (&["br"][..], TEXT.to_vec()),
            (&["gzip, br"], gzip(TEXT)),
            (&["gzip", "gzip"], gzip(&gzip(TEXT))),
            (&["gzip"], TEXT.to_vec()),
            (&["gzip"], gzip(TEXT)[..20].to_vec()),
            (&["deflate"], zlib(TEXT)[..20].to_vec()),
            (&["deflate"], b"\xff\xff\xff".to_vec()),
        ] {
            assert_eq!(of(encoding, &body, 1 << 20), None, "{encoding:?}");
        }
    }

    #[test]
    fn a_bomb_is_not_blown_up() {
        let bomb = gzip(&vec![0; 10 << 20]);
        assert!(bomb.len() < 65536);
        assert_eq!(of(&["gzip"], &bomb, 65536), None);
    }

    // There is no clock on wasm.
    #[cfg(not(target_arch = "wasm32"))]
    #[test]
    fn many_members_cost_no_more_than_their_bytes() {
        // If a buffer of this size were made ready for each of them, that would take minutes.
        const LIMIT: usize = 64 << 20;
        let body = [gzip(b"").repeat(5000), gzip(b"end")].concat();
        let start = std::time::Instant::now();
        assert_eq!(of(&["gzip"], &body, LIMIT).as_deref(), Some(&b"end"[..]));
        let took = start.elapsed();
        assert!(took < std::time::Duration::from_secs(10), "{took:?}");
    }

    #[test]
    fn what_was_decoded_is_told_even_where_it_is_too_much() {
        for (size, limit, expected) in [(1000, 2000, 1000), (1 << 20, 65536, 65537)] {
            let (head, body) = (head(&[("content-encoding", "gzip")]), gzip(&vec![0; size]));
            let mut effort = 0;
            assert_eq!(decoded(&head, &body, limit, &mut effort).is_some(), size <= limit);
            assert_eq!(effort, expected);
        }
        let mut effort = 0;
        assert!(decoded(&head(&[]), b"plain", 10, &mut effort).is_some());
        assert_eq!(effort, 0);
    }
}
