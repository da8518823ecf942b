// SPDX-License-Identifier: Apache-2.0
//! A body without its content encoding, decoded in steps of bounded work.

mod gzip;
mod inflate;

use std::task::Poll;

use self::gzip::Gunzip;
use self::inflate::{Inflated, Inflater};
use super::{Head, tokens};

/// How these begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Most encodings of one body that are undone.
const MAX_CODINGS: usize = 3;
/// What some servers say of a body that has no encoding: charsets, ways of transfer, and words for none.
const NO_CODINGS: [&[u8]; 12] = [
    b"identity",
    b"none",
    b"utf-8",
    b"utf8",
    b"us-ascii",
    b"iso-8859-1",
    b"aws-chunked",
    b"binary",
    b"8bit",
    b"null",
    b"text",
    b"plain",
];

/// A body that is decoded. It is handed in at each step, the same each time.
#[derive(Debug)]
pub struct Decoding {
    /// What is to be undone, the first last.
    codings: Vec<Coding>,
    decoder: Option<Decoder>,
    /// What the last one gave that was undone; `None`: the body as it is.
    decoded: Option<Vec<u8>>,
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
    /// Only known, and only by how it begins.
    Zstd,
}

#[derive(Debug)]
enum Decoder {
    Gzip(Gunzip, Inflater),
    Deflate { zlib: bool, inflater: Inflater },
}

impl Decoding {
    /// `None` if an encoding is not known, or the body has more than `limit` bytes.
    pub fn begin(head: &Head, body: &[u8], limit: usize) -> Option<Self> {
        if body.len() > limit {
            return None;
        }
        let mut codings = Vec::new();
        // An answer to HEAD, or one without content, names an encoding and has nothing to decode.
        if !body.is_empty() {
            for name in head.values("content-encoding").flat_map(tokens) {
                codings.extend(Coding::of(name)?);
                if codings.len() > MAX_CODINGS {
                    return None;
                }
            }
        }
        Some(Self { codings, decoder: None, decoded: None, limit })
    }

    /// Continues. Takes what it costs from `work`, and is `Pending` where none is left; `false` if the body is broken, has more
    /// than the limit when decoded, or there is no memory for it.
    pub fn step(&mut self, body: &[u8], work: &mut usize) -> Poll<bool> {
        loop {
            let input = self.decoded.as_deref().unwrap_or(body);
            let Some(decoder) = &mut self.decoder else {
                match self.codings.pop() {
                    None => return Poll::Ready(true),
                    Some(Coding::Zstd) if input.starts_with(&ZSTD) => return Poll::Ready(false),
                    // Some servers say so of bodies that are not.
                    Some(Coding::Zstd) => {}
                    Some(Coding::Gzip) if !input.starts_with(&GZIP) => {}
                    Some(coding) => self.decoder = Some(Decoder::new(coding, input, self.limit)),
                }
                continue;
            };
            match decoder.step(input, work) {
                Poll::Ready(true) => self.decoded = self.decoder.take().map(Decoder::into_decoded),
                other => return other,
            }
        }
    }

    /// The body as it was before it was encoded, once it is decoded.
    pub fn decoded<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        self.decoded.as_deref().unwrap_or(body)
    }

    /// Bytes that are allocated for it.
    pub fn held_bytes(&self) -> usize {
        let decoder = match &self.decoder {
            Some(Decoder::Gzip(_, inflater) | Decoder::Deflate { inflater, .. }) => inflater.held_bytes(),
            None => 0,
        };
        decoder + self.decoded.as_ref().map_or(0, Vec::capacity)
    }
}

impl Coding {
    /// `Some(None)`: it is none. `None`: it is not known.
    fn of(name: &[u8]) -> Option<Option<Self>> {
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        match name {
            _ if is(b"gzip") || is(b"x-gzip") => Some(Some(Self::Gzip)),
            _ if is(b"deflate") => Some(Some(Self::Deflate)),
            _ if is(b"zstd") => Some(Some(Self::Zstd)),
            _ if NO_CODINGS.iter().any(|other| is(other)) => Some(None),
            _ => None,
        }
    }
}

impl Decoder {
    fn new(coding: Coding, input: &[u8], limit: usize) -> Self {
        let inflater = Inflater::new(limit);
        match coding {
            // It should be zlib's format, and some servers send what is within.
            Coding::Deflate => Self::Deflate { zlib: is_zlib(input), inflater },
            _ => Self::Gzip(Gunzip::default(), inflater),
        }
    }

    fn step(&mut self, input: &[u8], work: &mut usize) -> Poll<bool> {
        match self {
            Self::Gzip(gunzip, inflater) => gunzip.step(input, inflater, work),
            Self::Deflate { zlib, inflater } => match inflater.step(input, *zlib, work) {
                Inflated::More => Poll::Pending,
                Inflated::End => Poll::Ready(inflater.read() == input.len()),
                Inflated::Broken => Poll::Ready(false),
            },
        }
    }

    fn into_decoded(self) -> Vec<u8> {
        match self {
            Self::Gzip(_, inflater) | Self::Deflate { inflater, .. } => inflater.into_written(),
        }
    }
}

fn is_zlib(body: &[u8]) -> bool {
    match body {
        [method, flags, ..] => method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
