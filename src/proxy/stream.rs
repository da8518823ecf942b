// SPDX-License-Identifier: Apache-2.0
//! One HTTP stream. Every callback lets the primary go on.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::host;
use super::shared::Shared;
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

    fn request_ends(&mut self) {
        if !matches!(self.request, Request::Reading(_)) {
            return;
        }
        let now = host::now();
        let request = &mut self.request;
        let names = self.shared.with_worker(|worker| request.end(now, worker)).flatten();
        if let Some(names) = names {
            host::set_filter_state(FILTER_STATE, &names);
        }
        self.shared.follow_up();
    }

    fn answer_ends(&mut self) {
        if self.request.awaits_answer() {
            let now = host::now();
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.answer_ends(now, worker));
            self.shared.follow_up();
        }
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
        if !matches!(self.request, Request::Passing) {
            let now = host::now();
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.gone(now, worker));
            self.shared.follow_up();
        }
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
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
        if end_of_stream {
            self.request_ends();
        }
        self.shared.follow_up();
        Action::Continue
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !matches!(self.request, Request::Reading(_)) {
            return Action::Continue;
        }
        if size > 0 {
            let request = &mut self.request;
            self.shared.with_worker(|worker| request.body(size, || host::request_body(size), worker));
        }
        if end_of_stream {
            self.request_ends();
        }
        self.shared.follow_up();
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.request_ends();
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if self.request.awaits_answer() {
            self.request.answer_begins(host::response_status());
        }
        if end_of_stream {
            self.answer_ends();
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, _size: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            self.answer_ends();
        }
        Action::Continue
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.answer_ends();
        Action::Continue
    }
}
