// SPDX-License-Identifier: Apache-2.0
//! A model of JSON that loses nothing: repeated names, digits and half surrogate pairs stay. serde_json says what is JSON; this
//! reads it.

use serde_json::value::RawValue;

use crate::decimal::Decimal;

/// What is nested deeper is not read.
const MAX_DEPTH: usize = 128;

#[derive(Debug, Clone, PartialEq)]
pub enum Tree {
    Null,
    Bool(bool),
    Number(Decimal),
    /// In UTF-16, in which half a pair is a unit like any other.
    Text(Vec<u16>),
    List(Vec<Tree>),
    Object(Vec<(Vec<u16>, Tree)>),
}

impl Tree {
    pub fn of(text: &[u8]) -> Option<Self> {
        let text = serde_json::from_slice::<&RawValue>(text).ok()?.get();
        let mut reader = Reader { text, depth: 0 };
        let tree = reader.value()?;
        assert!(reader.text.is_empty(), "a whole value");
        Some(tree)
    }
}

/// Reads text that is known to be JSON.
struct Reader<'a> {
    text: &'a str,
    depth: usize,
}

impl Reader<'_> {
    /// `None` if it is too deep.
    fn value(&mut self) -> Option<Tree> {
        self.space();
        Some(match self.text.as_bytes()[0] {
            b'{' => Tree::Object(self.items(|reader| {
                reader.space();
                let name = reader.string();
                reader.space();
                reader.skip(1);
                Some((name, reader.value()?))
            })?),
            b'[' => Tree::List(self.items(Self::value)?),
            b'"' => Tree::Text(self.string()),
            b't' => self.word("true", Tree::Bool(true)),
            b'f' => self.word("false", Tree::Bool(false)),
            b'n' => self.word("null", Tree::Null),
            _ => {
                let end = self.text.find(|c: char| !"0123456789+-.eE".contains(c)).unwrap_or(self.text.len());
                let number = Decimal::of(&self.text[..end]);
                self.skip(end);
                Tree::Number(number)
            }
        })
    }

    fn items<T>(&mut self, read: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut items = Vec::new();
        self.skip(1);
        self.space();
        if self.text.starts_with(['}', ']']) {
            self.skip(1);
        } else {
            loop {
                items.push(read(self)?);
                self.space();
                let ends = !self.text.starts_with(',');
                self.skip(1);
                if ends {
                    break;
                }
            }
        }
        self.depth -= 1;
        Some(items)
    }

    fn word(&mut self, word: &str, tree: Tree) -> Tree {
        self.skip(word.len());
        tree
    }

    fn string(&mut self) -> Vec<u16> {
        let mut units = Vec::new();
        self.skip(1);
        loop {
            let character = self.text.chars().next().expect("a string that ends");
            self.skip(character.len_utf8());
            let unit = match character {
                '"' => return units,
                '\\' => {
                    let escape = self.text.as_bytes()[0];
                    self.skip(1);
                    match escape {
                        b'u' => {
                            let unit = u16::from_str_radix(&self.text[..4], 16).expect("four digits");
                            self.skip(4);
                            unit
                        }
                        b'n' => 10,
                        b't' => 9,
                        b'r' => 13,
                        b'b' => 8,
                        b'f' => 12,
                        other => u16::from(other),
                    }
                }
                character => {
                    units.extend(character.encode_utf16(&mut [0; 2]).iter());
                    continue;
                }
            };
            units.push(unit);
        }
    }

    fn space(&mut self) {
        self.text = self.text.trim_start_matches([' ', '\n', '\t', '\r']);
    }

    fn skip(&mut self, bytes: usize) {
        self.text = &self.text[bytes..];
    }
}
