// SPDX-License-Identifier: Apache-2.0
//! The answer to a copy, read in the callback that brings it.

use std::cell::Cell;
use std::time::Duration;

use super::imports::{self, Buffer, HeaderMap};
use super::trouble::{Asked, checked};
use crate::compare::Observed;
use crate::http::{GRPC_STATUS, GrpcStatus, Head, HeaderSource, Outcome, SERVICE_TIME, service_time};
use crate::mirror::{Awaited, Ended};

/// An answer may have a body that took longer than this after its headers, or more bytes than that: then Envoy is asked when the headers
/// came. It knows that in whole milliseconds.
const LONG: Duration = Duration::from_millis(10);
const LARGE: usize = 16 << 10;

/// What the host says of an answer when it brings it.
#[derive(Debug, Clone, Copy)]
pub struct Brought {
    /// None where the answer broke off.
    pub headers: usize,
    pub body: usize,
    pub trailers: usize,
}

/// Reads as much of the answer whose callback runs as is wanted.
pub fn read(awaited: Awaited, brought: Brought) -> (Ended, Observed) {
    if brought.headers == 0 {
        return (Ended::NO_HEADERS, Observed::default());
    }
    let Awaited { grpc, need, elapsed } = awaited;
    if !need.headers {
        let source = CallHeaders::default();
        let ended = ended(&source, grpc, elapsed, brought);
        let ended = if source.failed.get() { Ended::NO_HEADERS } else { ended };
        return (ended, Observed { status: ended.outcome.status(), grpc: ended.grpc, ..Observed::default() });
    }
    let block = checked(Asked::CallHeaders, imports::header_map(HeaderMap::CallResponse));
    let Some(headers) = block.and_then(Head::from_block) else {
        return (Ended::NO_HEADERS, Observed::default());
    };
    let ended = ended(&headers, grpc, elapsed, brought);
    let body = need.body.filter(|most| brought.body <= *most).and_then(|_| call_body(brought.body));
    (ended, Observed { status: ended.outcome.status(), grpc: ended.grpc, headers, body })
}

fn ended(source: &impl HeaderSource, grpc: bool, elapsed: Duration, brought: Brought) -> Ended {
    let outcome = Outcome::of(source, grpc);
    let is_answer = matches!(outcome, Outcome::Answered(_));
    let asks = is_answer && (elapsed >= LONG || brought.body > LARGE);
    let service_time = asks.then(|| service_time(source.header(SERVICE_TIME).as_deref())).flatten();
    let grpc = (grpc && is_answer).then(|| grpc_status(source, brought.trailers));
    Ended { outcome, grpc, service_time, size: brought.body }
}

/// From the trailers, or from the headers of an answer without any.
fn grpc_status(source: &impl HeaderSource, trailers: usize) -> GrpcStatus {
    let status = || checked(Asked::GrpcStatus, imports::header(HeaderMap::CallResponseTrailers, GRPC_STATUS));
    let trailer = if trailers > 0 { status().flatten() } else { None };
    let value = trailer.or_else(|| source.header(GRPC_STATUS));
    value.map_or(GrpcStatus::Unknown, |value| GrpcStatus::parse(&value))
}

fn call_body(size: usize) -> Option<Vec<u8>> {
    if size == 0 {
        return Some(Vec::new());
    }
    let body = checked(Asked::CallBody, imports::buffer(Buffer::CallResponseBody, size));
    body.filter(|body| body.len() == size)
}

/// The headers of the shadow's answer whose callback runs, one by one.
#[derive(Default)]
struct CallHeaders {
    failed: Cell<bool>,
}

impl HeaderSource for CallHeaders {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        let value = checked(Asked::CallHeaders, imports::header(HeaderMap::CallResponse, name));
        self.failed.set(self.failed.get() || value.is_none());
        value.flatten()
    }
}
