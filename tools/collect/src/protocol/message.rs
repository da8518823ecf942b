// SPDX-License-Identifier: Apache-2.0
//! The messages. `proto/shadowfilter/v1/exchange.proto` says what each field means; a test holds both together.

use bytes::Bytes;
use prost::Message;
use shadow_filter::http::{Head, MARKER, block};

/// In place of a number of bytes that nobody counted.
pub const NOT_COUNTED: u64 = u64::MAX;

/// What makes an exchange unique.
pub type Id = [u8; 16];

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Exchange {
    #[prost(string, tag = "1")]
    pub mirror: String,
    #[prost(bytes = "bytes", tag = "2")]
    pub id: Bytes,
    #[prost(uint64, tag = "3")]
    pub started_unix_us: u64,
    #[prost(message, optional, tag = "4")]
    pub request: Option<Request>,
    #[prost(message, optional, tag = "5")]
    pub answer: Option<Answer>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Request {
    #[prost(message, repeated, tag = "1")]
    pub headers: Vec<Header>,
    #[prost(bytes = "bytes", tag = "2")]
    pub body: Bytes,
    #[prost(uint64, tag = "3")]
    pub body_bytes_not_captured: u64,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Answer {
    #[prost(uint32, tag = "1")]
    pub status: u32,
    #[prost(uint64, tag = "2")]
    pub duration_us: u64,
    #[prost(message, repeated, tag = "3")]
    pub headers: Vec<Header>,
    #[prost(bytes = "bytes", tag = "4")]
    pub body: Bytes,
    #[prost(uint64, tag = "5")]
    pub body_bytes_not_captured: u64,
    #[prost(uint32, optional, tag = "6")]
    pub grpc_status: Option<u32>,
    #[prost(bool, tag = "7")]
    pub ended_early: bool,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub struct Header {
    #[prost(bytes = "bytes", tag = "1")]
    pub name: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

impl Exchange {
    /// The id; `None` if it has another length than an id's.
    pub fn id(&self) -> Option<Id> {
        self.id.as_ref().try_into().ok()
    }

    /// The first value of a header of the request, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&Bytes> {
        let headers = self.request.as_ref().map_or(&[][..], |request| &request.headers);
        headers.iter().find(|header| header.name == name.as_bytes()).map(|header| &header.value)
    }

    /// The mirror, by its field or by the marker of the copy.
    pub fn mirror(&self) -> std::borrow::Cow<'_, str> {
        if self.mirror.is_empty() {
            self.header(MARKER).map(|value| String::from_utf8_lossy(value)).unwrap_or_default()
        } else {
            self.mirror.as_str().into()
        }
    }
}

impl Header {
    pub fn new(name: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Headers as the core of the filter reads them.
pub fn head(headers: &[Header]) -> Head {
    let pairs: Vec<(&[u8], &[u8])> =
        headers.iter().map(|header| (header.name.as_ref(), header.value.as_ref())).collect();
    Head::from_block(block(&pairs)).unwrap_or_default()
}
