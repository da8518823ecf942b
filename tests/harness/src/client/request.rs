// SPDX-License-Identifier: Apache-2.0
//! A request as a value that both protocols can send.

use std::time::Duration;

use bytes::Bytes;

use crate::wire::Headers;

/// A request; headers are sent as they are, in order, with duplicates.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub path: String,
    pub authority: String,
    pub headers: Headers,
    pub body: Body,
    pub trailers: Headers,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// No body and nothing that announces one.
    None,
    /// With a `content-length`, unless a header says otherwise.
    Whole(Bytes),
    /// Chunks (HTTP/1.1) or frames (HTTP/2), each after a pause.
    Pieces(Vec<(Duration, Bytes)>),
}

impl Request {
    pub fn new(method: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            authority: "primary.test".to_owned(),
            headers: Headers::new(),
            body: Body::None,
            trailers: Headers::new(),
        }
    }

    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    pub fn post(path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self::new("POST", path).body(body)
    }

    pub fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = authority.into();
        self
    }

    /// One more header; the value may be any bytes.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let header = (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.headers.push(header);
        self
    }

    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Whole(body.into());
        self
    }

    /// One more piece of a body without a length.
    pub fn piece(self, piece: impl Into<Bytes>) -> Self {
        self.piece_after(Duration::ZERO, piece)
    }

    /// One more piece, after a pause.
    pub fn piece_after(mut self, pause: Duration, piece: impl Into<Bytes>) -> Self {
        let piece = (pause, piece.into());
        match &mut self.body {
            Body::Pieces(pieces) => pieces.push(piece),
            body => *body = Body::Pieces(vec![piece]),
        }
        self
    }

    pub fn trailer(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let trailer = (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.trailers.push(trailer);
        self
    }
}
