// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter record`: behind a real Envoy, and killed.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod crash;
mod envoy;
#[path = "../serving/mod.rs"]
mod serving;
