// SPDX-License-Identifier: Apache-2.0
//! Deflate streams (RFC 1951), decoded one after the other into one buffer.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

/// Bytes that are decoded at once, of either side: a block without content is a few bytes, and costs as much as thousands.
const MOST_READ: usize = 64;
const MOST_WRITTEN: usize = 1024;
/// Work of a byte that is read, and of a stream.
const READ: usize = 64;
const STREAM: usize = 4096;
/// A buffer of this size grows to the limit next, as moving it costs more each time.
const LARGE: usize = 128 << 10;

/// The decoder, and what it wrote.
pub struct Inflater {
    /// Made when it is needed.
    decoder: Option<Box<DecompressorOxide>>,
    /// What was decoded, and zeros behind it that the decoder will write to.
    bytes: Vec<u8>,
    len: usize,
    limit: usize,
    /// How much of the body was read.
    read: usize,
}

/// How far a stream was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inflated {
    /// There may be more, and no work is left.
    More,
    End,
    /// Or too long, or there is no memory for it.
    Broken,
}

impl Inflater {
    pub fn new(limit: usize) -> Self {
        Self { decoder: None, bytes: Vec::new(), len: 0, limit, read: 0 }
    }

    /// How much of the body was read.
    pub fn read(&self) -> usize {
        self.read
    }

    pub fn skip(&mut self, bytes: usize) {
        self.read = self.read.saturating_add(bytes);
    }

    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Another stream begins.
    pub fn begin(&mut self, work: &mut usize) {
        *work = work.saturating_sub(STREAM);
        self.decoder.get_or_insert_default().init();
    }

    /// Continues with the stream, in the whole body.
    pub fn step(&mut self, body: &[u8], zlib: bool, work: &mut usize) -> Inflated {
        let flags =
            TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | if zlib { TINFL_FLAG_PARSE_ZLIB_HEADER } else { 0 };
        while *work > 0 {
            let Some(()) = self.make_room() else { return Inflated::Broken };
            let rest = body.get(self.read..).unwrap_or_default();
            let input = rest.get(..MOST_READ).unwrap_or(rest);
            let flags = if input.len() < rest.len() { flags | TINFL_FLAG_HAS_MORE_INPUT } else { flags };
            let end = self.bytes.len().min(self.len + MOST_WRITTEN);
            let output = self.bytes.get_mut(..end).unwrap_or_default();
            let decoder = self.decoder.get_or_insert_default();
            let (status, read, written) = decompress(decoder, input, output, self.len, flags);
            self.read += read;
            self.len += written;
            *work = work.saturating_sub(read * READ + written + 1);
            match status {
                _ if self.len > self.limit => return Inflated::Broken,
                TINFLStatus::Done => return Inflated::End,
                TINFLStatus::NeedsMoreInput | TINFLStatus::HasMoreOutput => {}
                _ => return Inflated::Broken,
            }
        }
        Inflated::More
    }

    /// What was decoded. Nothing follows.
    pub fn into_written(mut self) -> Vec<u8> {
        self.bytes.truncate(self.len);
        self.bytes
    }

    pub fn held_bytes(&self) -> usize {
        self.bytes.capacity() + self.decoder.as_ref().map_or(0, |_| size_of::<DecompressorOxide>())
    }

    /// Has zeros behind what was decoded. One byte more than the limit: at the very end of it the decoder would ask for more.
    fn make_room(&mut self) -> Option<()> {
        let most = self.limit.saturating_add(1);
        let wanted = self.len.saturating_add(MOST_WRITTEN).min(most);
        if wanted > self.bytes.capacity() {
            let doubled = self.bytes.capacity().saturating_mul(2);
            let size = if self.bytes.capacity() < LARGE { doubled } else { most };
            let size = size.clamp(wanted, most);
            self.bytes.try_reserve_exact(size - self.bytes.len()).ok()?;
        }
        if wanted > self.bytes.len() {
            self.bytes.resize(wanted, 0);
        }
        Some(())
    }
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { len, limit, read, .. } = self;
        f.debug_struct("Inflater").field("len", len).field("limit", limit).field("read", read).finish()
    }
}
