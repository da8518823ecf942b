// SPDX-License-Identifier: Apache-2.0

//! A filter that does nothing: every callback is the SDK's own. What it adds to a request is what any filter made with
//! this SDK adds, and the budget of a mirror that is turned off.

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Idle));
}}

struct Idle;

impl Context for Idle {}

impl HttpContext for Idle {}

impl RootContext for Idle {
    fn create_http_context(&self, _context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Self))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
