// SPDX-License-Identifier: Apache-2.0
//! Where two JSON texts differ: keys in any order, lists in theirs, numbers by their value, strings by their characters.

mod members;
mod pairing;
mod path;
mod tree;
mod values;

pub use self::tree::{TreeBuilder, TreeError, View};
pub use self::values::TreeComparison;

/// There is no memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

#[cfg(test)]
mod tests;
