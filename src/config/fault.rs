// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a configuration, in words for the person who wrote it.

use std::fmt;

/// One fault: where, what was found, what is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON path, `mirrors[0].percentage`; `configuration` for the whole.
    pub path: String,
    pub found: String,
    pub expected: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, found, expected } = self;
        write!(f, "{path}: found {found}, expected {expected}")
    }
}

impl std::error::Error for Fault {}
