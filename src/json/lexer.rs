// SPDX-License-Identifier: Apache-2.0
//! The tokens of JSON text, read where they are and strictly by RFC 8259. UTF-8 is checked on the way: beyond ASCII there
//! is text in strings alone.
//!
//! Strings, numbers and white space can be of any length, so that reading them can stop in between. Everything else is
//! read at once, a few bytes beyond where reading should stop.

use super::spelling::{Spelling, hex_unit, is_half};

/// The text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotJson;

/// Reads a text from one place to another.
pub struct Lexer<'a> {
    text: &'a [u8],
    /// The text up to where to stop.
    head: &'a [u8],
    at: usize,
}

/// How far a number was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberState {
    part: NumberPart,
    /// The part has a digit.
    any: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NumberPart {
    Whole,
    Fraction,
    Exponent,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a [u8], at: usize, until: usize) -> Self {
        Self { text, head: text.get(..until).unwrap_or(text), at }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    /// The text between two places.
    pub fn between(&self, start: usize, end: usize) -> &'a [u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// Whether it must stop here although the text continues.
    pub fn is_paused(&self) -> bool {
        self.at >= self.head.len() && self.head.len() < self.text.len()
    }

    /// Reads on in a string, from behind its opening quote. `false` if it stopped before the end.
    ///
    /// # Errors
    /// If it is not a string.
    #[inline]
    pub fn string(&mut self, spelling: &mut Spelling) -> Result<bool, NotJson> {
        // Mostly it is short and plain.
        let next = self.head.get(self.at..).and_then(<[u8]>::first_chunk::<8>);
        if let Some(word) = next.copied().map(u64::from_le_bytes) {
            let special = special_bytes(word) | (word & TOPS);
            let count = special.trailing_zeros() as usize / 8;
            self.at += count;
            if special != 0 && (word >> (8 * count)) as u8 == b'"' {
                self.at += 1;
                return Ok(true);
            }
        }
        self.any_string(spelling)
    }

    fn any_string(&mut self, spelling: &mut Spelling) -> Result<bool, NotJson> {
        loop {
            self.run()?;
            if self.is_paused() {
                return Ok(false);
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(true);
                }
                Some(b'\\') => *spelling = self.escape()?.max(*spelling),
                _ => return Err(NotJson),
            }
        }
    }

    /// Skips what stands for itself in a string: everything but controls, quotes and backslashes.
    fn run(&mut self) -> Result<(), NotJson> {
        let all = self.head.get(self.at..).unwrap_or_default();
        let (mut rest, mut tops) = (all, 0);
        let len = loop {
            let Some((word, behind)) = rest.split_first_chunk::<8>() else {
                let plain = |byte: &&u8| !matches!(byte, 0..b' ' | b'"' | b'\\');
                tops |= u64::from(rest.iter().take_while(plain).fold(0, |tops, byte| tops | byte)) << 56;
                break all.len() - rest.len() + rest.iter().take_while(plain).count();
            };
            let word = u64::from_le_bytes(*word);
            let special = special_bytes(word);
            if special != 0 {
                let count = special.trailing_zeros() as usize / 8;
                // What is behind it does no harm: the run is checked once more.
                tops |= word;
                break all.len() - rest.len() + count;
            }
            tops |= word;
            rest = behind;
        };
        let run = all.get(..len).unwrap_or_default();
        if tops & TOPS == 0 {
            self.at += run.len();
            return Ok(());
        }
        match std::str::from_utf8(run) {
            Ok(text) => self.at += text.len(),
            Err(error) if error.error_len().is_some() => return Err(NotJson),
            Err(error) => {
                // It stops within a character, which is read to its end.
                self.at += error.valid_up_to();
                let mut chunks = self.between(self.at, self.text.len().min(self.at + 4)).utf8_chunks();
                let character = chunks.next().and_then(|chunk| chunk.valid().chars().next());
                self.at += character.ok_or(NotJson)?.len_utf8();
            }
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<Spelling, NotJson> {
        let rest = self.text.get(self.at + 1..).unwrap_or_default();
        let (len, spelling) = match rest.split_first() {
            Some((b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', _)) => (2, Spelling::Escaped),
            Some((b'u', digits)) => match digits.first_chunk::<4>() {
                Some(unit @ [first, ..]) if unit.iter().all(u8::is_ascii_hexdigit) => match first {
                    b'd' | b'D' => surrogate(digits),
                    _ => (6, Spelling::Escaped),
                },
                _ => return Err(NotJson),
            },
            _ => return Err(NotJson),
        };
        self.at += len;
        Ok(spelling)
    }

    pub fn literal(&mut self, literal: &[u8]) -> Result<(), NotJson> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(literal)) {
            return Err(NotJson);
        }
        self.at += literal.len();
        Ok(())
    }

    /// Begins a number. No digit may follow a zero in front.
    pub fn begin_number(&mut self) -> NumberState {
        self.take(b'-');
        NumberState { part: NumberPart::Whole, any: self.take(b'0') }
    }

    /// Reads on in a number. `false` if it stopped where there may be more of it.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn number(&mut self, state: &mut NumberState, begins: bool) -> Result<bool, NotJson> {
        let mut is_zero = begins && state.any;
        loop {
            if !is_zero {
                let start = self.at;
                while matches!(self.head.get(self.at), Some(b'0'..=b'9')) {
                    self.at += 1;
                }
                state.any |= self.at > start;
                if self.is_paused() {
                    return Ok(false);
                }
            }
            is_zero = false;
            if !state.any {
                return Err(NotJson);
            }
            state.part = match state.part {
                NumberPart::Whole if self.take(b'.') => NumberPart::Fraction,
                NumberPart::Whole | NumberPart::Fraction if self.take(b'e') || self.take(b'E') => {
                    let _ = self.take(b'+') || self.take(b'-');
                    NumberPart::Exponent
                }
                _ => return Ok(true),
            };
            state.any = false;
        }
    }

    pub fn skip_space(&mut self) {
        while matches!(self.head.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    pub fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Skips a byte that [`Self::peek`] has shown.
    pub fn skip(&mut self) {
        self.at += 1;
    }

    pub fn take(&mut self, expected: u8) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }
}

/// How long the escape is whose digits are in front, and the one behind it if both make a character.
fn surrogate(digits: &[u8]) -> (usize, Spelling) {
    let behind = digits.get(4..).and_then(|rest| rest.strip_prefix(br"\u")).and_then(hex_unit);
    match (hex_unit(digits), behind) {
        (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => (12, Spelling::Escaped),
        (Some(unit), _) if is_half(unit) => (6, Spelling::Halves),
        _ => (6, Spelling::Escaped),
    }
}

const ONES: u64 = u64::MAX / 255;
const TOPS: u64 = ONES << 7;

/// The top bit of each control, quote and backslash; those above the lowest one may be wrong.
/// (Bit Twiddling Hacks, "Determine if a word has a byte less than n".)
fn special_bytes(word: u64) -> u64 {
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | is(b'"') | is(b'\\')) & TOPS
}
