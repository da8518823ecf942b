// SPDX-License-Identifier: Apache-2.0
//! The collector with what `cargo test` does not get by itself: a full disk, which is a small tmpfs in a user namespace.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod disk;
#[path = "../serving/mod.rs"]
mod serving;
