// SPDX-License-Identifier: Apache-2.0
//! A body without its content encoding, decoded in steps of bounded work.

mod gzip;
mod inflate;

use std::task::Poll;

use self::gzip::Gunzip;
use self::inflate::{Inflated, Inflater};
use super::{Head, tokens};

/// A body that is decoded. It is handed in at each step, the same each time.
#[derive(Debug)]
pub struct Decoding {
    coding: Coding,
    inflater: Inflater,
}

#[derive(Debug)]
enum Coding {
    /// The body as it is.
    Identity,
    Gzip(Gunzip),
    Deflate {
        zlib: bool,
    },
}

impl Decoding {
    /// `None` if the encoding is not gzip or deflate, or the body has more than `limit` bytes.
    pub fn begin(head: &Head, body: &[u8], limit: usize) -> Option<Self> {
        if body.len() > limit {
            return None;
        }
        let mut encodings = head
            .values("content-encoding")
            .flat_map(tokens)
            .filter(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
        let coding = match encodings.next() {
            // An answer to HEAD, or one without content, names an encoding and has nothing to decode.
            Some(_) if body.is_empty() => Coding::Identity,
            Some(name) if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Coding::Gzip(Gunzip::default())
            }
            // It should be zlib's format, and some servers send what is within.
            Some(name) if name.eq_ignore_ascii_case(b"deflate") => Coding::Deflate { zlib: is_zlib(body) },
            Some(_) => return None,
            None => Coding::Identity,
        };
        encodings.next().is_none().then(|| Self { coding, inflater: Inflater::new(limit) })
    }

    /// Continues. Takes what it costs from `work`, and is `Pending` where none is left; `false` if the body is broken, has more
    /// than the limit when decoded, or there is no memory for it.
    pub fn step(&mut self, body: &[u8], work: &mut usize) -> Poll<bool> {
        let done = match &mut self.coding {
            Coding::Identity => return Poll::Ready(true),
            Coding::Gzip(gunzip) => gunzip.step(body, &mut self.inflater, work),
            Coding::Deflate { zlib } => match self.inflater.step(body, *zlib, work) {
                Inflated::More => Poll::Pending,
                Inflated::End => Poll::Ready(self.inflater.read() == body.len()),
                Inflated::Broken => Poll::Ready(false),
            },
        };
        if done.is_ready() {
            self.inflater.finish();
        }
        done
    }

    /// The body as it was before it was encoded, once it is decoded.
    pub fn decoded<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match self.coding {
            Coding::Identity => body,
            _ => self.inflater.written(),
        }
    }

    /// How many bytes were decoded, of which there may be far more than of the body.
    pub fn decoded_bytes(&self) -> usize {
        self.inflater.written().len()
    }

    /// Bytes that are allocated for it.
    pub fn held_bytes(&self) -> usize {
        self.inflater.held_bytes()
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
