// SPDX-License-Identifier: Apache-2.0
//! Where values are set while a text is gone over: which of them each value is, and which an object lacks.

use super::RedactError;
use super::settings::JsonSettings;
use crate::json::{Container, Name, Spelling, Token};

/// The way to the current place, and what the settings are to it. Does nothing where there are none.
#[derive(Debug)]
pub struct Setter {
    levels: Vec<SetLevel>,
    /// What a value here is, unless it is an element.
    place: SetPlace,
}

/// What a value is to the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPlace {
    /// It gets this one's value.
    pub hit: Option<usize>,
    /// These lead into it, as bits.
    pub alive: u64,
}

#[derive(Debug)]
struct SetLevel {
    /// Index of the next element.
    next: usize,
    alive: u64,
    /// Those of them that ask for a name or an index and have not found it.
    missing: u64,
    is_empty: bool,
}

/// What an object lacks at its end.
#[derive(Debug, Clone, Copy)]
pub struct Lacking {
    /// The settings that add a member, as bits.
    pub missing: u64,
    pub is_empty: bool,
}

impl SetPlace {
    pub const NONE: Self = Self { hit: None, alive: 0 };
}

impl Setter {
    pub fn new(settings: &JsonSettings) -> Self {
        let hit = settings.whole_document();
        let all = u64::MAX.checked_shr(u64::BITS - settings.len() as u32).unwrap_or(0);
        let alive = if hit.is_some() { 0 } else { all };
        Self { levels: Vec::new(), place: SetPlace { hit, alive } }
    }

    /// How many settings are asked about each value here.
    pub fn asked(&self) -> usize {
        self.levels.last().map_or(0, |level| level.alive.count_ones() as usize)
    }

    /// The next value is the member with this name.
    pub fn member(&mut self, settings: &JsonSettings, name: Name) -> Result<(), RedactError> {
        let depth = self.levels.len().saturating_sub(1);
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        level.is_empty = false;
        if level.alive != 0 && name.spelling == Spelling::Halves {
            return Err(RedactError::Unredactable);
        }
        self.place = level.find(settings, depth, |token| token.is_member(name));
        Ok(())
    }

    /// What the next value is: in a list the next element, else what is known already.
    pub fn value(&mut self, settings: &JsonSettings, inside: Option<Container>) -> SetPlace {
        let depth = self.levels.len().saturating_sub(1);
        let (Some(Container::List), Some(level)) = (inside, self.levels.last_mut()) else {
            return self.place;
        };
        let index = level.next;
        level.next += 1;
        level.find(settings, depth, |token| *token == Token::Any || token.element() == Some(index))
    }

    /// The next values are within this one, into which the settings with these bits lead.
    pub fn enter(&mut self, settings: &JsonSettings, alive: u64) -> Result<(), RedactError> {
        if settings.is_empty() {
            return Ok(());
        }
        let depth = self.levels.len();
        let asks = |index: usize| matches!(settings.token(index, depth), Some((Token::Name { .. }, _)));
        let missing = bits_of(alive).filter(|index| asks(*index)).fold(0, |bits, index| bits | bit(index));
        self.levels.try_reserve(1).map_err(|_| RedactError::OutOfMemory)?;
        self.levels.push(SetLevel { next: 0, alive, missing, is_empty: true });
        Ok(())
    }

    /// An object or list ends.
    ///
    /// # Errors
    /// If a setting leads to what is not there, and what cannot be added: an element, or a member of something that is missing.
    pub fn leave(
        &mut self,
        settings: &JsonSettings,
        inside: Option<Container>,
    ) -> Result<Lacking, RedactError> {
        let depth = self.levels.len().saturating_sub(1);
        let Some(SetLevel { missing, is_empty, .. }) = self.levels.pop() else {
            return Ok(Lacking { missing: 0, is_empty: true });
        };
        let adds = |index: usize| settings.token(index, depth).is_some_and(|(_, last)| last);
        if missing != 0 && (inside != Some(Container::Object) || !bits_of(missing).all(adds)) {
            return Err(RedactError::Unredactable);
        }
        Ok(Lacking { missing, is_empty })
    }

    pub fn held_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<SetLevel>()
    }
}

impl SetLevel {
    /// What a value is whose name or index these tokens may be.
    fn find(&mut self, settings: &JsonSettings, depth: usize, is_it: impl Fn(&Token) -> bool) -> SetPlace {
        let mut place = SetPlace::NONE;
        for index in bits_of(self.alive) {
            let Some((token, last)) = settings.token(index, depth).filter(|(token, _)| is_it(token)) else {
                continue;
            };
            if *token != Token::Any {
                self.missing &= !bit(index);
            }
            if last {
                place.hit = Some(index);
            } else {
                place.alive |= bit(index);
            }
        }
        place
    }
}

/// The places of the bits that are set.
pub fn bits_of(mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let index = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(index)
    })
}

fn bit(index: usize) -> u64 {
    1u64.checked_shl(index as u32).unwrap_or(0)
}
