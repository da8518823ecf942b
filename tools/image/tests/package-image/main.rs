// SPDX-License-Identifier: Apache-2.0
//! What `cargo package-image` makes and pushes: the program with its own tests, two builds in different folders, and a real
//! registry.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod contents;
mod folders;
#[allow(dead_code, reason = "the program's main")]
#[path = "../../src/main.rs"]
mod program;
mod pushed;
mod registry;

use std::sync::OnceLock;

use program::{Package, Workshop};

/// The image of this repository as it is, built once.
fn package() -> &'static Package {
    static PACKAGE: OnceLock<Package> = OnceLock::new();
    PACKAGE.get_or_init(|| Package::build(&Workshop::here()).expect("a package"))
}
