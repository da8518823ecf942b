// SPDX-License-Identifier: Apache-2.0
//! JSON pointers (RFC 6901), in which a token `*` stands for every member or element, and `**` for any number of levels, none
//! among them.

use super::spelling::Name;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<Token>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    Any,
    /// Any number of levels.
    Deep,
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
        let mut tokens = tokens?;
        // Any number of levels twice is any number of levels.
        tokens.dedup_by(|next, token| *next == Token::Deep && *token == Token::Deep);
        Some(Self(tokens))
    }

    /// Whether its last token is `**`.
    pub fn ends_deep(&self) -> bool {
        self.0.last() == Some(&Token::Deep)
    }

    /// The names of members or elements on the way, without `*` and `**`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|token| match token {
            Token::Any | Token::Deep => None,
            Token::Name { text, .. } => Some(text.as_str()),
        })
    }

    pub fn tokens(&self) -> &[Token] {
        &self.0
    }
}

impl Token {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "*" => return Some(Self::Any),
            "**" => return Some(Self::Deep),
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
            Self::Any | Self::Deep => true,
            Self::Name { text, .. } => name.is(text.as_bytes()),
        }
    }

    /// The index of the element for which it stands.
    pub fn element(&self) -> Option<usize> {
        match self {
            Self::Any | Self::Deep => None,
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
    fn tokens_are_those_of_the_rfc_and_the_stars() {
        let token = |text: &str, index| Token::Name { text: text.into(), index };
        let pointer = Pointer::parse("/a~1b/m~0n/0/01/*/**//~01").expect("a pointer");
        let tokens = [
            token("a/b", None),
            token("m~n", None),
            token("0", Some(0)),
            token("01", None),
            Token::Any,
            Token::Deep,
            token("", None),
            token("~1", None),
        ];
        assert_eq!(pointer, Pointer(tokens.into()));
        assert_eq!(Pointer::parse(""), Some(Pointer(Vec::new())));
        assert_eq!(Pointer::parse("/**/**/a/**"), Pointer::parse("/**/a/**"));
        for text in ["a", "a/b", "/~", "/~2", "/a~", "/~é", "$.a", "/a*", "/***", "/**a", "/a/*b/c", "**"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }
}
