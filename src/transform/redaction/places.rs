// SPDX-License-Identifier: Apache-2.0
//! Where pointers lead while a text is gone over: what each value is to them.

use super::RedactError;
use crate::json::{Container, Name, PointerMatch, Pointers, PointersWithin, Spelling};

/// The way to the current place, and what pointers say of it.
#[derive(Debug)]
pub struct Places {
    /// The objects and lists around the current place.
    levels: Vec<Level>,
    /// What a value here is, unless it is an element.
    place: PointerMatch,
}

#[derive(Debug)]
struct Level {
    /// Index of the next element; stays 0 in an object.
    next: usize,
    within: PointersWithin,
}

impl Places {
    pub fn new(pointers: &Pointers) -> Self {
        Self { levels: Vec::new(), place: pointers.start() }
    }

    /// How many objects and lists are open.
    pub fn depth(&self) -> usize {
        self.levels.len()
    }

    /// How many pointers are asked about each value here, at most.
    pub fn asked(&self) -> usize {
        self.levels.last().map_or(0, |level| level.within.asked())
    }

    /// The next value is the member with this name.
    pub fn member(&mut self, pointers: &Pointers, name: Name) -> Result<(), RedactError> {
        let Some(Level { within, .. }) = self.levels.last() else {
            return Err(RedactError::Unredactable);
        };
        if name.spelling == Spelling::Halves && within.is_of_interest() {
            return Err(RedactError::Unredactable);
        }
        self.place = within.member(pointers, name);
        Ok(())
    }

    /// What the next value is: in a list the next element, else what is known already.
    pub fn value(&mut self, pointers: &Pointers, inside: Option<Container>) -> PointerMatch {
        let (Some(Container::List), Some(level)) = (inside, self.levels.last_mut()) else {
            return self.place;
        };
        level.next += 1;
        level.within.element(pointers, level.next - 1)
    }

    /// The next values are within this one, of which the pointers say this.
    pub fn enter(
        &mut self,
        pointers: &Pointers,
        container: Container,
        place: PointerMatch,
    ) -> Result<(), RedactError> {
        let within = pointers.within(place, container, self.levels.len());
        self.levels.try_reserve(1).map_err(|_| RedactError::OutOfMemory)?;
        self.levels.push(Level { next: 0, within });
        Ok(())
    }

    pub fn leave(&mut self) {
        self.levels.pop();
    }

    pub fn held_bytes(&self) -> usize {
        self.levels.capacity() * size_of::<Level>()
    }
}
