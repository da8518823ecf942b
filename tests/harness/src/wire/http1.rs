// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 from a byte stream, faithful to it: raw heads are kept, and headers stay in the order
//! in which they came, which a `HeaderMap` loses between different names.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::{Headers, named};

/// The longest head, chunk size line or trailer block that is read.
const MAX_HEAD_BYTES: usize = 16 << 20;
/// The most headers in one head.
const MAX_HEADERS: usize = 1 << 16;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    pub(crate) fn of_request(headers: &Headers) -> Result<Self> {
        Ok(Self::declared(headers)?.unwrap_or(Self::None))
    }

    pub(crate) fn of_response(method: &str, status: u16, headers: &Headers) -> Result<Self> {
        let tunnel = method == "CONNECT" && (200..300).contains(&status);
        if bodyless(method, status) || tunnel {
            return Ok(Self::None);
        }
        Ok(Self::declared(headers)?.unwrap_or(Self::UntilClose))
    }

    fn declared(headers: &Headers) -> Result<Option<Self>> {
        if named(headers, "transfer-encoding").any(|value| value.to_ascii_lowercase().ends_with(b"chunked")) {
            return Ok(Some(Self::Chunked));
        }
        let Some(length) = named(headers, "content-length").next() else {
            return Ok(None);
        };
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|length| length.parse().ok())
            .with_context(|| format!("content-length is {:?}", String::from_utf8_lossy(length)))?;
        Ok(Some(Self::Length(length)))
    }
}

/// Whether an answer to `method` with `status` has no body, whatever its headers say.
pub(crate) fn bodyless(method: &str, status: u16) -> bool {
    method == "HEAD" || status < 200 || status == 204 || status == 304
}

pub(crate) struct RequestHead {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) version: http::Version,
    pub(crate) headers: Headers,
}

pub(crate) fn parse_request(raw: &[u8]) -> Result<RequestHead> {
    with_room(|room| {
        let mut request = httparse::Request::new(room);
        request.parse(raw)?;
        Ok(RequestHead {
            method: request.method.unwrap_or_default().to_owned(),
            path: request.path.unwrap_or_default().to_owned(),
            version: version(request.version),
            headers: owned(request.headers),
        })
    })
    .with_context(|| malformed("request head", raw))
}

pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    pub(crate) version: http::Version,
    pub(crate) headers: Headers,
}

pub(crate) fn parse_response(raw: &[u8]) -> Result<ResponseHead> {
    with_room(|room| {
        let mut response = httparse::Response::new(room);
        response.parse(raw)?;
        Ok(ResponseHead {
            status: response.code.unwrap_or_default(),
            version: version(response.version),
            headers: owned(response.headers),
        })
    })
    .with_context(|| malformed("response head", raw))
}

