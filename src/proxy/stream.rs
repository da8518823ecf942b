// SPDX-License-Identifier: Apache-2.0
//! One HTTP stream. Every callback lets the primary go on.

use std::rc::Rc;

use super::host;
use super::shared::Shared;
use crate::answer;
use crate::head::Head;
use crate::request::Request;

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
                worker.tell_time(host::wall_clock());
            }
            worker.draw()
        });
        let wanted = wanted.unwrap_or_default();
        if !wanted.is_empty() {
            // A block that is not whole is no block that Envoy makes; as an empty one it is counted and not lost.
            let head = Head::from_block(host::request_headers()).unwrap_or_default();
            self.request =
                self.shared.with_worker(|worker| Request::begin(wanted, head, worker)).unwrap_or_default();
        }
        self.goes_on(end);
    }

    pub fn request_body(&mut self, size: usize, end: bool) {
        if !matches!(self.request, Request::Reading(_)) {
            return;
        }
        if size > 0 {
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.body(size, || host::request_body(size), worker));
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
            let request = &mut self.request;
            let names = self.shared.with_worker(|worker| request.end(now, worker)).flatten();
            if let Some(names) = names {
                host::set_filter_state(FILTER_STATE, &names);
            }
        }
        self.shared.follow_up();
    }

    pub fn response_headers(&mut self, end: bool) {
        if self.request.awaits_answer() {
            let (status, headers) = if self.request.need().headers {
                let headers = Head::from_block(host::response_headers()).unwrap_or_default();
                (answer::status(headers.get(":status")), headers)
            } else {
                (host::response_status(), Head::default())
            };
            self.shared.with_worker(|worker| self.request.answer_begins(status, headers, worker));
        }
        if end {
            self.response_ends();
        }
    }

    pub fn response_body(&mut self, size: usize, end: bool) {
        if size > 0 && self.request.wants_answers_body() {
            self.request.answer_body(size, || host::response_body(size));
        }
        if end {
            self.response_ends();
        }
    }

    pub fn response_ends(&mut self) {
        if self.request.awaits_answer() {
            let now = self.shared.now();
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.answer_ends(now, worker));
            self.shared.follow_up();
        }
    }

    /// The stream is gone.
    pub fn done(&mut self) {
        if !matches!(self.request, Request::Passing) {
            let now = self.shared.now();
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.gone(now, worker));
            self.shared.follow_up();
        }
    }
}
