// SPDX-License-Identifier: Apache-2.0
//! How the targets read their input: as text where they can, so that seeds are written and findings read by hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails here is a finding"
)]

use shadow_filter::http::{Head, block};

/// The host of the native tests, which defines what the filter's shell imports, and the requests and answers that they are
/// written in.
#[path = "../../tests/native"]
mod native {
    pub mod host;
    pub mod sim;
}
pub use native::{host, sim};

/// The lines up to the first empty one, and everything behind that.
pub fn sections(data: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut lines = Vec::new();
    let mut rest = data;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = rest.split_at(end);
        rest = &behind[1..];
        if line.is_empty() {
            return (lines, rest);
        }
        lines.push(line);
    }
    (lines, rest)
}

pub fn head(headers: &[(&[u8], &[u8])]) -> Head {
    Head::from_block(block(headers)).expect("a whole block")
}

/// Whether the bytes have the part anywhere.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
