// SPDX-License-Identifier: Apache-2.0
//! Replaces values in JSON text without touching another byte of it.
//!
//! One pass over the text, strict by RFC 8259: what another reader might read differently is refused rather than sent.
//! Nesting is kept on the heap and bounded, so that no text can exhaust the stack. All members of a repeated name are
//! replaced, because readers differ in which of them counts.

use std::borrow::Cow;

use super::Refusal;
use super::pointer::{Pointer, Token};

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
    if std::str::from_utf8(text).is_err() {
        return Err(Refusal::Unredactable);
    }
    let output = Output { text, replacement, max_len, redacted: Vec::new(), copied: 0, any: false };
    let scanner = Scanner { text, at: 0, pointers, levels: Vec::new(), hidden: None, output };
    scanner.run()
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
    pointers: &'a [Pointer],
    /// The objects and lists around the current place.
    levels: Vec<Level>,
    /// Where the value began that is replaced, and how many levels were around it.
    hidden: Option<(usize, usize)>,
    output: Output<'a>,
}

struct Level {
    kind: Kind,
    /// The pointers that lead into it, as bits.
    alive: u64,
}

enum Kind {
    Object,
    /// With the index of the current element.
    List(usize),
}

/// What is known of the value that comes next.
struct Place {
    alive: u64,
    /// A pointer ends here.
    hit: bool,
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
        let whole = self.pointers.iter().any(Pointer::is_whole_document);
        let all = u64::MAX.checked_shr(u64::BITS - self.pointers.len() as u32).unwrap_or(0);
        let mut place = Place { alive: all, hit: whole };
        loop {
            self.skip_space();
            if place.hit && self.hidden.is_none() {
                self.hidden = Some((self.at, self.levels.len()));
            }
            let inner = match self.peek() {
                Some(b'{') => self.enter(Kind::Object, place.alive, b'}')?,
                Some(b'[') => self.enter(Kind::List(0), place.alive, b']')?,
                Some(b'"') => {
                    self.string()?;
                    None
                }
                Some(b't') => self.literal(b"true")?,
                Some(b'f') => self.literal(b"false")?,
                Some(b'n') => self.literal(b"null")?,
                _ => self.number()?,
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
        self.at += 1;
        self.skip_space();
        if self.take(end) {
            return Ok(None);
        }
        // Within what is replaced there is nothing to look for.
        let alive = if self.hidden.is_some() { 0 } else { alive };
        self.levels.push(Level { kind, alive });
        self.next_place().map(Some)
    }

    /// A value is over: goes on to the next, closing what ends here. `None` at the end of the text.
    fn after_value(&mut self) -> Result<Option<Place>, Refusal> {
        loop {
            if let Some((start, _)) = self.hidden.take_if(|(_, depth)| *depth == self.levels.len()) {
                self.output.replace(start, self.at)?;
            }
            self.skip_space();
            let Some(level) = self.levels.last_mut() else {
                return if self.peek().is_none() { Ok(None) } else { Err(Refusal::Unredactable) };
            };
            let end = match &mut level.kind {
                Kind::Object => b'}',
                Kind::List(index) => {
                    *index += 1;
                    b']'
                }
            };
            if self.take(b',') {
                return self.next_place().map(Some);
            }
            if !self.take(end) {
                return Err(Refusal::Unredactable);
            }
            self.levels.pop();
        }
    }

    /// The place of the next value of the innermost level; reads its name in an object.
    fn next_place(&mut self) -> Result<Place, Refusal> {
        let depth = self.levels.len().saturating_sub(1);
        let Some(Level { kind, alive }) = self.levels.last() else { return Err(Refusal::Unredactable) };
        let alive = *alive;
        match *kind {
            Kind::List(index) => Ok(self.follow(alive, depth, |token| token.is_element(index))),
            Kind::Object => {
                self.skip_space();
                let name = self.string()?;
                self.skip_space();
                if !self.take(b':') {
                    return Err(Refusal::Unredactable);
                }
                if alive == 0 {
                    return Ok(Place { alive, hit: false });
                }
                let name = unescaped(name).ok_or(Refusal::Unredactable)?;
                Ok(self.follow(alive, depth, |token| token.is_member(&name)))
            }
        }
    }

    fn follow(&self, alive: u64, depth: usize, leads_there: impl Fn(&Token) -> bool) -> Place {
        let mut place = Place { alive: 0, hit: false };
        for (index, pointer) in self.pointers.iter().enumerate().filter(|(index, _)| alive >> index & 1 == 1)
        {
            match pointer.at(depth) {
                Some((token, last)) if leads_there(token) => {
                    place.hit |= last;
                    place.alive |= u64::from(!last) << index;
                }
                _ => {}
            }
        }
        place
    }

    /// A string; gives what is between its quotes.
    fn string(&mut self) -> Result<&'a [u8], Refusal> {
        if !self.take(b'"') {
            return Err(Refusal::Unredactable);
        }
        let start = self.at;
        loop {
            match self.next() {
                Some(b'"') => return Ok(self.text.get(start..self.at - 1).unwrap_or_default()),
                Some(b'\\') => match self.next() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') if (0..4).all(|_| self.next().is_some_and(|b| b.is_ascii_hexdigit())) => {}
                    _ => return Err(Refusal::Unredactable),
                },
                Some(0x20..) => {}
                _ => return Err(Refusal::Unredactable),
            }
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<Option<Place>, Refusal> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(literal)) {
            return Err(Refusal::Unredactable);
        }
        self.at += literal.len();
        Ok(None)
    }

    fn number(&mut self) -> Result<Option<Place>, Refusal> {
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        Ok(None)
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(Refusal::Unredactable) }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }
}

impl Output<'_> {
    fn replace(&mut self, start: usize, end: usize) -> Result<(), Refusal> {
        self.any = true;
        self.redacted.extend_from_slice(self.text.get(self.copied..start).unwrap_or_default());
        self.redacted.extend_from_slice(self.replacement);
        self.copied = end;
        self.check()
    }

    fn finish(mut self) -> Result<Option<Vec<u8>>, Refusal> {
        if !self.any {
            return Ok(None);
        }
        self.redacted.extend_from_slice(self.text.get(self.copied..).unwrap_or_default());
        self.check()?;
        Ok(Some(self.redacted))
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.redacted.len() > self.max_len { Err(Refusal::TooLong) } else { Ok(()) }
    }
}

/// A name without its escapes. `None` for half a surrogate pair, which readers make different things of.
fn unescaped(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !name.contains(&b'\\') {
        return Some(name.into());
    }
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let (escape, behind) = rest.split_first()?;
        rest = behind;
        match escape {
            b'b' => plain.push(0x08),
            b'f' => plain.push(0x0c),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => {
                let (character, behind) = unicode(rest)?;
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = behind;
            }
            other => plain.push(*other),
        }
    }
    Some(plain.into())
}

/// The character that begins with these hexadecimal digits, and what is behind it: two units make one of a pair.
fn unicode(text: &[u8]) -> Option<(char, &[u8])> {
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (first, rest) = (unit(text)?, text.get(4..)?);
    let second = rest.strip_prefix(br"\u").and_then(unit).filter(|unit| (0xdc00..0xe000).contains(unit));
    let character = char::decode_utf16(std::iter::once(first).chain(second)).next()?.ok()?;
    let used = if character.len_utf16() == 2 { 6 } else { 0 };
    Some((character, rest.get(used..)?))
}

#[cfg(test)]
mod tests;
