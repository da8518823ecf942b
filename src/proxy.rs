// SPDX-License-Identifier: Apache-2.0
//! The filter in Envoy: reads the host, asks the core, does what the core says.
//!
//! A root context is one plugin configuration on one worker. Its streams share the worker with it, because only
//! the root may send copies: the SDK hands an answer to the context that sent, and a stream is gone by then.

mod host;
mod pace;
mod root;
mod shared;
mod stream;

use proxy_wasm::types::LogLevel;

use self::root::Root;

/// Set to `1` in the VM's environment, it has an invalid configuration refused.
#[cfg(target_os = "wasi")]
const STRICT: &str = "SHADOW_FILTER_STRICT";

/// What an invalid configuration does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInvalid {
    /// The filter accepts it, says so and mirrors nothing.
    Inert,
    /// Envoy is told to refuse it.
    Refuse,
}

/// Registers the filter with the SDK, for the VM (in tests: the thread) that it is called in.
pub fn install(on_invalid: OnInvalid) {
    shared::hold_nothing();
    // The host drops what is below its own level.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(match on_invalid {
        OnInvalid::Inert => |id| Box::new(Root::new(id, OnInvalid::Inert)),
        OnInvalid::Refuse => |id| Box::new(Root::new(id, OnInvalid::Refuse)),
    });
}

#[cfg(target_os = "wasi")]
proxy_wasm::main! {{
    let strict = std::env::var_os(STRICT).is_some_and(|value| value == "1");
    install(if strict { OnInvalid::Refuse } else { OnInvalid::Inert });
}}
