// SPDX-License-Identifier: Apache-2.0
//! How many copies a mirror may have under way, and how many it may make in a time.

use super::Rate;

/// Limits of one mirror.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    pub max_in_flight: u32,
    /// `None`: no limit.
    pub rate: Option<Rate>,
    pub scope: Scope,
}

/// Whose copies are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scope {
    /// Those of all workers of an Envoy.
    #[default]
    Envoy,
    /// Those of each worker.
    Worker,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_in_flight: 1024, rate: None, scope: Scope::Envoy }
    }
}
