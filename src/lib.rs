// SPDX-License-Identifier: Apache-2.0
//! An Envoy filter that mirrors sampled requests to a shadow cluster.
//!
//! A room is a folder and the file of the same name beside it. It imports only rooms above it in this list.
//!
//! | room | owns |
//! |---|---|
//! | [`time`] | points in time |
//! | [`http`] | header blocks, queries, cookies, content encodings, gRPC statuses, how the call to the shadow ended |
//! | [`json`] | JSON text and pointers into it |
//! | [`select`] | which requests are copied, and to which cluster |
//! | [`capture`] | bodies while they are read, and the count of bytes held |
//! | [`transform`] | what a copy looks like |
//! | [`admission`] | whether and when copies are sent: limits in flight and per second, circuit breaker, the timer's period |
//! | [`compare`] | how two answers differ |
//! | [`telemetry`] | what is counted and logged |
//! | [`config`] | text to settings, with all errors at once |
//! | [`mirror`] | what joins the stages: requests, copies, pairs of answers, the worker |
//! | `proxy` | Envoy: each call to it and each call from it |
//!
//! Everything but `proxy` is the core: it is given bytes, the time and a seed, and returns what to do. `proxy` reads from Envoy, asks
//! the core, and makes the calls that the core asks for. DESIGN.md says which room may use which, and where to go for a change.

pub mod admission;
pub mod capture;
pub mod compare;
pub mod config;
pub mod http;
pub mod json;
pub mod mirror;
#[cfg(not(any(test, all(target_arch = "wasm32", target_os = "unknown"))))]
pub mod proxy;
pub mod select;
pub mod telemetry;
pub mod time;
pub mod transform;
