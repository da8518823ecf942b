// SPDX-License-Identifier: Apache-2.0
//! A batch of exchanges: what its headers say it is, and what is in it.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method, Request};

use super::body::{BodyError, Encoding};
use super::budget::Charge;
use super::service::Taken;
use crate::protocol::{self, Malformed};

/// Where batches go.
const PATH: &str = "/v1/exchanges";

/// What a batch is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    Protobuf,
    /// For those who write them by hand.
    Lines,
}

/// How to read a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    spelling: Spelling,
    encoding: Encoding,
}

/// What a request to a collector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Batch(Kind),
    /// It is sent to where batches go, in a way that is not known.
    Unsupported,
    Copy,
}

impl Asked {
    pub fn of<B>(request: &Request<B>) -> Self {
        if request.uri().path() != PATH || request.method() != Method::POST {
            return Self::Copy;
        }
        let spelling = match content_type(request.headers()).as_deref() {
            Some("application/x-protobuf" | "application/protobuf" | "application/vnd.google.protobuf") => {
                Spelling::Protobuf
            }
            Some("application/x-ndjson" | "application/jsonl") => Spelling::Lines,
            // A service may have such a path itself.
            _ if request.headers().contains_key(shadow_filter::http::MARKER) => return Self::Copy,
            _ => return Self::Unsupported,
        };
        let mut encodings = request.headers().get_all(CONTENT_ENCODING).iter();
        let encoding = Encoding::of(encodings.next().map(|value| value.as_bytes()));
        match encoding.filter(|_| encodings.next().is_none()) {
            Some(encoding) => Self::Batch(Kind { spelling, encoding }),
            None => Self::Unsupported,
        }
    }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim().to_ascii_lowercase())
}

/// Why a batch was not read.
#[derive(Debug)]
pub enum NoBatch {
    Body(BodyError),
    Malformed(Malformed),
}

impl Kind {
    pub fn read(self, body: Bytes, most: usize, charge: &mut Charge) -> Result<Vec<Taken>, NoBatch> {
        let body = self.encoding.decode(body, most, charge).map_err(NoBatch::Body)?;
        match self.spelling {
            Spelling::Protobuf => {
                let all = protocol::decode_all(body).map_err(NoBatch::Malformed)?;
                Ok(all.into_iter().map(|(exchange, frame)| Taken { exchange, frame: Some(frame) }).collect())
            }
            Spelling::Lines => {
                let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
                let taken = |line| Ok(Taken { exchange: protocol::from_line(line)?, frame: None });
                lines.map(taken).collect::<Result<_, _>>().map_err(NoBatch::Malformed)
            }
        }
    }
}
