// SPDX-License-Identifier: Apache-2.0
//! The tokens of JSON text, read where they are and strictly by RFC 8259.

use std::borrow::Cow;

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// Reads the tokens of a text, one after the other.
pub struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Lexer<'a> {
    /// # Errors
    /// If the text is not UTF-8.
    pub fn new(text: &'a [u8]) -> Result<Self, NotJson> {
        std::str::from_utf8(text).map(|_| Self { text, at: 0 }).map_err(|_| NotJson)
    }

    /// How much of the text was read.
    pub fn at(&self) -> usize {
        self.at
    }

    /// A string; gives what is between its quotes.
    ///
    /// # Errors
    /// If there is none.
    pub fn string(&mut self) -> Result<&'a [u8], NotJson> {
        if !self.take(b'"') {
            return Err(NotJson);
        }
        let start = self.at;
        loop {
            match self.next() {
                Some(b'"') => return Ok(self.text.get(start..self.at - 1).unwrap_or_default()),
                Some(b'\\') => match self.next() {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                    Some(b'u') if (0..4).all(|_| self.next().is_some_and(|b| b.is_ascii_hexdigit())) => {}
                    _ => return Err(NotJson),
                },
                Some(0x20..) => {}
                _ => return Err(NotJson),
            }
        }
    }

    /// A string, a number, `true`, `false` or `null`.
    ///
    /// # Errors
    /// If there is none.
    pub fn scalar(&mut self) -> Result<(), NotJson> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), NotJson> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(literal)) {
            return Err(NotJson);
        }
        self.at += literal.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
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
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { Err(NotJson) }
    }

    pub fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Goes over a byte that [`Self::peek`] has shown.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }
}

/// A string without its escapes. `None` for half a surrogate pair, which readers make different things of.
pub fn unescaped(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    unescape(name, |_| None)
}

/// The same, where half a surrogate pair is itself and nothing else: three bytes that are no UTF-8.
pub fn unescaped_with_halves(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    unescape(name, |half| {
        let low = |shift: u16| 0x80 | (half >> shift & 0x3f) as u8;
        Some([0xed, low(6), low(0)])
    })
}

fn unescape(name: &[u8], of_half: impl Fn(u16) -> Option<[u8; 3]>) -> Option<Cow<'_, [u8]>> {
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
                match character {
                    Ok(character) => plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
                    Err(half) => plain.extend_from_slice(&of_half(half)?),
                }
                rest = behind;
            }
            other => plain.push(*other),
        }
    }
    Some(plain.into())
}

/// The character that begins with these hexadecimal digits, or the half of one, and what is behind it: two units make one
/// of a pair.
fn unicode(text: &[u8]) -> Option<(Result<char, u16>, &[u8])> {
    let unit = |text: &[u8]| {
        let digits = std::str::from_utf8(text.get(..4)?).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (first, rest) = (unit(text)?, text.get(4..)?);
    let second = rest.strip_prefix(br"\u").and_then(unit).filter(|unit| (0xdc00..0xe000).contains(unit));
    let character = char::decode_utf16(std::iter::once(first).chain(second)).next()?;
    let used = if character.as_ref().is_ok_and(|character| character.len_utf16() == 2) { 6 } else { 0 };
    Some((character.map_err(|error| error.unpaired_surrogate()), rest.get(used..)?))
}
