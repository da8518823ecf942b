// SPDX-License-Identifier: Apache-2.0
//! An Envoy filter that mirrors sampled requests to a shadow cluster.
//!
//! Each folder is a stage in the life of a request, and a room of its own: it has the settings and the mechanism of that stage
//! and knows only the rooms above it in this list.
//!
//! | room | holds |
//! |---|---|
//! | [`time`] | points in time |
//! | [`http`] | header blocks, queries, cookies, content encodings, the outcome of a call |
//! | [`json`] | JSON text and pointers into it |
//! | [`select`] | who is copied: sampling, schedule, conditions, target |
//! | [`capture`] | what is held of requests and answers, and the budget for it |
//! | [`transform`] | what a copy looks like: authority, path, headers, redaction |
//! | [`admission`] | what copies may cost: limits, circuit breaker, pace |
//! | [`compare`] | how two answers differ |
//! | [`telemetry`] | what is counted and logged |
//! | [`config`] | text to settings, with all errors at once |
//! | [`mirror`] | the life of a request; the only room that knows a whole mirror |
//! | `proxy` | the host: every call to Envoy and every call from it |
//!
//! The core, everything but `proxy`, is values and functions that get bytes, time and randomness as arguments. `proxy` reads
//! the host, asks the core, and does what it says. DESIGN.md has the map with the reasons.

pub mod admission;
pub mod capture;
pub mod compare;
pub mod config;
pub mod http;
pub mod json;
pub mod mirror;
#[cfg(not(any(test, fuzzing, all(target_arch = "wasm32", target_os = "unknown"))))]
pub mod proxy;
pub mod select;
pub mod telemetry;
pub mod time;
pub mod transform;
