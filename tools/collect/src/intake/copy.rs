// SPDX-License-Identifier: Apache-2.0
//! A copy, as it came, as an exchange without an answer.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use shadow_filter::http::MARKER;

use super::body::Whole;
use crate::protocol::{Exchange, Header, Request};

/// `began`: when its headers had come. `scheme`: that of the connection, where the request names none.
pub fn exchange(parts: &Parts, body: Whole, began: SystemTime, scheme: &'static str) -> Exchange {
    let header = |name: &str| parts.headers.get(name).map(|value| value.as_bytes());
    let uri = &parts.uri;
    // HTTP/2 has it in the request line, HTTP/1.1 in a header.
    let authority = match uri.authority() {
        Some(authority) => authority.as_str().as_bytes(),
        None => header(HOST.as_str()).unwrap_or_default(),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let pseudo: [(&'static str, &[u8]); 4] = [
        (":method", parts.method.as_str().as_bytes()),
        (":scheme", uri.scheme_str().unwrap_or(scheme).as_bytes()),
        (":authority", authority),
        (":path", path.as_bytes()),
    ];
    let pseudo = pseudo.map(|(name, value)| Header::new(name, Bytes::copy_from_slice(value)));
    let others = parts.headers.iter().filter(|(name, _)| *name != HOST).map(|(name, value)| {
        Header::new(
            Bytes::copy_from_slice(name.as_str().as_bytes()),
            Bytes::copy_from_slice(value.as_bytes()),
        )
    });
    let since = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Exchange {
        mirror: header(MARKER).map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default(),
        id: fastrand::u128(..).to_be_bytes().to_vec().into(),
        started_unix_us: u64::try_from(since.as_micros()).unwrap_or(u64::MAX),
        request: Some(Request {
            headers: pseudo.into_iter().chain(others).collect(),
            body: body.bytes,
            body_bytes_not_captured: body.left_out,
        }),
        answer: None,
    }
}
