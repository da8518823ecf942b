// SPDX-License-Identifier: Apache-2.0
//! Replaces values in JSON text without touching another byte of it.
//!
//! One pass over the text, strict by RFC 8259: what another reader might read differently is refused rather than sent.
//! Nesting is kept on the heap and bounded, so that no text can exhaust the stack. All members of a repeated name are
//! replaced, because readers differ in which of them counts.

use std::cmp::Ordering;

use super::Refusal;
use crate::json::{self, Lexer, NotJson, Place, Pointer, tokens, unescaped};

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
) -> Result<Option<Vec<u8>>, Refusal> {
    let output = Output { text, replacement, max_len, redacted: Vec::new(), copied: 0, any: false };
    let steps = Step::all(pointers);
    let scanner =
        Scanner { lexer: Lexer::new(text)?, pointers, steps, levels: Vec::new(), hidden: None, output };
    scanner.run()
}

struct Scanner<'a> {
    lexer: Lexer<'a>,
    pointers: &'a [Pointer],
    steps: Vec<Step>,
    /// The objects and lists around the current place.
    levels: Vec<Level>,
    /// Where the value began that is replaced, and how many levels were around it.
    hidden: Option<(usize, usize)>,
    output: Output<'a>,
}

/// The tokens of all pointers at one depth, as bits: so that an element costs the same however many pointers there are.
#[derive(Default, Clone, Copy)]
struct Step {
    /// They are `*`.
    any: u64,
    /// They are the index of an element.
    indexed: u64,
    /// They are the last of their pointer.
    last: u64,
}

struct Level {
    kind: Kind,
    /// What every value in it is, by the pointers that do not ask for a name.
    all: Place,
    /// The pointers that do, as bits. In a list those are taken out that were passed.
    named: u64,
}

enum Kind {
    Object,
    /// With the index of the current element.
    List(usize),
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

impl<'a> Scanner<'a> {
    fn run(mut self) -> Result<Option<Vec<u8>>, Refusal> {
        let mut place = json::start(self.pointers);
        loop {
            self.lexer.skip_space();
            if place.hit && self.hidden.is_none() {
                self.hidden = Some((self.lexer.at(), self.levels.len()));
            }
            let inner = match self.lexer.peek() {
                Some(b'{') => self.enter(Kind::Object, place.alive, b'}')?,
                Some(b'[') => self.enter(Kind::List(0), place.alive, b']')?,
                _ => {
                    self.lexer.scalar()?;
                    None
                }
            };
            place = match inner {
                Some(place) => place,
                None => match self.after_value()? {
                    Some(place) => place,
                    None => return self.output.finish(),
                },
            };
        }
    }

    /// Enters an object or list. The place of its first value; `None` if it has none and is over.
    fn enter(&mut self, kind: Kind, alive: u64, end: u8) -> Result<Option<Place>, Refusal> {
        if self.levels.len() >= MAX_DEPTH {
            return Err(Refusal::Unredactable);
        }
        self.lexer.skip();
        self.lexer.skip_space();
        if self.lexer.take(end) {
            return Ok(None);
        }
        // Within what is replaced there is nothing to look for.
        let alive = if self.hidden.is_some() { 0 } else { alive };
        let Step { any, indexed, last } = self.steps.get(self.levels.len()).copied().unwrap_or_default();
        let all = Place { alive: alive & any & !last, hit: alive & any & last != 0 };
        let named = alive & !any & if matches!(kind, Kind::List(_)) { indexed } else { u64::MAX };
        self.levels.push(Level { kind, all, named });
        self.next_place().map(Some)
    }

