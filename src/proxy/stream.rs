// SPDX-License-Identifier: Apache-2.0
//! One HTTP stream. Every callback lets the primary go on.

use std::rc::Rc;

use super::clock;
use super::imports::{self, Buffer, HeaderMap};
use super::pools;
use super::primary;
use super::shared::Shared;
use super::trouble::{self, Asked, checked};
use crate::http::{self, GRPC_STATUS, GrpcStatus, Head};
use crate::mirror::{Copied, PrimaryEnd, Request};
use crate::telemetry::SkipReason;

/// Where the names of the mirrors are left for the primary's access log: `wasm.shadow_mirrors`.
const FILTER_STATE: &str = "shadow_mirrors";

pub struct Stream {
    shared: Rc<Shared>,
    request: Request,
}

impl Stream {
    pub fn new(shared: Rc<Shared>) -> Self {
        Self { shared, request: Request::default() }
    }

    pub fn request_headers(&mut self, end: bool) {
        let wanted = self.shared.with_worker(|worker| {
            if worker.lacks_time() {
                worker.tell_time(checked(Asked::WallClock, clock::wall()));
            }
            worker.draw()
        });
        let wanted = wanted.unwrap_or_default();
        if !wanted.is_empty() {
            let head = head(Asked::RequestHeaders, HeaderMap::Request);
            let request = self.shared.with_worker(|worker| match head {
                Some(head) => Request::begin(wanted, head, worker),
                None => {
                    let policy = worker.policy().clone();
                    worker.skip_all(&policy, wanted, SkipReason::Memory);
                    Request::Passing
                }
            });
            self.request = request.unwrap_or_default();
        }
        self.goes_on(end);
    }

    pub fn request_body(&mut self, size: usize, end: bool) {
        if !matches!(self.request, Request::Reading(_)) {
            return;
        }
        if size > 0 {
            let request = &mut self.request;
            let read = || checked(Asked::RequestBody, imports::buffer(Buffer::RequestBody, size));
            self.shared.with_worker(|worker| request.body(size, read, worker));
        }
        self.goes_on(end);
    }

    /// Part of the request was read; maybe all of it.
    fn goes_on(&mut self, end: bool) {
        if end {
            self.request_ends();
        } else {
            self.shared.follow_up();
        }
    }

    pub fn request_ends(&mut self) {
        if matches!(self.request, Request::Reading(_)) {
            let now = self.shared.now();
            pools::lease_for(&self.shared, &self.request, now);
            let request = &mut self.request;
            let copied = self.shared.with_worker(|worker| request.end(now, worker)).flatten();
            // Where copies are sent at once, it is known after that which of them Envoy takes.
            self.shared.follow_up();
            copied.iter().for_each(|copied| self.request.are_taken(copied));
            annotate(copied);
        } else {
            self.shared.follow_up();
        }
    }

    pub fn response_headers(&mut self, end: bool) {
        if self.request.awaits_answer() {
            let grpc = self.request.awaits_grpc_status();
            let answer = if self.request.need().headers {
                head(Asked::ResponseHeaders, HeaderMap::Response).map(|headers| {
                    let grpc = headers.get(GRPC_STATUS).filter(|_| grpc).map(GrpcStatus::parse);
                    (http::status(headers.get(":status")), grpc, headers)
                })
            } else {
                let status = checked(Asked::ResponseHeaders, imports::header(HeaderMap::Response, ":status"));
                let grpc = if grpc && status.is_some() { grpc_status(HeaderMap::Response) } else { None };
                status.map(|status| (http::status(status.as_deref()), grpc, Head::default()))
            };
            let now = self.shared.now();
            if let Some((status, grpc, headers)) = answer {
                let request = &self.request;
                self.shared.with_worker(|worker| request.answer_begins(status, grpc, headers, now, worker));
            }
        }
        if end {
            self.response_ends();
        }
    }

    pub fn response_body(&mut self, size: usize, end: bool) {
        if size > 0 {
            let read = || checked(Asked::ResponseBody, imports::buffer(Buffer::ResponseBody, size));
            self.request.answer_body(size, read);
        }
        if end {
            self.response_ends();
        }
    }

    pub fn response_trailers(&mut self) {
        if self.request.awaits_grpc_status()
            && let Some(status) = grpc_status(HeaderMap::ResponseTrailers)
        {
            self.request.answer_trailers(status);
        }
        self.response_ends();
    }

    pub fn response_ends(&mut self) {
        if self.request.awaits_answer() {
            let now = self.shared.now();
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.answer_ends(now, worker));
            self.shared.follow_up();
        }
    }

    /// The exchange is over, and the host still has its headers: the request's as they were sent.
    pub fn logged(&mut self) {
        if self.request.is_whole() {
            self.request_ends();
        }
        if !matches!(self.request, Request::Deferred(_)) {
            return;
        }
        let end = primary::end();
        let now = self.shared.now();
        if matches!(end, PrimaryEnd::Answered(_)) {
            pools::lease_for(&self.shared, &self.request, now);
        }
        let request = &mut self.request;
        let copied = self.shared.with_worker(|worker| request.primary_ends(end, now, worker)).flatten();
        self.shared.follow_up();
        annotate(copied);
    }

    /// The worker is short of room.
    pub fn wait(&mut self) {
        let request = &mut self.request;
        self.shared.with_worker(|worker| request.wait(worker));
    }

    /// The stream is gone.
    pub fn done(&mut self) {
        if !matches!(self.request, Request::Passing) {
            if matches!(self.request, Request::Deferred(_)) {
                trouble::report(Asked::PrimaryEnd, None);
            }
            let now = self.shared.now();
            pools::lease_for(&self.shared, &self.request, now);
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.gone(now, worker));
            self.shared.follow_up();
        }
    }
}

/// Leaves the names of the mirrors for the primary's access log, where they are wanted.
fn annotate(copied: Option<Copied>) {
    if let Some(names) = copied.and_then(|copied| copied.annotation()) {
        checked(Asked::FilterState, imports::set_property(FILTER_STATE, &names));
    }
}

fn grpc_status(map: HeaderMap) -> Option<GrpcStatus> {
    let value = checked(Asked::GrpcStatus, imports::header(map, GRPC_STATUS)).flatten();
    value.map(|value| GrpcStatus::parse(&value))
}

/// The headers of the message whose callback runs. A block that is not whole is none.
pub fn head(asked: Asked, map: HeaderMap) -> Option<Head> {
    checked(asked, imports::header_map(map)).and_then(Head::from_block)
}
