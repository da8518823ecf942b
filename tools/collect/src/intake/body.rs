// SPDX-License-Identifier: Apache-2.0
//! Bodies of requests, within bounds.

use std::io::{self, Read};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::budget::Charge;

/// How long a sender may be silent within a body.
const SILENCE: Duration = Duration::from_secs(60);

/// A body, and how many bytes behind it were left out.
#[derive(Debug)]
pub struct Whole {
    pub bytes: Bytes,
    pub left_out: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The sender went away or was silent: nobody waits for an answer.
    Broken,
    /// There is no room in memory now.
    NoRoom,
    TooLarge,
    /// Its encoding is another than it says.
    Undecodable(String),
}

/// Reads a whole body, of which the first `most` bytes are kept.
pub async fn read(mut body: Incoming, most: usize, charge: &mut Charge) -> Result<Whole, BodyError> {
    let mut parts: Vec<Bytes> = Vec::new();
    let (mut length, mut left_out) = (0, 0);
    while !body.is_end_stream() {
        let frame = tokio::time::timeout(SILENCE, body.frame()).await.map_err(|_| BodyError::Broken)?;
        let Some(frame) = frame else { break };
        // Trailers of a request are not kept.
        let Ok(mut data) = frame.map_err(|_| BodyError::Broken)?.into_data() else { continue };
        let kept = data.len().min(most - length);
        left_out += (data.len() - kept) as u64;
        data.truncate(kept);
        if !charge.grow(kept) {
            return Err(BodyError::NoRoom);
        }
        length += kept;
        parts.push(data);
    }
    let bytes = match parts.len() {
        1 => parts.remove(0),
        _ => {
            let mut whole = BytesMut::with_capacity(length);
            parts.iter().for_each(|part| whole.extend_from_slice(part));
            whole.freeze()
        }
    };
    Ok(Whole { bytes, left_out })
}

/// How a batch may be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// `None` if it is not one of these.
    pub fn of(name: Option<&[u8]>) -> Option<Self> {
        let name = name.unwrap_or_default().trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// A body of at most this many bytes when it is decoded.
    pub fn decode(self, body: Bytes, most: usize, charge: &mut Charge) -> Result<Bytes, BodyError> {
        let undecodable = |error: io::Error| BodyError::Undecodable(error.to_string());
        match self {
            Self::Identity => Ok(body),
            Self::Gzip => collect(MultiGzDecoder::new(&*body), most, charge),
            Self::Zstd => collect(zstd::Decoder::with_buffer(&*body).map_err(undecodable)?, most, charge),
        }
    }
}

fn collect(mut decoder: impl Read, most: usize, charge: &mut Charge) -> Result<Bytes, BodyError> {
    const STEP: usize = 64 << 10;
    let mut decoded = Vec::new();
    loop {
        let length = decoded.len();
        let count = (&mut decoder).take(STEP as u64).read_to_end(&mut decoded);
        count.map_err(|error| BodyError::Undecodable(error.to_string()))?;
        let count = decoded.len() - length;
        if count == 0 {
            return Ok(decoded.into());
        }
        if decoded.len() > most {
            return Err(BodyError::TooLarge);
        }
        if !charge.grow(count) {
            return Err(BodyError::NoRoom);
        }
    }
}
