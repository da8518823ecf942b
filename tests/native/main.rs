// SPDX-License-Identifier: Apache-2.0
//! The tier "native": the whole filter, shell included, on a host that lives in the test's thread.
//!
//! [`host`] is that host; it owns the only unsafe code here. [`sim`] is what tests are written in: requests,
//! answers, time and what came of them. No test says in which order the filter talks to the host.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

mod any_input;
mod body;
mod compare;
mod configuration;
mod control;
mod copy;
mod eligibility;
mod failures;
mod grpc;
mod host;
mod host_failures;
mod life;
mod lifecycle;
mod limits;
mod pace;
mod policy;
mod pools;
mod primary;
mod primary_end;
mod protobuf;
mod random;
mod sampling;
mod sim;
