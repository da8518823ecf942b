// SPDX-License-Identifier: Apache-2.0
//! Replaces values in JSON text without touching another byte of it.
//!
//! One pass over the text, strict by RFC 8259: what another reader might read differently is refused rather than sent. All members of a repeated name are
//! replaced, because readers differ in which of them counts.

use std::cmp::Ordering;

use super::RedactError;
use crate::json::pointer::{self, PointerMatch};
use crate::json::{Container, Event, NotJson, Pointer, Walk, unescaped};

/// Deepest nesting that is followed.
const MAX_DEPTH: usize = 1000;

/// Replaces the values under the pointers; `None` if there are none.
///
/// # Errors
/// If the text is not JSON, or is longer than `max_len` with the replacements.
pub fn redact(
    text: &[u8],
    pointers: &[Pointer],
    replacement: &[u8],
    max_len: usize,
) -> Result<Option<Vec<u8>>, RedactError> {
    let output = Output { text, replacement, max_len, redacted: Vec::new(), copied: 0, any: false };
    let bits = TokenBits::all(pointers);
    Redactor { pointers, bits, levels: Vec::new(), hidden: None, output }.run(Walk::new(text, MAX_DEPTH)?)
}

struct Redactor<'a> {
    pointers: &'a [Pointer],
    bits: Vec<TokenBits>,
    /// The objects and lists around the current place.
    levels: Vec<Level>,
    /// Where the value began that is replaced, and how many levels were around it.
    hidden: Option<(usize, usize)>,
    output: Output<'a>,
}

/// The tokens of all pointers at one depth, as bits: so that an element costs the same however many pointers there are.
#[derive(Default, Clone, Copy)]
struct TokenBits {
    /// They are `*`.
    any: u64,
    /// They are the index of an element.
    indexed: u64,
    /// They are the last of their pointer.
    last: u64,
}

struct Level {
    /// Index of the next element; stays 0 in an object.
    next: usize,
    /// What every value in it is, by the pointers that do not ask for a name.
    all: PointerMatch,
    /// The pointers that do, as bits. In a list those are taken out that were passed.
    named: u64,
}

struct Output<'a> {
    text: &'a [u8],
    replacement: &'a [u8],
    max_len: usize,
    redacted: Vec<u8>,
    /// How much of the text is in `redacted`, replaced or not.
    copied: usize,
    any: bool,
}

impl Redactor<'_> {
    fn run(mut self, mut walk: Walk) -> Result<Option<Vec<u8>>, RedactError> {
        let mut place = pointer::start(self.pointers);
        let mut inside = walk.inside();
        while let Some(event) = walk.event()? {
            let (start, end) = walk.span();
            match event {
                Event::Name(name) => place = self.member(name)?,
                Event::Open(container) => {
                    place = self.element_in(inside, place);
                    if place.hit && self.hidden.is_none() {
                        self.hidden = Some((start, self.levels.len()));
                    }
                    self.enter(container, place.alive);
                }
                Event::Scalar(_) => {
                    place = self.element_in(inside, place);
                    if place.hit && self.hidden.is_none() {
                        self.output.replace(start, end)?;
                    }
                }
                Event::Close => {
                    self.levels.pop();
                    if let Some((start, _)) = self.hidden.take_if(|(_, depth)| *depth == self.levels.len()) {
                        self.output.replace(start, end)?;
                    }
                }
            }
            inside = walk.inside();
        }
        self.output.finish()
    }

    fn enter(&mut self, container: Container, alive: u64) {
        // Within what is replaced there is nothing to look for.
        let alive = if self.hidden.is_some() { 0 } else { alive };
        let TokenBits { any, indexed, last } = self.bits.get(self.levels.len()).copied().unwrap_or_default();
        let all = PointerMatch { alive: alive & any & !last, hit: alive & any & last != 0 };
        let named = alive & !any & if container == Container::List { indexed } else { u64::MAX };
        self.levels.push(Level { next: 0, all, named });
    }

    /// The place of a value: in a list that of the next element, else the one that is known already.
    fn element_in(&mut self, inside: Option<Container>, place: PointerMatch) -> PointerMatch {
        let depth = self.levels.len().saturating_sub(1);
        let (Some(Container::List), Some(level)) = (inside, self.levels.last_mut()) else { return place };
        let mut place = level.all;
        for (bit, token, last) in pointer::tokens(self.pointers, level.named, depth) {
            match token.element().cmp(&Some(level.next)) {
                Ordering::Less => level.named &= !bit,
                Ordering::Equal => place.add(bit, last),
                Ordering::Greater => {}
            }
        }
        level.next += 1;
        place
    }

    /// The place of the member with this name.
    fn member(&mut self, name: &[u8]) -> Result<PointerMatch, RedactError> {
        let depth = self.levels.len().saturating_sub(1);
        let Some(Level { all, named, .. }) = self.levels.last() else {
            return Err(RedactError::Unredactable);
        };
        let mut place = *all;
        if *named != 0 || place.alive != 0 || place.hit {
            let name = unescaped(name).ok_or(RedactError::Unredactable)?;
            let tokens = pointer::tokens(self.pointers, *named, depth);
            tokens
                .filter(|(_, token, _)| token.is_member(&name))
                .for_each(|(bit, _, last)| place.add(bit, last));
        }
        Ok(place)
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

impl From<NotJson> for RedactError {
    fn from(_: NotJson) -> Self {
        Self::Unredactable
    }
}

impl Output<'_> {
    fn replace(&mut self, start: usize, end: usize) -> Result<(), RedactError> {
        if !self.any {
            // Most often the only allocation.
            let len = self.text.len().min(self.max_len);
            self.redacted.try_reserve_exact(len).map_err(|_| RedactError::TooLong)?;
        }
        self.any = true;
        self.append(self.text.get(self.copied..start).unwrap_or_default())?;
        self.append(self.replacement)?;
        self.copied = end;
        Ok(())
    }

    fn finish(mut self) -> Result<Option<Vec<u8>>, RedactError> {
        if !self.any {
            return Ok(None);
        }
        self.append(self.text.get(self.copied..).unwrap_or_default())?;
        // A copy is charged with its length.
        self.redacted.shrink_to_fit();
        Ok(Some(self.redacted))
    }

    fn append(&mut self, part: &[u8]) -> Result<(), RedactError> {
        let needed = self.redacted.len().saturating_add(part.len());
        if needed > self.max_len {
            return Err(RedactError::TooLong);
        }
        if needed > self.redacted.capacity() {
            // Not further ahead than it may become.
            let ahead = self.redacted.capacity().saturating_mul(2).clamp(needed, self.max_len);
            let more = ahead - self.redacted.len();
            self.redacted.try_reserve_exact(more).map_err(|_| RedactError::TooLong)?;
        }
        self.redacted.extend_from_slice(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