/// One chunk of a chunked body.
pub(crate) fn chunk(data: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", data.len()).into_bytes();
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// The end of a chunked body.
pub(crate) fn last_chunk(trailers: &Headers) -> Vec<u8> {
    let mut end = b"0\r\n".to_vec();
    for (name, value) in trailers {
        write_header(&mut end, name, value);
    }
    end.extend_from_slice(b"\r\n");
    end
}

pub(crate) fn write_header(head: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    head.extend_from_slice(name);
    head.extend_from_slice(b": ");
    head.extend_from_slice(value);
    head.extend_from_slice(b"\r\n");
}

/// Reads one message after the other from a byte stream.
pub(crate) struct Reader<R> {
    source: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: BytesMut::new() }
    }

    pub(crate) fn source(&self) -> &R {
        &self.source
    }

    pub(crate) fn into_source(self) -> R {
        self.source
    }

    /// Whether bytes are here that belong to no message yet.
    pub(crate) fn has_leftover(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next head with its blank line; `None` if the peer closed before its first byte.
    pub(crate) async fn head(&mut self) -> Result<Option<Bytes>> {
        if self.buffer.is_empty() && !self.fill().await? {
            return Ok(None);
        }
        self.until(b"\r\n\r\n", "head").await.map(Some)
    }

    /// Appends the body to `body` and returns the trailers. What came before an error, or before
    /// the future was dropped, is in `body`.
    pub(crate) async fn body(&mut self, framing: Framing, body: &mut Vec<u8>) -> Result<Headers> {
        match framing {
            Framing::None => Ok(Headers::new()),
            Framing::Length(length) => {
                self.exactly(length, body).await?;
                Ok(Headers::new())
            }
            Framing::Chunked => self.chunks(body).await,
            Framing::UntilClose => loop {
                body.extend_from_slice(&self.buffer.split());
                if !self.fill().await? {
                    return Ok(Headers::new());
                }
            },
        }
    }

    /// The bytes that come next, whatever they are; empty once the peer closed.
    pub(crate) async fn some(&mut self) -> Result<Bytes> {
        if self.buffer.is_empty() {
            self.fill().await?;
        }
        Ok(self.buffer.split().freeze())
    }

    /// Reads and forgets until the peer closes or resets.
    pub(crate) async fn drain(&mut self) {
        while let Ok(true) = self.fill().await {
            self.buffer.clear();
        }
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> Result<Headers> {
        loop {
            let line = self.until(b"\r\n", "chunk size").await?;
            let size = chunk_size(&line).with_context(|| malformed("chunk size", &line))?;
            if size == 0 {
                return self.trailers().await;
            }
            self.exactly(size, body).await?;
            let end = self.until(b"\r\n", "chunk end").await?;
            ensure!(end.len() == 2, malformed("chunk end", &end));
        }
    }

    async fn trailers(&mut self) -> Result<Headers> {
        let mut block = Vec::new();
        loop {
            let line = self.until(b"\r\n", "trailers").await?;
            block.extend_from_slice(&line);
            ensure!(block.len() <= MAX_HEAD_BYTES, "trailers are too long");
            if line.len() == 2 {
                break;
            }
        }
        with_room(|room| match httparse::parse_headers(&block, room)? {
            httparse::Status::Complete((_, trailers)) => Ok(owned(trailers)),
            httparse::Status::Partial => Err(httparse::Error::Token),
        })
        .with_context(|| malformed("trailers", &block))
    }

    async fn exactly(&mut self, length: u64, body: &mut Vec<u8>) -> Result<()> {
        let mut missing = length;
        while missing > 0 {
            if self.buffer.is_empty() && !self.fill().await? {
                bail!("closed {missing} bytes before the end of the body");
            }
            let here =
                usize::try_from(missing).map_or(self.buffer.len(), |missing| missing.min(self.buffer.len()));
            body.extend_from_slice(&self.buffer.split_to(here));
            missing -= here as u64;
        }
        Ok(())
    }

    async fn until(&mut self, end: &[u8], what: &str) -> Result<Bytes> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..].windows(end.len()).position(|window| window == end);
            if let Some(at) = found {
                return Ok(self.buffer.split_to(searched + at + end.len()).freeze());
            }
            searched = (self.buffer.len() + 1).saturating_sub(end.len());
            ensure!(self.buffer.len() <= MAX_HEAD_BYTES, malformed(what, &self.buffer));
            if !self.fill().await? {
                bail!("closed inside: {}", malformed(what, &self.buffer));
            }
        }
    }

    /// Waits for more bytes; false if there are none to come.
    async fn fill(&mut self) -> Result<bool> {
        self.buffer.reserve(16 << 10);
        let read = self.source.read_buf(&mut self.buffer).await;
        Ok(read.context("the connection broke")? > 0)
    }
}

fn chunk_size(line: &[u8]) -> Option<u64> {
    let line = std::str::from_utf8(line).ok()?;
    let size = line.split(';').next()?.trim();
    u64::from_str_radix(size, 16).ok()
}

/// Parses with as much room for headers as it takes.
fn with_room<'b, T>(
    mut parse: impl FnMut(&mut [httparse::Header<'b>]) -> Result<T, httparse::Error>,
) -> Result<T, httparse::Error> {
    let mut room = 64;
    loop {
        match parse(&mut vec![httparse::EMPTY_HEADER; room]) {
            Err(httparse::Error::TooManyHeaders) if room < MAX_HEADERS => room *= 8,
            parsed => return parsed,
        }
    }
}

fn owned(headers: &[httparse::Header<'_>]) -> Headers {
    headers
        .iter()
        .map(|header| (header.name.to_ascii_lowercase().into_bytes(), header.value.to_vec()))
        .collect()
}

fn version(minor: Option<u8>) -> http::Version {
    match minor {
        Some(0) => http::Version::HTTP_10,
        _ => http::Version::HTTP_11,
    }
}

fn malformed(what: &str, bytes: &[u8]) -> String {
    let shown = &bytes[..bytes.len().min(200)];
    format!("{what} {:?}", String::from_utf8_lossy(shown))
}
