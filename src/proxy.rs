// SPDX-License-Identifier: Apache-2.0
//! The filter in Envoy: it reads from the host, asks the core, and makes the calls that the core asks for. It logs a host call
//! that fails and gives the core `None`.
//!
//! A root context is one plugin configuration on one worker. Its streams share the worker with it. Envoy gives every call
//! to the root of the context that makes it, so that an answer comes to the root, whatever became of the stream.

mod answer;
mod clock;
mod exports;
mod imports;
mod logger;
mod pools;
mod primary;
mod root;
mod shared;
mod stream;
mod trouble;

/// Set to `1` or `true` in the VM's environment, it has an invalid configuration refused.
#[cfg(target_os = "wasi")]
const STRICT: &str = "SHADOW_FILTER_STRICT";

/// What an invalid configuration does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnInvalid {
    /// The filter accepts it, says so and mirrors nothing.
    #[default]
    Inert,
    /// Envoy is told to refuse it.
    Refuse,
}

impl OnInvalid {
    /// What a value of the environment variable says, and whether it was understood. Who sets it to anything else wants something, and
    /// a refused configuration is noticed.
    pub fn named(value: Option<&str>) -> (Self, bool) {
        match value.map(str::trim) {
            None | Some("" | "0" | "false") => (Self::Inert, true),
            Some("1" | "true") => (Self::Refuse, true),
            Some(_) => (Self::Refuse, false),
        }
    }
}

/// Starts the filter in the VM (in tests: the thread) that it is called in.
pub fn install(on_invalid: OnInvalid) {
    logger::install();
    trouble::forget();
    shared::hold_nothing();
    exports::start(on_invalid);
}

/// What the host calls first.
#[cfg(target_os = "wasi")]
#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    unsafe extern "C" {
        fn __wasm_call_ctors();
    }
    // SAFETY: nobody else calls it, and nothing has run before.
    unsafe { __wasm_call_ctors() };
    // A panic ends the VM, and would do so without a word.
    std::panic::set_hook(Box::new(|panic| logger::critical(&panic.to_string())));
    let (on_invalid, understood) = OnInvalid::named(std::env::var(STRICT).ok().as_deref());
    install(on_invalid);
    if !understood {
        log::warn!("{STRICT} is neither 1 (true) nor 0 (false): an invalid configuration is refused");
    }
}
