// SPDX-License-Identifier: Apache-2.0
//! One generated exchange as a value: what the client sends and how, and what the primary answers.

use std::time::Duration;

use bytes::Bytes;
use harness::client::{Headers, Request};

/// The header by which upstreams know an exchange.
pub const ID: &str = "x-soak";
/// Something on a body that JSON is, for mirrors that look into it.
const JSON: &[u8] =
    br#"{"user": {"email": "a@b.test", "id": 7}, "cards": [{"number": "1"}, {"number": "2"}], "ts": 1}"#;

#[derive(Clone, Debug)]
pub struct Case {
    /// Whether the client speaks HTTP/2.
    pub http2: bool,
    /// Whether the primary does.
    pub http2_upstream: bool,
    pub method: String,
    pub target: Bytes,
    pub headers: Vec<(String, Bytes)>,
    pub body: Payload,
    /// HTTP/1.1: `expect: 100-continue`.
    pub expect: bool,
    pub trailers: Vec<(String, Bytes)>,
    pub ending: Ending,
    /// HTTP/1.1: more requests sent behind this one without waiting.
    pub pipelined: u8,
    pub answer: Answer,
}

#[derive(Clone, Debug)]
pub enum Payload {
    None,
    /// With a `content-length`.
    Length(Vec<Piece>),
    /// Without.
    Chunked(Vec<Piece>),
}

/// What is written at once.
#[derive(Clone, Debug)]
pub struct Piece {
    pub kind: Kind,
    /// Milliseconds before it.
    pub pause: u8,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Filling(u32),
    Json,
}

/// How the client's side ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It sends everything and reads the answer.
    Whole,
    /// Likewise, but it closes its side of the connection before it reads. HTTP/1.1.
    HalfClosed,
    /// It goes away behind its head.
    LeavesAfterHead,
    /// It goes away when half of the body is sent.
    LeavesInBody,
    /// It goes away when everything is sent.
    LeavesBeforeAnswer,
}

#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, Bytes)>,
    pub body: u32,
    pub chunked: bool,
    pub trailer: bool,
    pub end: AnswerEnd,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerEnd {
    Whole,
    Last,
    Dripping,
    Hints,
    ResetInBody,
    ClosedInBody,
    Reset,
    Closed,
    Garbled,
    /// Answered when only the head is there.
    Early,
}

impl Piece {
    pub fn bytes(&self) -> Bytes {
        match self.kind {
            Kind::Json => Bytes::from_static(JSON),
            Kind::Filling(length) => (b'a'..=b'z').cycle().take(length as usize).collect(),
        }
    }

    pub fn pause(&self) -> Duration {
        Duration::from_millis(self.pause.into())
    }
}

impl Payload {
    pub fn pieces(&self) -> &[Piece] {
        match self {
            Self::None => &[],
            Self::Length(pieces) | Self::Chunked(pieces) => pieces,
        }
    }
}

impl Case {
    /// Whether what is seen depends on who is faster: where one of them breaks off, Envoy may meet the end before what came
    /// before it.
    pub fn is_race(&self) -> bool {
        use AnswerEnd::{Closed, ClosedInBody, Early, Reset, ResetInBody};
        let breaks_off = [Early, Closed, ClosedInBody, Reset, ResetInBody].contains(&self.answer.end);
        !matches!(self.ending, Ending::Whole) || breaks_off
    }

    /// All headers but those that frame the body.
    pub fn headers_with(&self, id: u64) -> Headers {
        let mut headers = vec![(ID.as_bytes().to_vec(), id.to_string().into_bytes())];
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.to_vec())));
        if self.expect {
            headers.push((b"expect".to_vec(), b"100-continue".to_vec()));
        }
        headers
    }

    /// For HTTP/2.
    pub fn request(&self, id: u64) -> Request {
        let target = String::from_utf8_lossy(&self.target);
        let mut request = Request::new(&self.method, target).authority("a.test");
        request.headers = self.headers_with(id);
        request.trailers = trailers(&self.trailers);
        match &self.body {
            Payload::None => request,
            Payload::Length(pieces) => {
                request.body(pieces.iter().flat_map(|piece| piece.bytes()).collect::<Vec<u8>>())
            }
            Payload::Chunked(pieces) => pieces
                .iter()
                .fold(request, |request, piece| request.piece_after(piece.pause(), piece.bytes())),
        }
    }
}

pub fn trailers(all: &[(String, Bytes)]) -> Headers {
    all.iter().map(|(name, value)| (name.clone().into_bytes(), value.to_vec())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;

    use super::*;
    use crate::requests::generate;

    #[test]
    fn where_the_primary_breaks_off_either_side_may_be_the_faster_one() {
        let cases = (0..500).map(|number| generate::tree(1, number).current());
        let broken: Vec<Case> = cases.filter(|case| case.answer.end == AnswerEnd::ResetInBody).collect();
        assert!(!broken.is_empty() && broken.iter().all(Case::is_race), "{broken:#?}");
    }
}
