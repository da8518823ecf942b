// SPDX-License-Identifier: Apache-2.0
//! What the module exports, as safe functions. Only [`super::enter`] should be around them.

mod module {
    unsafe extern "C" {
        pub safe fn proxy_on_context_create(context: u32, root: u32);
        safe fn proxy_on_configure(root: u32, size: usize) -> u32;
        pub safe fn proxy_on_tick(root: u32);
        pub safe fn proxy_on_log(context: u32);
        safe fn proxy_on_done(context: u32) -> u32;
        safe fn proxy_on_request_headers(context: u32, count: usize, end: u32) -> u32;
        safe fn proxy_on_request_body(context: u32, size: usize, end: u32) -> u32;
        pub safe fn proxy_on_request_trailers(context: u32, count: usize) -> u32;
        safe fn proxy_on_response_headers(context: u32, count: usize, end: u32) -> u32;
        safe fn proxy_on_response_body(context: u32, size: usize, end: u32) -> u32;
        pub safe fn proxy_on_response_trailers(context: u32, count: usize) -> u32;
        pub safe fn proxy_on_http_call_response(
            root: u32,
            token: u32,
            headers: usize,
            body: usize,
            trailers: usize,
        );
        pub safe fn proxy_on_memory_allocate(size: usize) -> *mut u8;
    }

    pub fn on_configure(root: u32, size: usize) -> bool {
        proxy_on_configure(root, size) == 1
    }

    pub fn on_done(context: u32) -> bool {
        proxy_on_done(context) == 1
    }

    pub fn on_request_headers(context: u32, count: usize, end: bool) -> u32 {
        proxy_on_request_headers(context, count, end.into())
    }

    pub fn on_request_body(context: u32, size: usize, end: bool) -> u32 {
        proxy_on_request_body(context, size, end.into())
    }

    pub fn on_response_headers(context: u32, count: usize, end: bool) -> u32 {
        proxy_on_response_headers(context, count, end.into())
    }

    pub fn on_response_body(context: u32, size: usize, end: bool) -> u32 {
        proxy_on_response_body(context, size, end.into())
    }
}

pub use self::module::{
    on_configure, on_done, on_request_body, on_request_headers, on_response_body, on_response_headers,
    proxy_on_context_create as on_context_create, proxy_on_http_call_response as on_http_call_response,
    proxy_on_log as on_log, proxy_on_memory_allocate as allocate,
    proxy_on_request_trailers as on_request_trailers, proxy_on_response_trailers as on_response_trailers,
    proxy_on_tick as on_tick,
};
