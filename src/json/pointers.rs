// SPDX-License-Identifier: Apache-2.0
//! Pointers that are followed together, into one text: what they say of each value, at a cost that has a bound however they and
//! the text are made.
//!
//! Up to its first `**` a pointer has one token for each level, so that a bit for each pointer says which of them lead to a
//! place. From there on it may be at several of its tokens at once, and each of these tokens has a bit
//! (Baeza-Yates and Gonnet, "A New Approach to Text Searching", with a loop at each `**`).

use std::cmp::Ordering;

use super::pointer::{Pointer, Token};
use super::spelling::Name;
use super::walk::Container;

/// Most pointers that are followed together.
pub const MAX_POINTERS: usize = u64::BITS as usize;
/// Most tokens that these have together, of each those from its first `**` on.
pub const MAX_DEEP_TOKENS: usize = u128::BITS as usize;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    pointers: Vec<Pointer>,
    /// By depth, of the tokens before the first `**`.
    levels: Vec<LevelBits>,
    /// The tokens from the first `**` of a pointer on, of all pointers one behind the other.
    deep: Vec<Token>,
    bits: DeepBits,
    /// The bit of the first `**` of each pointer, or 0.
    starts: Vec<u128>,
}

/// What pointers say of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointerMatch {
    /// One of them ends here.
    pub hit: bool,
    /// Those that lead into it and have come to no `**`.
    alive: u64,
    /// The tokens at which the others are.
    deep: u128,
}

/// What pointers say of the values within an object or list.
#[derive(Debug, Clone, Copy)]
pub struct PointersWithin {
    depth: usize,
    /// Of each of them, by the pointers that do not ask for its name.
    all: PointerMatch,
    /// The pointers that do. In a list those are taken out that were passed.
    named: u64,
    deep_named: u128,
    /// How many these are in the beginning.
    asked: usize,
}

/// The tokens of all pointers at one depth, a bit for each pointer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct LevelBits {
    /// They are `*`.
    any: u64,
    /// They are the index of an element.
    indexed: u64,
    /// They are the last of their pointer.
    last: u64,
    /// A `**` is next.
    before_deep: u64,
}

/// A bit for each token.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct DeepBits {
    any: u128,
    indexed: u128,
    last: u128,
    /// They are `**`.
    deep: u128,
}

impl Pointers {
    /// `None` if they are too many to be followed together.
    pub fn new(pointers: Vec<Pointer>) -> Option<Self> {
        if pointers.len() > MAX_POINTERS {
            return None;
        }
        let mut all = Self::default();
        for (index, pointer) in pointers.iter().enumerate() {
            let tokens = pointer.tokens();
            let shallow = tokens.iter().position(|token| *token == Token::Deep).unwrap_or(tokens.len());
            let (shallow, deep) = tokens.split_at_checked(shallow)?;
            all.add_shallow(1u64.checked_shl(index as u32)?, shallow, !deep.is_empty());
            all.starts.push(if deep.is_empty() { 0 } else { 1u128.checked_shl(all.deep.len() as u32)? });
            for token in deep {
                all.add_deep(token)?;
            }
            all.bits.last |=
                if deep.is_empty() { 0 } else { 1u128.checked_shl(all.deep.len() as u32 - 1)? };
        }
        Some(Self { pointers, ..all })
    }

    fn add_shallow(&mut self, bit: u64, tokens: &[Token], before_deep: bool) {
        if self.levels.len() < tokens.len() {
            self.levels.resize(tokens.len(), LevelBits::default());
        }
        let mut rest = tokens.len();
        for (token, level) in tokens.iter().zip(&mut self.levels) {
            rest -= 1;
            level.any |= if *token == Token::Any { bit } else { 0 };
            level.indexed |= if token.element().is_some() { bit } else { 0 };
            level.last |= if rest == 0 && !before_deep { bit } else { 0 };
            level.before_deep |= if rest == 0 && before_deep { bit } else { 0 };
        }
    }

    fn add_deep(&mut self, token: &Token) -> Option<()> {
        let bit = 1u128.checked_shl(self.deep.len() as u32)?;
        self.bits.any |= if *token == Token::Any { bit } else { 0 };
        self.bits.indexed |= if token.element().is_some() { bit } else { 0 };
        self.bits.deep |= if *token == Token::Deep { bit } else { 0 };
        self.deep.push(token.clone());
        Some(())
    }

    pub fn iter(&self) -> impl Iterator<Item = &Pointer> {
        self.pointers.iter()
    }

    pub fn is_empty(&self) -> bool {
        self.pointers.is_empty()
    }

    /// What they say of the whole document.
    pub fn start(&self) -> PointerMatch {
        let mut place = PointerMatch::NONE;
        for (index, (pointer, start)) in self.pointers.iter().zip(&self.starts).enumerate() {
            match pointer.tokens().first() {
                None => place.hit = true,
                Some(Token::Deep) => place.deep |= start,
                Some(_) => place.alive |= 1u64.checked_shl(index as u32).unwrap_or(0),
            }
        }
        self.closed(place)
    }

