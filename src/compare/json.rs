// SPDX-License-Identifier: Apache-2.0
//! Where two JSON texts differ: keys in any order, lists in theirs unless they are unordered, numbers by their value, strings by
//! their characters.

mod element_table;
mod fingerprint;
mod members;
mod multisets;
mod pairing;
mod path;
mod scalar_hash;
mod treatment;
mod tree;
mod values;

pub use self::fingerprint::HashContext;
pub use self::treatment::Treatment;
pub use self::tree::{TreeBuilder, TreeError, View};
pub use self::values::TreeComparison;

/// There is no memory for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoMemory;

#[cfg(test)]
mod tests;
