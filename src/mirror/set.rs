// SPDX-License-Identifier: Apache-2.0
//! Some of a policy's mirrors and of their controls.

use std::rc::Rc;

use super::running::Mirror;
use crate::config::MAX_MIRRORS;

/// Mirrors by their index in the policy, as the bits of a word, and behind them those whose control is in it, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MirrorSet(u32);

const CONTROLS: u32 = u32::BITS / 2;
const _: () = assert!(MAX_MIRRORS <= CONTROLS as usize);

impl MirrorSet {
    pub fn insert(&mut self, index: usize) {
        self.0 |= Self::bit(index);
    }

    pub fn insert_control(&mut self, index: usize) {
        self.0 |= Self::bit(index) << CONTROLS;
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

    /// The members among a policy's mirrors and their controls, each mirror before its control.
    pub fn with_controls(self, mirrors: &[Rc<Mirror>]) -> impl Iterator<Item = &Rc<Mirror>> {
        mirrors.iter().enumerate().flat_map(move |(index, mirror)| {
            let control = mirror.control.as_ref().filter(|_| self.has_control(index));
            Some(mirror).filter(|_| self.contains(index)).into_iter().chain(control)
        })
    }

    /// Those members that this is true of.
    pub fn filter(mut self, mirrors: &[Rc<Mirror>], is_left: impl Fn(&Mirror) -> bool) -> Self {
        for (index, mirror) in mirrors.iter().enumerate() {
            if !is_left(mirror) {
                self.0 &= !Self::bit(index);
            }
            if mirror.control.as_ref().is_none_or(|control| !is_left(control)) {
                self.0 &= !(Self::bit(index) << CONTROLS);
            }
        }
        self
    }

    fn has_control(self, index: usize) -> bool {
        self.0 & Self::bit(index) << CONTROLS != 0
    }

    fn bit(index: usize) -> u32 {
        let index = u32::try_from(index).ok().filter(|index| *index < CONTROLS);
        index.and_then(|index| 1u32.checked_shl(index)).unwrap_or(0)
    }
}
