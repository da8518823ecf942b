// SPDX-License-Identifier: Apache-2.0
//! What became of a request at the primary, asked when the exchange is over.

use super::imports::{self, HeaderMap};
use super::stream::head;
use super::trouble::{Asked, checked};
use crate::http::{self, Forwarded, RESPONSE_CODE, RESPONSE_CODE_DETAILS, SERVICE_TIME, UPSTREAM_ADDRESS};
use crate::mirror::PrimaryEnd;

/// In the callback in which the host logs the exchange.
pub fn end() -> PrimaryEnd {
    ask().unwrap_or(PrimaryEnd::Unknown)
}

/// `None` if the host does not say.
fn ask() -> Option<PrimaryEnd> {
    let property = |path| checked(Asked::PrimaryEnd, imports::property_if_any(path));
    let details = property(RESPONSE_CODE_DETAILS)?.unwrap_or_default();
    let is_answered = match http::forwarded(&details) {
        Forwarded::Answered => true,
        Forwarded::Redirected => false,
        // A cache may have kept the header of an answer; then no upstream was asked.
        Forwarded::Perhaps => is_of_router() && property(UPSTREAM_ADDRESS)?.is_some(),
    };
    if is_answered {
        return head(Asked::SentHeaders, HeaderMap::Request).map(PrimaryEnd::Answered);
    }
    // Where the client went away before there was an answer, there is no status.
    let is_told = property(RESPONSE_CODE)?.is_some();
    Some(if is_told { PrimaryEnd::NotForwarded } else { PrimaryEnd::Aborted })
}

/// Whether the answer has the header that Envoy's router puts on an upstream's. Without any answer the host has no headers to look into,
/// which is no failure.
fn is_of_router() -> bool {
    matches!(imports::header(HeaderMap::Response, SERVICE_TIME), Ok(Some(_)))
}
