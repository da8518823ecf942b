// SPDX-License-Identifier: Apache-2.0
//! How many copies a mirror may have under way, and how many it may make in a time.

use super::Rate;

/// Limits of one mirror, per worker.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub max_in_flight: u32,
    /// `None`: no limit.
    pub rate: Option<Rate>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_in_flight: 1024, rate: None }
    }
}
