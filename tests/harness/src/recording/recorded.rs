// SPDX-License-Identifier: Apache-2.0
//! One request as an upstream saw it.

use std::{fmt, time::Instant};

use crate::wire::{self, Headers};

/// One request as an upstream saw it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub method: String,
    /// Path and query as on the wire; the authority of a CONNECT without a path.
    pub path: String,
    /// HTTP/1.1: the first `host` header; HTTP/2: `:authority`.
    pub authority: Option<String>,
    /// HTTP/2 only.
    pub scheme: Option<String>,
    /// `:protocol` of an extended CONNECT.
    pub protocol: Option<String>,
    pub version: http::Version,
    /// Names in lower case. HTTP/1.1: in the order of the wire. HTTP/2: values of one name are in
    /// order, names are not.
    pub headers: Headers,
    pub body: Vec<u8>,
    pub trailers: Headers,
    /// HTTP/1.1: the head byte for byte, blank line included; empty in HTTP/2.
    pub raw_head: Vec<u8>,
    /// False if the peer went away before the end of the request.
    pub complete: bool,
    /// The same for all requests of one connection to one upstream.
    pub connection: u64,
    /// When the head was here.
    pub arrived_at: Instant,
    /// When the end was here.
    pub ended_at: Instant,
}

impl Recorded {
    /// The first value of a header; `name` in any case.
    ///
    /// # Panics
    /// If the value is not UTF-8; [`Recorded::header_bytes`] takes any.
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

    /// The first value of a trailer, under the rules of [`Recorded::header`].
    pub fn trailer(&self, name: &str) -> Option<&str> {
        wire::first_text(&self.trailers, name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The path without its query.
    pub fn path_only(&self) -> &str {
        self.path.split('?').next().unwrap_or_default()
    }

    /// The query without its question mark.
    pub fn query(&self) -> Option<&str> {
        self.path.split_once('?').map(|(_, query)| query)
    }
}

/// One line for the error that lists what came.
impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.authority.as_deref().unwrap_or("no authority");
        let cut = if self.complete { "" } else { ", incomplete" };
        write!(
            f,
            "{} {} ({:?}, {authority}, {} headers, {} bytes{cut})",
            self.method,
            self.path,
            self.version,
            self.headers.len(),
            self.body.len(),
        )
    }
}
