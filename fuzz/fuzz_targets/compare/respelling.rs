// SPDX-License-Identifier: Apache-2.0
//! The same value in other characters, and the same characters in other bytes.

use std::io::Write;

use fastrand::Rng;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use shadow_filter::compare::Observed;

use crate::tree::Tree;

pub struct Choices(Rng);

impl Choices {
    /// The same for the same bytes.
    pub fn seeded(bytes: &[u8]) -> Self {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self(Rng::with_seed(bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold)))
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    pub fn flip(&mut self) -> bool {
        self.0.bool()
    }
}

/// A text of this value: names in another order, other white space, numbers and strings spelled otherwise.
pub fn respelled(tree: &Tree, choices: &mut Choices) -> Vec<u8> {
    let mut text = String::new();
    write(tree, choices, &mut text);
    text.into_bytes()
}

fn write(tree: &Tree, choices: &mut Choices, text: &mut String) {
    space(choices, text);
    match tree {
        Tree::Null => text.push_str("null"),
        Tree::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Tree::Number(number) => {
            let (point, zeros, upper) = (choices.below(40), choices.below(3), choices.flip());
            text.push_str(&number.spelled(point, zeros, upper));
        }
        Tree::Text(units) => write_string(units, choices, text),
        Tree::List(items) => {
            text.push('[');
            for (index, item) in items.iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                write(item, choices, text);
            }
            space(choices, text);
            text.push(']');
        }
        Tree::Object(members) => {
            text.push('{');
            for (index, (name, value)) in shuffled(members, choices).into_iter().enumerate() {
                text.push_str(if index > 0 { "," } else { "" });
                space(choices, text);
                write_string(name, choices, text);
                space(choices, text);
                text.push(':');
                write(value, choices, text);
            }
            space(choices, text);
            text.push('}');
        }
    }
    space(choices, text);
}

/// In any order, but for members with the same name.
fn shuffled<'a>(members: &'a [(Vec<u16>, Tree)], choices: &mut Choices) -> Vec<&'a (Vec<u16>, Tree)> {
    let mut left: Vec<_> = members.iter().collect();
    let mut taken = Vec::new();
    while !left.is_empty() {
        let any = if choices.below(4) == 0 { 0 } else { choices.below(left.len()) };
        let name = &left[any].0;
        let first = left.iter().position(|(other, _)| other == name).unwrap_or(any);
        taken.push(left.remove(first));
    }
    taken
}

fn space(choices: &mut Choices, text: &mut String) {
    text.push_str(["", "", "", " ", "\n", "\r\n", "\t "][choices.below(7)]);
}

fn write_string(units: &[u16], choices: &mut Choices, text: &mut String) {
    text.push('"');
    for character in char::decode_utf16(units.iter().copied()) {
        match character {
            Ok(character) => write_character(character, choices, text),
            Err(half) => text.push_str(&format!("\\u{:04x}", half.unpaired_surrogate())),
        }
    }
    text.push('"');
}

fn write_character(character: char, choices: &mut Choices, text: &mut String) {
    let short = match character {
        '"' | '\\' => Some(character),
        '/' if choices.flip() => Some('/'),
        '\n' => Some('n'),
        '\t' => Some('t'),
        '\r' => Some('r'),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        _ => None,
    };
    match (short, choices.below(4)) {
        (Some(short), 1..) => text.extend(['\\', short]),
        (None, 1..) if character >= ' ' => text.push(character),
        _ => {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let digits = if choices.flip() { format!("{unit:04x}") } else { format!("{unit:04X}") };
                text.push_str(&format!("\\u{digits}"));
            }
        }
    }
}

/// An answer with this body, encoded or not.
pub fn encoded(body: &[u8], choices: &mut Choices) -> Observed {
    let level = Compression::new(choices.below(10) as u32);
    let (encoding, body) = match choices.below(6) {
        0 => {
            // In two members.
            let (head, tail) = body.split_at(choices.below(body.len() + 1));
            ("gzip", [gzip(head, level), gzip(tail, level)].concat())
        }
        1 => ("X-GZip", gzip(body, level)),
        2 => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).expect("written to memory");
            ("deflate", encoder.finish().expect("written to memory"))
        }
        3 => {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(body).expect("written to memory");
            let raw = encoder.finish().expect("written to memory");
            // What begins like zlib's format is taken for it.
            if is_like_zlib(&raw) { ("identity", body.to_vec()) } else { ("deflate", raw) }
        }
        4 => ("identity", body.to_vec()),
        _ => return Observed { status: 200, body: Some(body.to_vec()), ..Observed::default() },
    };
    let headers = shadow_filter_fuzz::head(&[(b"content-encoding", encoding.as_bytes())]);
    Observed { status: 200, grpc: None, headers, body: Some(body) }
}

fn is_like_zlib(body: &[u8]) -> bool {
    matches!(body, [first, second, ..] if first & 15 == 8 && u16::from_be_bytes([*first, *second]) % 31 == 0)
}

fn gzip(body: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(body).expect("written to memory");
    encoder.finish().expect("written to memory")
}
