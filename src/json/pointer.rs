// SPDX-License-Identifier: Apache-2.0
//! JSON pointers (RFC 6901), in which a token `*` stands for every member or element.

use super::spelling::Name;

/// Most pointers that are followed together: as the bits of a word.
pub const MAX_POINTERS: usize = u64::BITS as usize;

/// What pointers say of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PointerMatch {
    /// Those that lead into it, as bits.
    pub alive: u64,
    /// One of them ends here.
    pub hit: bool,
}

impl PointerMatch {
    /// One more pointer leads here.
    pub fn add(&mut self, bit: u64, last: bool) {
        self.hit |= last;
        self.alive |= if last { 0 } else { bit };
    }
}

/// The place of the whole document.
pub fn start(pointers: &[Pointer]) -> PointerMatch {
    let alive = u64::MAX.checked_shr(u64::BITS - pointers.len() as u32).unwrap_or(0);
    PointerMatch { alive, hit: pointers.iter().any(Pointer::is_whole_document) }
}

/// The place of a member or element, to which a token at this depth may lead.
pub fn follow(
    pointers: &[Pointer],
    alive: u64,
    depth: usize,
    leads_there: impl Fn(&Token) -> bool,
) -> PointerMatch {
    let mut place = PointerMatch { alive: 0, hit: false };
    let leading = tokens(pointers, alive, depth).filter(|(_, token, _)| leads_there(token));
    leading.for_each(|(bit, _, last)| place.add(bit, last));
    place
}

/// The tokens at a depth of the pointers with these bits, and whether each is the last.
pub fn tokens(pointers: &[Pointer], bits: u64, depth: usize) -> impl Iterator<Item = (u64, &Token, bool)> {
    let mut rest = bits;
    let indexes = std::iter::from_fn(move || {
        let index = rest.trailing_zeros();
        let bit = 1u64.checked_shl(index)?;
        rest &= !bit;
        Some((bit, index as usize))
    });
    indexes.filter_map(move |(bit, index)| {
        let (token, last) = pointers.get(index)?.at(depth)?;
        Some((bit, token, last))
    })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Any,
    /// A member's name, and the index of an element if it is one.
    Name {
        text: String,
        index: Option<usize>,
    },
}

impl Pointer {
    /// `None` if the text is no pointer, or has a `*` beside other characters of a name.
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let tokens: Option<Vec<_>> = text.strip_prefix('/')?.split('/').map(Token::parse).collect();
        tokens.map(Self)
    }

    /// The token at a depth, and whether it is the last.
    pub fn at(&self, depth: usize) -> Option<(&Token, bool)> {
        self.0.get(depth).map(|token| (token, depth + 1 == self.0.len()))
    }

    /// The names of members or elements on the way, without `*`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|token| match token {
            Token::Any => None,
            Token::Name { text, .. } => Some(text.as_str()),
        })
    }

    pub fn is_whole_document(&self) -> bool {
        self.0.is_empty()
    }
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => return Some(Self::Any),
            // Who writes `card*` means a pattern, and would hide nothing.
            text if text.contains('*') => return None,
            _ => {}
        }
        let mut plain = String::with_capacity(text.len());
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            plain.push(match character {
                '~' => match characters.next() {
                    Some('0') => '~',
                    Some('1') => '/',
                    _ => return None,
                },
                character => character,
            });
        }
        let is_index = text == "0" || !text.starts_with(['0', '+']);
        let index = text.parse().ok().filter(|_| is_index);
        Some(Self::Name { text: plain, index })
    }

    pub fn is_member(&self, name: Name) -> bool {
        match self {
            Self::Any => true,
            Self::Name { text, .. } => name.is(text.as_bytes()),
        }
    }

    pub fn is_element(&self, index: usize) -> bool {
        self.is_any() || self.element() == Some(index)
    }

    pub fn is_any(&self) -> bool {
        *self == Self::Any
    }

    /// The index of the element for which it stands.
    pub fn element(&self) -> Option<usize> {
        match self {
            Self::Any => None,
            Self::Name { index, .. } => *index,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn tokens_are_those_of_the_rfc_and_the_star() {
        let token = |text: &str, index| Token::Name { text: text.into(), index };
        let pointer = Pointer::parse("/a~1b/m~0n/0/01/*//~01").expect("a pointer");
        let tokens = [
            token("a/b", None),
            token("m~n", None),
            token("0", Some(0)),
            token("01", None),
            Token::Any,
            token("", None),
            token("~1", None),
        ];
        assert_eq!(pointer, Pointer(tokens.into()));
        assert_eq!(Pointer::parse(""), Some(Pointer(Vec::new())));
        for text in ["a", "a/b", "/~", "/~2", "/a~", "/~é", "$.a", "/a*", "/**", "/a/*b/c"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }
}
