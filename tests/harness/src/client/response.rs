// SPDX-License-Identifier: Apache-2.0
//! An answer as a client got it.

use std::{error::Error, fmt};

use crate::wire::{self, Headers};

/// An answer as a client got it.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub version: http::Version,
    /// Names in lower case. HTTP/1.1: in the order of the wire. HTTP/2: values of one name are in
    /// order, names are not.
    pub headers: Headers,
    pub body: Vec<u8>,
    pub trailers: Headers,
    /// HTTP/1.1: the head byte for byte, blank line included; empty in HTTP/2.
    pub raw_head: Vec<u8>,
}

impl Response {
    /// The first value of a header; `name` in any case.
    ///
    /// # Panics
    /// If the value is not UTF-8; [`Response::header_bytes`] takes any.
    pub fn header(&self, name: &str) -> Option<&str> {
        wire::first_text(&self.headers, name)
    }

    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        wire::named(&self.headers, name).next()
    }

    /// All values of a header, in order.
    pub fn headers_named(&self, name: &str) -> Vec<&[u8]> {
        wire::named(&self.headers, name).collect()
    }

    /// The first value of a trailer, under the rules of [`Response::header`].
    pub fn trailer(&self, name: &str) -> Option<&str> {
        wire::first_text(&self.trailers, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the server wants to end the connection after this answer.
    pub(super) fn is_last(&self) -> bool {
        self.version == http::Version::HTTP_10
            || self.headers_named("connection").iter().any(|value| value.eq_ignore_ascii_case(b"close"))
    }
}

/// The error for an answer whose head came and whose body broke off; `downcast_ref` finds it in
/// the `anyhow::Error` of a client.
#[derive(Debug)]
pub struct Cut {
    /// What came, with the part of the body that did.
    pub partial: Response,
    pub reason: String,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "answer {} was cut after {} bytes of its body: {}",
            self.partial.status,
            self.partial.body.len(),
            self.reason
        )
    }
}

impl Error for Cut {}