    /// A value is over: goes on to the next, closing what ends here. `None` at the end of the text.
    fn after_value(&mut self) -> Result<Option<Place>, Refusal> {
        loop {
            if let Some((start, _)) = self.hidden.take_if(|(_, depth)| *depth == self.levels.len()) {
                self.output.replace(start, self.lexer.at())?;
            }
            self.lexer.skip_space();
            let Some(level) = self.levels.last_mut() else {
                return if self.lexer.peek().is_none() { Ok(None) } else { Err(Refusal::Unredactable) };
            };
            let end = match &mut level.kind {
                Kind::Object => b'}',
                Kind::List(index) => {
                    *index += 1;
                    b']'
                }
            };
            if self.lexer.take(b',') {
                return self.next_place().map(Some);
            }
            if !self.lexer.take(end) {
                return Err(Refusal::Unredactable);
            }
            self.levels.pop();
        }
    }

    /// The place of the next value of the innermost level; reads its name in an object.
    fn next_place(&mut self) -> Result<Place, Refusal> {
        let depth = self.levels.len().saturating_sub(1);
        let Some(Level { kind, all, named }) = self.levels.last_mut() else {
            return Err(Refusal::Unredactable);
        };
        let mut place = *all;
        if let Kind::List(index) = *kind {
            for (bit, token, last) in tokens(self.pointers, *named, depth) {
                match token.element().cmp(&Some(index)) {
                    Ordering::Less => *named &= !bit,
                    Ordering::Equal => place.add(bit, last),
                    Ordering::Greater => {}
                }
            }
            return Ok(place);
        }
        let named = *named;
        self.lexer.skip_space();
        let name = self.lexer.string()?;
        self.lexer.skip_space();
        if !self.lexer.take(b':') {
            return Err(Refusal::Unredactable);
        }
        if named != 0 || place.alive != 0 || place.hit {
            let name = unescaped(name).ok_or(Refusal::Unredactable)?;
            let members = tokens(self.pointers, named, depth).filter(|(_, token, _)| token.is_member(&name));
            members.for_each(|(bit, _, last)| place.add(bit, last));
        }
        Ok(place)
    }
}

impl Step {
    fn all(pointers: &[Pointer]) -> Vec<Self> {
        let mut steps: Vec<Self> = Vec::new();
        for (index, pointer) in pointers.iter().enumerate() {
            let bit = 1u64.checked_shl(index as u32).unwrap_or(0);
            for depth in 0.. {
                let Some((token, last)) = pointer.at(depth) else { break };
                if steps.len() <= depth {
                    steps.push(Self::default());
                }
                let Some(step) = steps.get_mut(depth) else { break };
                step.any |= if token.is_any() { bit } else { 0 };
                step.indexed |= if token.element().is_some() { bit } else { 0 };
                step.last |= if last { bit } else { 0 };
            }
        }
        steps
    }
}

impl From<NotJson> for Refusal {
    fn from(_: NotJson) -> Self {
        Self::Unredactable
    }
}

impl Output<'_> {
    fn replace(&mut self, start: usize, end: usize) -> Result<(), Refusal> {
        if !self.any {
            // Most often the only allocation.
            let len = self.text.len().min(self.max_len);
            self.redacted.try_reserve_exact(len).map_err(|_| Refusal::TooLong)?;
        }
        self.any = true;
        self.append(self.text.get(self.copied..start).unwrap_or_default())?;
        self.append(self.replacement)?;
        self.copied = end;
        Ok(())
    }

    fn finish(mut self) -> Result<Option<Vec<u8>>, Refusal> {
        if !self.any {
            return Ok(None);
        }
        self.append(self.text.get(self.copied..).unwrap_or_default())?;
        // A copy is charged with its length.
        self.redacted.shrink_to_fit();
        Ok(Some(self.redacted))
    }

    fn append(&mut self, part: &[u8]) -> Result<(), Refusal> {
        let needed = self.redacted.len().saturating_add(part.len());
        if needed > self.max_len {
            return Err(Refusal::TooLong);
        }
        if needed > self.redacted.capacity() {
            // Not further ahead than it may become.
            let ahead = self.redacted.capacity().saturating_mul(2).clamp(needed, self.max_len);
            let more = ahead - self.redacted.len();
            self.redacted.try_reserve_exact(more).map_err(|_| Refusal::TooLong)?;
        }
        self.redacted.extend_from_slice(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
