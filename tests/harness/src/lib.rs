// SPDX-License-Identifier: Apache-2.0

//! What the real-Envoy tests, the demo and the load benchmark stand on: a real [`Envoy`] process started from a
//! shipped [`Bootstrap`], its [`Stats`], upstreams that record what reaches them, and clients.
//!
//! Nothing here knows the inside of the filter: it is built as a user builds it and seen through Envoy.

#![allow(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a wrong use of the harness fails the test that uses it"
)]

pub mod bootstrap;
pub mod client;
pub mod envoy;
mod lock;
pub mod log;
pub mod process;
pub mod recording;
pub mod stats;
pub mod upstream;
pub mod wasm;
mod wire;

use std::path::{Path, PathBuf};

pub use bootstrap::Bootstrap;
pub use envoy::{Envoy, Update, Validation};
pub use stats::Stats;

/// The repository's root.
pub fn root() -> PathBuf {
    let harness = Path::new(env!("CARGO_MANIFEST_DIR"));
    harness.ancestors().nth(2).unwrap_or(harness).to_owned()
}
