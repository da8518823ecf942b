// SPDX-License-Identifier: Apache-2.0
//! What an upstream does with a request: a plain answer, or one of the ways in which real
//! upstreams fail. A value; the protocols carry it out.

use std::time::Duration;

use bytes::Bytes;

use crate::wire::Headers;

/// The largest piece in which a body is written.
const PIECE: usize = 64 << 10;
/// What generated bodies are made of.
static FILLING: [u8; PIECE] = [b'.'; PIECE];

/// What an upstream does with one request.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) delay: Duration,
    pub(super) act: Act,
}

impl Reply {
    /// An answer with this status; add headers, body and trailers to it.
    pub fn status(status: u16) -> Self {
        Self::of(Act::Answer(Answer {
            status,
            headers: Headers::new(),
            content: Content::Bytes(Bytes::new()),
            chunked: false,
            piece: PIECE,
            gap: Duration::ZERO,
            cut: None,
            trailers: Headers::new(),
            last: false,
        }))
    }

    /// A 200 with a body of `mib` MiB that is made as it is sent.
    pub fn huge(mib: u64) -> Self {
        Self::status(200).body_of_size(mib << 20)
    }

    /// No answer, ever; the connection stays open until the peer closes it.
    pub fn hang() -> Self {
        Self::of(Act::Hang)
    }

    /// A TCP reset of the connection before any byte of an answer.
    pub fn reset() -> Self {
        Self::of(Act::Reset)
    }

    /// An orderly end of the connection before any byte of an answer.
    pub fn close() -> Self {
        Self::of(Act::Close)
    }

    /// Bytes that are no HTTP, on a connection that stays open.
    pub fn garbled() -> Self {
        Self::raw("\u{1}\u{2} this is not HTTP \u{3}\r\n\r\n")
    }

    /// Exactly these bytes. In HTTP/2 they go between two frames.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(Act::Raw(bytes.into()))
    }

    /// RST_STREAM with this error code before headers; in HTTP/1.1 the same as [`Reply::reset`].
    pub fn reset_stream(code: u32) -> Self {
        Self::of(Act::ResetStream(code))
    }

    /// RST_STREAM with REFUSED_STREAM.
    pub fn refused_stream() -> Self {
        Self::reset_stream(7)
    }

    /// GOAWAY with this error code, then the end of the connection, before headers. It says that
    /// the request was seen; [`Reply::refused_stream`] says that it was not. In HTTP/1.1 the same
    /// as [`Reply::close`].
    pub fn goaway(code: u32) -> Self {
        Self::of(Act::GoAway(code))
    }

    /// Agrees to an upgrade (101 with its `upgrade` header) or a CONNECT (200), then echoes bytes.
    pub fn switching_protocols() -> Self {
        Self::of(Act::SwitchProtocols)
    }

    /// Waits before it does anything.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// # Panics
    /// Like all methods below, if the reply is not an answer with a status.
    pub fn header(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let header = (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.answer(|answer| answer.headers.push(header))
    }

    /// With a `content-length`, unless a header or [`Reply::chunked`] says otherwise.
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        let content = Content::Bytes(body.into());
        self.answer(|answer| answer.content = content)
    }

    /// A body of this size that is made as it is sent.
    pub fn body_of_size(self, bytes: u64) -> Self {
        self.answer(|answer| answer.content = Content::Filling(bytes))
    }

    /// Frames the body without telling its length: `transfer-encoding: chunked` in HTTP/1.1.
    pub fn chunked(self) -> Self {
        self.answer(|answer| answer.chunked = true)
    }

    /// A trailer; in HTTP/1.1 the body becomes chunked.
    pub fn trailer(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let trailer = (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.answer(|answer| {
            answer.trailers.push(trailer);
            answer.chunked = true;
        })
    }

    /// Sends the body in pieces of `piece` bytes with a pause of `gap` before each.
    pub fn drip(self, piece: usize, gap: Duration) -> Self {
        self.answer(|answer| {
            answer.piece = piece.clamp(1, PIECE);
            answer.gap = gap;
        })
    }

    /// Sends headers and this many bytes of the body, then resets the TCP connection.
    pub fn reset_after(self, bytes: u64) -> Self {
        self.cut(bytes, Cut::Reset)
    }

    /// Sends headers and this many bytes of the body, then closes the connection in order.
    pub fn close_after(self, bytes: u64) -> Self {
        self.cut(bytes, Cut::Close)
    }

    /// Sends headers and this many bytes of the body, then nothing more.
    pub fn stall_after(self, bytes: u64) -> Self {
        self.cut(bytes, Cut::Stall)
    }

    /// Sends headers and this many bytes of the body, then RST_STREAM with this error code; in
    /// HTTP/1.1 the same as [`Reply::reset_after`].
    pub fn reset_stream_after(self, bytes: u64, code: u32) -> Self {
        self.cut(bytes, Cut::ResetStream(code))
    }

    /// The last answer of its connection: `connection: close` in HTTP/1.1, GOAWAY in HTTP/2.
    pub fn connection_close(self) -> Self {
        self.answer(|answer| answer.last = true)
    }

    fn of(act: Act) -> Self {
        Self { delay: Duration::ZERO, act }
    }

    fn cut(self, after: u64, cut: Cut) -> Self {
        self.answer(|answer| answer.cut = Some((after, cut)))
    }

    fn answer(mut self, edit: impl FnOnce(&mut Answer)) -> Self {
        match &mut self.act {
            Act::Answer(answer) => edit(answer),
            act => panic!("{act:?} has no headers and no body: start with Reply::status"),
        }
        self
    }
}

#[derive(Clone, Debug)]
pub(super) enum Act {
    Answer(Answer),
    Hang,
    Reset,
    Close,
    Raw(Bytes),
    ResetStream(u32),
    GoAway(u32),
    SwitchProtocols,
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Headers,
    pub(super) content: Content,
    pub(super) chunked: bool,
    pub(super) piece: usize,
    pub(super) gap: Duration,
    /// Where the body breaks off, and how.
    pub(super) cut: Option<(u64, Cut)>,
    pub(super) trailers: Headers,
    pub(super) last: bool,
}

impl Answer {
    /// The body up to its cut, piece by piece.
    pub(super) fn pieces(&self) -> impl Iterator<Item = Bytes> + '_ {
        let cut = self.cut.map_or(u64::MAX, |(after, _)| after);
        let end = self.content.len().min(cut);
        (0..end).step_by(self.piece).map(move |start| {
            let length = (end - start).min(self.piece as u64);
            self.content.slice(start, length as usize)
        })
    }
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Bytes(Bytes),
    Filling(u64),
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Filling(length) => *length,
        }
    }

    fn slice(&self, start: u64, length: usize) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes.slice(start as usize..start as usize + length),
            Self::Filling(_) => Bytes::from_static(&FILLING[..length]),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    Reset,
    Close,
    Stall,
    ResetStream(u32),
}
