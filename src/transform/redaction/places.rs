// SPDX-License-Identifier: Apache-2.0
//! Where pointers lead while a text is gone over: what each value is to them.

use std::cmp::Ordering;

use super::RedactError;
use crate::json::pointer::{self, PointerMatch};
use crate::json::{Container, Name, Pointer, Spelling};

/// The way to the current place, and what pointers say of it.
#[derive(Debug)]
pub struct Places {
    bits: Vec<TokenBits>,
    /// The objects and lists around the current place.
    levels: Vec<Level>,
    /// What a value here is, unless it is an element.
    place: PointerMatch,
}

/// The tokens of all pointers at one depth, as bits: so that an element costs the same however many pointers there are.
#[derive(Debug, Default, Clone, Copy)]
struct TokenBits {
    /// They are `*`.
    any: u64,
    /// They are the index of an element.
    indexed: u64,
    /// They are the last of their pointer.
    last: u64,
}

#[derive(Debug)]
struct Level {
    /// Index of the next element; stays 0 in an object.
    next: usize,
    /// What every value in it is, by the pointers that do not ask for a name.
    all: PointerMatch,
    /// The pointers that do, as bits. In a list those are taken out that were passed.
    named: u64,
    /// How many they are in the beginning.
    asked: usize,
}

impl Places {
    pub fn new(pointers: &[Pointer]) -> Self {
        Self { bits: TokenBits::all(pointers), levels: Vec::new(), place: pointer::start(pointers) }
    }

    /// How many objects and lists are open.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// How many pointers are asked about each value here, at most.
    pub fn asked(&self) -> usize {
        self.levels.last().map_or(0, |level| level.asked)
    }

    /// The next value is the member with this name.
    pub fn member(&mut self, pointers: &[Pointer], name: Name) -> Result<(), RedactError> {
        let depth = self.levels.len().saturating_sub(1);
        let Some(Level { all, named, .. }) = self.levels.last() else {
            return Err(RedactError::Unredactable);
        };
        self.place = *all;
        if *named != 0 || all.alive != 0 || all.hit {
            if name.spelling == Spelling::Halves {
                return Err(RedactError::Unredactable);
            }
            let tokens = pointer::tokens(pointers, *named, depth);
            tokens
                .filter(|(_, token, _)| token.is_member(name))
                .for_each(|(bit, _, last)| self.place.add(bit, last));
        }
        Ok(())
    }

    /// What the next value is: in a list the next element, else what is known already.
    pub fn value(&mut self, pointers: &[Pointer], inside: Option<Container>) -> PointerMatch {
        let depth = self.levels.len().saturating_sub(1);
        let (Some(Container::List), Some(level)) = (inside, self.levels.last_mut()) else {
            return self.place;
        };
        let mut place = level.all;
        if level.named != 0 {
            for (bit, token, last) in pointer::tokens(pointers, level.named, depth) {
                match token.element().cmp(&Some(level.next)) {
                    Ordering::Less => level.named &= !bit,
                    Ordering::Equal => place.add(bit, last),
                    Ordering::Greater => {}
                }
            }
        }
        level.next += 1;
        place
    }

    /// The next values are within this one, to which the pointers with these bits lead.
    pub fn enter(&mut self, container: Container, alive: u64) -> Result<(), RedactError> {
        let TokenBits { any, indexed, last } = self.bits.get(self.levels.len()).copied().unwrap_or_default();
        let all = PointerMatch { alive: alive & any & !last, hit: alive & any & last != 0 };
        let named = alive & !any & if container == Container::List { indexed } else { u64::MAX };
        self.levels.try_reserve(1).map_err(|_| RedactError::OutOfMemory)?;
        let asked = if named == 0 { 0 } else { named.count_ones() as usize };
        self.levels.push(Level { next: 0, all, named, asked });
        Ok(())
    }

    pub fn leave(&mut self) {
        self.levels.pop();
    }

    pub fn held_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
    }
}

impl TokenBits {
    fn all(pointers: &[Pointer]) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for (index, pointer) in pointers.iter().enumerate() {
            let bit = 1u64.checked_shl(index as u32).unwrap_or(0);
            for depth in 0.. {
                let Some((token, last)) = pointer.at(depth) else { break };
                if all.len() <= depth {
                    all.push(Self::default());
                }
                let Some(bits) = all.get_mut(depth) else { break };
                bits.any |= if token.is_any() { bit } else { 0 };
                bits.indexed |= if token.element().is_some() { bit } else { 0 };
                bits.last |= if last { bit } else { 0 };
            }
        }
        all
    }
}
