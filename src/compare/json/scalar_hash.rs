// SPDX-License-Identifier: Apache-2.0
//! The hash of a string or number: of the characters that it stands for, or of its value.

use std::task::Poll;

use super::tree::{NodeKind, View};
use crate::compare::hash::{HashKey, HashTag, Hashing};
use crate::compare::number::Decimal;
use crate::json::Characters;

/// Bytes that are hashed for the work of reading one.
const HASHED: usize = 2;
/// Bytes that are hashed at once.
const MOST: usize = 1 << 20;
/// Work of a byte behind escapes, and of a digit.
const CHARACTER: usize = 4;
/// So many of these are hashed at once.
const CHUNK: usize = 64;

/// A string, name or number of which the hash is looked for.
#[derive(Debug)]
pub struct ScalarHash {
    node: u32,
    stage: ScalarStage,
}

#[derive(Debug)]
enum ScalarStage {
    Begin,
    /// Bytes as they are, from this place on.
    Plain(Hashing, usize),
    Escaped(Hashing, Characters),
    Measure(Decimal),
    Digits(Hashing, Decimal, usize),
}

impl ScalarHash {
    pub fn new(node: u32) -> Self {
        Self { node, stage: ScalarStage::Begin }
    }

    /// Continues; a step gets on, whatever work it may do.
    pub fn step(&mut self, key: HashKey, view: View, work: &mut usize) -> Poll<u128> {
        let Some(node) = view.node(self.node) else { return Poll::Ready(0) };
        let is_string = node.kind == NodeKind::String;
        let text = if is_string { view.spelled(node) } else { view.text_of(node) };
        loop {
            match &mut self.stage {
                ScalarStage::Begin => {
                    self.stage = match (is_string, node.escaped) {
                        (true, false) => ScalarStage::Plain(key.begin(HashTag::String), 0),
                        (true, true) => {
                            ScalarStage::Escaped(key.begin(HashTag::String), Characters::default())
                        }
                        (false, _) => ScalarStage::Measure(Decimal::default()),
                    };
                }
                ScalarStage::Plain(hashing, at) => {
                    let rest = text.get(*at..).unwrap_or_default();
                    let part = rest.get(..work.saturating_mul(HASHED).clamp(HASHED, MOST)).unwrap_or(rest);
                    hashing.feed(part);
                    *at += part.len();
                    *work = work.saturating_sub(part.len() / HASHED);
                    if part.len() == rest.len() {
                        return Poll::Ready(hashing.finish());
                    }
                }
                ScalarStage::Escaped(hashing, characters) => {
                    if feed(hashing, work, || characters.next(text)) {
                        return Poll::Ready(hashing.finish());
                    }
                }
                ScalarStage::Measure(decimal) => {
                    if decimal.read(text, work) {
                        self.stage = match measured(key, decimal) {
                            Measured::Zero => return Poll::Ready(key.of(HashTag::Zero, &[])),
                            Measured::Immense => ScalarStage::Plain(key.begin(HashTag::Immense), 0),
                            Measured::Scaled(hashing, first) => ScalarStage::Digits(hashing, *decimal, first),
                        };
                    }
                }
                ScalarStage::Digits(hashing, decimal, at) => {
                    if feed(hashing, work, || decimal.digit(text, at)) {
                        return Poll::Ready(hashing.finish());
                    }
                }
            }
            if *work == 0 {
                return Poll::Pending;
            }
        }
    }
}

enum Measured {
    Zero,
    /// An exponent beyond all measure: such numbers are equal only if they are spelled alike.
    Immense,
    Scaled(Hashing, usize),
}

fn measured(key: HashKey, decimal: &Decimal) -> Measured {
    let Some(first) = decimal.first_digit() else { return Measured::Zero };
    let Some((negative, exponent)) = decimal.scale() else { return Measured::Immense };
    let mut hashing = key.begin(HashTag::Number);
    hashing.feed(&[u8::from(negative)]);
    hashing.feed(&exponent.to_le_bytes());
    Measured::Scaled(hashing, first)
}

/// Hashes what comes next. `true` if that was the last.
fn feed(hashing: &mut Hashing, work: &mut usize, mut next: impl FnMut() -> Option<u8>) -> bool {
    let mut chunk = [0; CHUNK];
    let mut len = 0;
    for (byte, place) in std::iter::from_fn(&mut next).zip(&mut chunk) {
        *place = byte;
        len += 1;
    }
    *work = work.saturating_sub((len + 1) * CHARACTER);
    hashing.feed(chunk.get(..len).unwrap_or_default());
    len < CHUNK
}
