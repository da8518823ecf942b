// SPDX-License-Identifier: Apache-2.0
//! Some of a policy's mirrors.

use std::rc::Rc;

use super::running::Mirror;
use crate::config::MAX_MIRRORS;

/// Mirrors by their index in the policy, as the bits of a word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MirrorSet(u16);

const _: () = assert!(MAX_MIRRORS <= u16::BITS as usize);

impl MirrorSet {
    pub fn insert(&mut self, index: usize) {
        self.0 |= Self::bit(index);
    }

    pub fn remove(&mut self, index: usize) {
        self.0 &= !Self::bit(index);
    }

    pub fn contains(self, index: usize) -> bool {
        self.0 & Self::bit(index) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members of both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The members of either.
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members that are not of the other.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The members among a policy's mirrors, with their indexes.
    pub fn of(self, mirrors: &[Rc<Mirror>]) -> impl Iterator<Item = (usize, &Rc<Mirror>)> {
        mirrors.iter().enumerate().filter(move |(index, _)| self.contains(*index))
    }

    fn bit(index: usize) -> u16 {
        u32::try_from(index).ok().and_then(|index| 1u16.checked_shl(index)).unwrap_or(0)
    }
}
