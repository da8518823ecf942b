// SPDX-License-Identifier: Apache-2.0
//! Reads exchanges from a file or standard input, whatever format and compression they have.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;

use super::format::Format;
use super::shelf;
use crate::protocol::{self, Exchange, MAX_EXCHANGE_BYTES, Malformed};

/// What is read at a time.
const CHUNK: usize = 256 << 10;

/// Where exchanges are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    File(PathBuf),
    Stdin,
}

impl Input {
    /// `-` is standard input, a folder its files in the order of their names.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn of(path: &Path) -> io::Result<Vec<Self>> {
        if path.as_os_str() == "-" {
            return Ok(vec![Self::Stdin]);
        }
        if !path.is_dir() {
            return Ok(vec![Self::File(path.to_owned())]);
        }
        Ok(shelf::segments(path)?.into_iter().map(Self::File).collect())
    }

    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Stdin => "standard input".to_owned(),
        }
    }

    /// How many bytes it has, if that is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => path.metadata().ok().map(|data| data.len()),
            Self::Stdin => None,
        }
    }
}

#[derive(Debug)]
pub enum ReadError {
    /// It ends within an exchange, as after a crash. What stood before is whole.
    Torn,
    Io(io::Error),
    /// `at`: the number of the exchange in its file.
    Malformed {
        at: u64,
        why: Malformed,
    },
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Torn => f.write_str("it ends within an exchange"),
            Self::Io(error) => error.fmt(f),
            Self::Malformed { at, why } => write!(f, "exchange {at}: {why}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // A compressed file that was not finished.
            io::ErrorKind::UnexpectedEof => Self::Torn,
            _ => Self::Io(error),
        }
    }
}

/// Reads one input. Ends after the first error.
pub struct Reader {
    source: Box<dyn Read + Send>,
    format: Format,
    buffer: Bytes,
    /// Bytes of the buffer without a line break.
    looked: usize,
    count: u64,
    whole: u64,
    is_over: bool,
}

impl Reader {
    /// # Errors
    /// It cannot be opened, or its beginning cannot be read.
    pub fn open(input: &Input) -> Result<Self, ReadError> {
        Self::counting(input, Arc::default())
    }

    /// Adds the bytes that were read, before they are decompressed, to a counter.
    ///
    /// # Errors
    /// It cannot be opened, or its beginning cannot be read.
    pub fn counting(input: &Input, read: Arc<AtomicU64>) -> Result<Self, ReadError> {
        let source: Box<dyn Read + Send> = match input {
            Input::File(path) => Box::new(open(path)?),
            Input::Stdin => Box::new(io::stdin()),
        };
        let format = match input {
            Input::File(path) => Format::of_name(&path.display().to_string()),
            Input::Stdin => None,
        };
        Self::new(Counted { source, read }, format)
    }

    /// # Errors
    /// The beginning cannot be read.
    pub fn new(source: impl Read + Send + 'static, format: Option<Format>) -> Result<Self, ReadError> {
        let mut reader = Self {
            source: decompressed(source)?,
            format: format.unwrap_or_default(),
            buffer: Bytes::new(),
            looked: 0,
            count: 0,
            whole: 0,
            is_over: false,
        };
        reader.fill()?;
        reader.format = format.unwrap_or_else(|| guess(&reader.buffer));
        Ok(reader)
    }

    /// How many bytes, without compression, the exchanges have that were read.
    pub fn whole_bytes(&self) -> u64 {
        self.whole
    }

    fn read(&mut self) -> Result<Option<Exchange>, ReadError> {
        loop {
            let taken = match self.format {
                Format::Ndjson => self.take_line(),
                Format::Protobuf => self.take_frame(),
            };
            match taken {
                Ok(Some((exchange, size))) => {
                    self.count += 1;
                    self.whole += size as u64;
                    return Ok(Some(exchange));
                }
                Ok(None) if self.is_over => return Ok(None),
                Err(Malformed::Torn) if self.is_over => return Err(ReadError::Torn),
                Ok(None) | Err(Malformed::Torn) if self.buffer.len() <= MAX_EXCHANGE_BYTES * 2 => {
                    self.fill()?
                }
                Ok(None) | Err(Malformed::Torn) => return Err(self.malformed(Malformed::TooLarge)),
                Err(why) => return Err(self.malformed(why)),
            }
        }
    }

    fn malformed(&self, why: Malformed) -> ReadError {
        ReadError::Malformed { at: self.count + 1, why }
    }

    /// Reads more behind what is left. What was taken off may be borrowed by an exchange, so it is not moved.
    fn fill(&mut self) -> io::Result<()> {
        let left = self.buffer.len();
        let mut more = vec![0; left + CHUNK.max(left)];
        let (start, room) = more.split_at_mut(left);
        start.copy_from_slice(&self.buffer);
        let count = loop {
            match self.source.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        more.truncate(left + count);
        self.is_over = count == 0;
        self.buffer = more.into();
        Ok(())
    }

    fn take_line(&mut self) -> Result<Option<(Exchange, usize)>, Malformed> {
        loop {
            let unseen = self.buffer.get(self.looked..).unwrap_or_default();
            let Some(at) = unseen.iter().position(|byte| *byte == b'\n') else {
                self.looked = self.buffer.len();
                return if self.buffer.is_empty() { Ok(None) } else { Err(Malformed::Torn) };
            };
            let line = self.buffer.split_to(self.looked + at + 1);
            self.looked = 0;
            if !line.trim_ascii().is_empty() {
                return protocol::from_line(&line).map(|exchange| Some((exchange, line.len())));
            }
            self.whole += line.len() as u64;
        }
    }

    fn take_frame(&mut self) -> Result<Option<(Exchange, usize)>, Malformed> {
        let before = self.buffer.len();
        let exchange = protocol::decode(&mut self.buffer)?;
        Ok(exchange.map(|exchange| (exchange, before - self.buffer.len())))
    }
}

impl Iterator for Reader {
    type Item = Result<Exchange, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read().transpose();
        if !matches!(read, Some(Ok(_))) {
            self.is_over = true;
            self.buffer.clear();
        }
        read
    }
}

/// A segment may get its final form after its folder was listed.
fn open(path: &Path) -> io::Result<File> {
    let opened = File::open(path);
    match &opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            shelf::final_form(path).map_or(opened, File::open)
        }
        _ => opened,
    }
}

/// A line begins with an object; in a frame the first field's key follows a length.
fn guess(start: &[u8]) -> Format {
    let start = start.trim_ascii_start();
    match start {
        [b'{', b'"' | b' ' | b'\n' | b'\r', ..] | [] => Format::Ndjson,
        _ => Format::Protobuf,
    }
}

fn decompressed(source: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
    const GZIP: &[u8] = &[0x1f, 0x8b];
    let mut source = BufReader::with_capacity(CHUNK, source);
    let start = source.fill_buf()?;
    Ok(if start.starts_with(ZSTD) {
        Box::new(zstd::Decoder::with_buffer(source)?)
    } else if start.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(source))
    } else {
        Box::new(source)
    })
}

struct Counted<R> {
    source: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
