// SPDX-License-Identifier: Apache-2.0
//! The answer to a copy, read in the callback that brings it.

use std::cell::Cell;

use super::imports::{self, Buffer, HeaderMap};
use super::trouble::{Asked, checked};
use crate::compare::Observed;
use crate::http::{Head, HeaderSource, Outcome};
use crate::mirror::Awaited;

/// Reads as much of the answer whose callback runs as is wanted.
pub fn read(Awaited { grpc, need }: Awaited, body: usize) -> (Outcome, Observed) {
    if !need.headers {
        let source = CallHeaders::default();
        let outcome = Outcome::of(&source, grpc);
        let outcome = if source.failed.get() { Outcome::NO_HEADERS } else { outcome };
        return (outcome, Observed { status: outcome.status(), ..Observed::default() });
    }
    let block = checked(Asked::CallHeaders, imports::header_map(HeaderMap::CallResponse));
    let Some(headers) = block.and_then(Head::from_block) else {
        return (Outcome::NO_HEADERS, Observed::default());
    };
    let outcome = Outcome::of(&headers, grpc);
    let body = need.body.filter(|most| body <= *most).and_then(|_| call_body(body));
    (outcome, Observed { status: outcome.status(), headers, body })
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
