// SPDX-License-Identifier: Apache-2.0
//! How a string is spelled, and the characters that it stands for.

/// What a string has beside characters that stand for themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spelling {
    Plain,
    Escaped,
    /// Escapes, and one of them is half a surrogate pair, which readers make different things of.
    Halves,
}

/// The name of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    /// What is between its quotes.
    pub spelled: &'a [u8],
    pub spelling: Spelling,
}

impl Name<'_> {
    /// Whether it stands for these characters. Takes no longer than they are.
    pub fn is(&self, plain: &[u8]) -> bool {
        if self.spelling == Spelling::Plain {
            return self.spelled == plain;
        }
        let mut characters = Characters::default();
        plain.iter().all(|byte| characters.next(self.spelled) == Some(*byte))
            && characters.next(self.spelled).is_none()
    }
}

/// The bytes of a string without its escapes, one after the other. Half a surrogate pair is itself and nothing else: three
/// bytes that are no UTF-8.
#[derive(Debug, Clone, Copy, Default)]
pub struct Characters {
    at: usize,
    /// What is left of an escape, the next byte last.
    decoded: [u8; 4],
    left: u8,
}

impl Characters {
    /// The next byte of what is spelled here: the same text each time.
    pub fn next(&mut self, spelled: &[u8]) -> Option<u8> {
        if self.left > 0 {
            self.left -= 1;
            return self.decoded.get(usize::from(self.left)).copied();
        }
        let byte = *spelled.get(self.at)?;
        self.at += 1;
        if byte != b'\\' {
            return Some(byte);
        }
        let escape = *spelled.get(self.at)?;
        self.at += 1;
        match escape {
            b'b' => Some(0x08),
            b'f' => Some(0x0c),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'u' => self.unicode(spelled),
            other => Some(other),
        }
    }

    /// The first byte of the character whose hexadecimal digits are next: two units are one of a pair.
    fn unicode(&mut self, spelled: &[u8]) -> Option<u8> {
        let rest = spelled.get(self.at..)?;
        let first = hex_unit(rest)?;
        let second = rest.get(4..).and_then(|rest| rest.strip_prefix(br"\u")).and_then(hex_unit);
        let second = second.filter(|unit| is_half(*unit) && *unit >= 0xdc00);
        let character = char::decode_utf16(std::iter::once(first).chain(second)).next()?;
        self.at += if character.as_ref().is_ok_and(|character| character.len_utf16() == 2) { 10 } else { 4 };
        let low = |shift: u16| 0x80 | (first >> shift & 0x3f) as u8;
        let mut buffer = [0xed, low(6), low(0), 0];
        let len = character.map_or(3, |character| character.encode_utf8(&mut buffer).len());
        self.left = len as u8 - 1;
        buffer.get_mut(..len)?.reverse();
        self.decoded = buffer;
        self.decoded.get(len - 1).copied()
    }
}

/// The unit whose four digits are in front.
pub fn hex_unit(text: &[u8]) -> Option<u16> {
    let digits = text.first_chunk::<4>()?;
    digits.iter().try_fold(0, |unit, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

/// Whether a unit is one of a surrogate pair.
pub fn is_half(unit: u16) -> bool {
    unit >> 11 == 0xd800 >> 11
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn escapes_stand_for_characters() {
        for (spelled, plain) in [
            ("", &b""[..]),
            ("a\u{e9}", "a\u{e9}".as_bytes()),
            (r#"\"\\\/\b\f\n\r\t"#, b"\"\\/\x08\x0c\n\r\t"),
            (r"\u0041\u00e9\u20ac\ud83d\ude00x", "A\u{e9}\u{20ac}\u{1f600}x".as_bytes()),
            (r"\ud83d", b"\xed\xa0\xbd"),
            (r"\ud83d\u0041", b"\xed\xa0\xbdA"),
            (r"\ude00\ud83d", b"\xed\xb8\x80\xed\xa0\xbd"),
        ] {
            let mut characters = Characters::default();
            let found: Vec<u8> = std::iter::from_fn(|| characters.next(spelled.as_bytes())).collect();
            assert_eq!(found, plain, "{spelled}");
            let name = Name { spelled: spelled.as_bytes(), spelling: Spelling::Escaped };
            assert!(name.is(plain));
            assert!(!name.is(&[plain, b"x"].concat()));
            assert!(plain.is_empty() || !name.is(&plain[1..]));
        }
    }
}