    /// Goes into an object or list of which they said this, with so many others around it.
    pub fn within(&self, place: PointerMatch, container: Container, depth: usize) -> PointersWithin {
        let PointerMatch { alive, deep, .. } = place;
        if alive == 0 && deep == 0 {
            return PointersWithin::NONE;
        }
        let level = self.levels.get(depth).copied().unwrap_or_default();
        let mut all = PointerMatch::NONE;
        self.arrive(level, alive & level.any, &mut all);
        let next = (deep & !self.bits.last) << 1 & !self.bits.deep;
        all.deep |= deep & self.bits.deep | next & self.bits.any;
        let (indexed, deep_indexed) =
            if container == Container::List { (level.indexed, self.bits.indexed) } else { (!0, !0) };
        let (named, deep_named) = (alive & !level.any & indexed, next & !self.bits.any & deep_indexed);
        let asked = (named.count_ones() + deep_named.count_ones()) as usize;
        PointersWithin { depth, all: self.closed(all), named, deep_named, asked }
    }

    /// The pointers with these bits have come one token further, to a place.
    fn arrive(&self, level: LevelBits, bits: u64, place: &mut PointerMatch) {
        place.hit |= bits & level.last != 0;
        place.alive |= bits & !level.last & !level.before_deep;
        let starts = bits_of(bits & level.before_deep).filter_map(|index| self.starts.get(index));
        starts.for_each(|start| place.deep |= start);
    }

    /// With what a `**` leads to that stands for no level.
    fn closed(&self, mut place: PointerMatch) -> PointerMatch {
        place.deep |= (place.deep & !self.bits.last) << 1 & self.bits.deep;
        place.hit |= place.deep & self.bits.last != 0;
        // Only a loop goes on behind the last token.
        place.deep &= !self.bits.last | self.bits.deep;
        place
    }
}

impl PointerMatch {
    pub const NONE: Self = Self { hit: false, alive: 0, deep: 0 };

    /// Whether a pointer leads into the value.
    pub fn leads_on(self) -> bool {
        self.alive != 0 || self.deep != 0
    }
}

impl PointersWithin {
    pub const NONE: Self = Self { depth: 0, all: PointerMatch::NONE, named: 0, deep_named: 0, asked: 0 };

    /// How many pointers are asked about each value, at most.
    pub fn asked(&self) -> usize {
        self.asked
    }

    /// Whether any of them says anything of a value here.
    pub fn is_of_interest(&self) -> bool {
        self.asked > 0 || self.all.hit || self.all.leads_on()
    }

    /// What they say of the member with this name.
    pub fn member(&self, pointers: &Pointers, name: Name) -> PointerMatch {
        if self.asked == 0 {
            return self.all;
        }
        let is_member = |token: &Token| token.is_member(name);
        let named =
            bits_of(self.named).filter(|index| pointers.shallow(*index, self.depth).is_some_and(is_member));
        let named = named.fold(0, |bits, index| bits | 1 << index);
        let deep =
            deep_bits_of(self.deep_named).filter(|index| pointers.deep.get(*index).is_some_and(is_member));
        let deep = deep.fold(0, |bits, index| bits | 1 << index);
        self.with(pointers, named, deep)
    }

    /// What they say of the element with this index. No later call may have a smaller one.
    pub fn element(&mut self, pointers: &Pointers, index: usize) -> PointerMatch {
        if self.named == 0 && self.deep_named == 0 {
            return self.all;
        }
        let order = |token: Option<&Token>| token.and_then(Token::element).cmp(&Some(index));
        let (mut named, mut deep) = (0, 0);
        for bit in bits_of(self.named) {
            match order(pointers.shallow(bit, self.depth)) {
                Ordering::Less => self.named &= !(1 << bit),
                Ordering::Equal => named |= 1 << bit,
                Ordering::Greater => {}
            }
        }
        for bit in deep_bits_of(self.deep_named) {
            match order(pointers.deep.get(bit)) {
                Ordering::Less => self.deep_named &= !(1 << bit),
                Ordering::Equal => deep |= 1 << bit,
                Ordering::Greater => {}
            }
        }
        self.with(pointers, named, deep)
    }

    fn with(&self, pointers: &Pointers, named: u64, deep: u128) -> PointerMatch {
        let mut place = self.all;
        if named != 0 {
            let level = pointers.levels.get(self.depth).copied().unwrap_or_default();
            pointers.arrive(level, named, &mut place);
        }
        place.deep |= deep;
        pointers.closed(place)
    }
}

impl Pointers {
    fn shallow(&self, index: usize, depth: usize) -> Option<&Token> {
        self.pointers.get(index)?.tokens().get(depth)
    }
}

/// The places of the bits that are set.
fn bits_of(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(index)
    })
}

fn deep_bits_of(mut bits: u128) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(index)
    })
}

#[cfg(test)]
mod tests;
