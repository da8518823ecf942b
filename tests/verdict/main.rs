// SPDX-License-Identifier: Apache-2.0
//! What `cargo verdict` reads, says and draws.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

#[allow(dead_code, reason = "the program's main")]
#[path = "../../examples/verdict/main.rs"]
mod program;
