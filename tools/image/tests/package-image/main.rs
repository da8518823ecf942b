// SPDX-License-Identifier: Apache-2.0
//! What `cargo package-image` makes and pushes: two builds in different folders, and a real registry.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod contents;
mod folders;
mod pushed;
mod registry;

use std::sync::OnceLock;

use shadow_filter_image::{Package, Workshop};

/// The image of this repository as it is, built once.
fn package() -> &'static Package {
    static PACKAGE: OnceLock<Package> = OnceLock::new();
    PACKAGE.get_or_init(|| Package::build(&Workshop::here()).expect("a package"))
}
