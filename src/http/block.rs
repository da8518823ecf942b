// SPDX-License-Identifier: Apache-2.0
//! Header blocks as the host takes them: made of pairs, or of a request's block with changes.

use super::Head;
use super::head::{COUNT_SIZE, LENGTHS_SIZE};

/// A name and a value.
type NameValue<'a> = (&'a [u8], &'a [u8]);

/// Serializes headers in the way of the host.
pub fn block(headers: &[NameValue]) -> Vec<u8> {
    let size = headers.iter().fold(COUNT_SIZE, |sum, pair| sum.saturating_add(size_of(pair)));
    let mut block = Vec::with_capacity(size);
    put(&mut block, headers.len());
    headers.iter().for_each(|pair| put_lengths(&mut block, pair));
    headers.iter().for_each(|pair| put_bytes(&mut block, pair));
    block
}

/// The headers of a request with changes. What stays is not looked at again: runs of headers are copied as they are in the
/// request's block.
#[derive(Debug)]
pub struct EditedBlock<'a> {
    head: &'a Head,
    changes: Vec<Change<'a>>,
    added: Vec<NameValue<'a>>,
}

/// A header of the request that goes, or gets another value.
#[derive(Debug)]
struct Change<'a> {
    index: usize,
    /// Where its name begins and its value ends among the bytes of the block.
    start: usize,
    end: usize,
    name: &'a [u8],
    value: Option<&'a [u8]>,
}

/// What becomes of a header of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate<'a> {
    Stays,
    Goes,
    /// It has this value then.
    Becomes(&'a [u8]),
}

impl<'a> EditedBlock<'a> {
    /// Asks for the fate of each header, in order. At most `added` headers are put behind them later.
    pub fn of(head: &'a Head, added: usize, mut fate: impl FnMut(&'a [u8], &'a [u8]) -> Fate<'a>) -> Self {
        let mut changes = Vec::new();
        let mut headers = head.iter();
        let whole = headers.rest();
        for index in 0..head.count() {
            let start = whole.saturating_sub(headers.rest());
            let Some((name, value)) = headers.next() else { break };
            let value = match fate(name, value) {
                Fate::Stays => continue,
                Fate::Goes => None,
                Fate::Becomes(value) => Some(value),
            };
            changes.push(Change { index, start, end: whole.saturating_sub(headers.rest()), name, value });
        }
        Self { head, changes, added: Vec::with_capacity(added) }
    }

    /// Puts headers behind all others.
    pub fn add(&mut self, headers: impl IntoIterator<Item = NameValue<'a>>) {
        self.added.extend(headers);
    }

    /// How many headers there are.
    pub fn count(&self) -> usize {
        let gone = self.changes.iter().filter(|change| change.value.is_none()).count();
        self.head.count().saturating_sub(gone).saturating_add(self.added.len())
    }

    /// Size of the block in bytes.
    pub fn size(&self) -> usize {
        let old = self.changes.iter().fold(0, |sum: usize, change| {
            sum.saturating_add(change.end.saturating_sub(change.start)).saturating_add(LENGTHS_SIZE)
        });
        let new = self.changes.iter().filter_map(Change::pair).chain(self.added.iter().copied());
        let new = new.fold(0, |sum: usize, pair| sum.saturating_add(size_of(&pair)));
        self.head.size().saturating_sub(old).saturating_add(new)
    }

    /// Names and values, in order.
    pub fn headers(&self) -> impl Iterator<Item = NameValue<'a>> {
        let mut changes = self.changes.iter().peekable();
        let kept = self.head.iter().enumerate().filter_map(move |(index, pair)| {
            match changes.next_if(|change| change.index == index) {
                Some(change) => change.pair(),
                None => Some(pair),
            }
        });
        kept.chain(self.added.iter().copied())
    }

    /// The headers as the host takes them.
    pub fn to_block(&self) -> Vec<u8> {
        let (lengths, bytes) = self.head.parts();
        let mut block = Vec::with_capacity(self.size());
        put(&mut block, self.count());
        let mut from = 0;
        for change in &self.changes {
            let run = from * LENGTHS_SIZE..change.index * LENGTHS_SIZE;
            block.extend_from_slice(lengths.get(run).unwrap_or_default());
            change.pair().iter().for_each(|pair| put_lengths(&mut block, pair));
            from = change.index + 1;
        }
        block.extend_from_slice(lengths.get(from * LENGTHS_SIZE..).unwrap_or_default());
        self.added.iter().for_each(|pair| put_lengths(&mut block, pair));
        from = 0;
        for change in &self.changes {
            block.extend_from_slice(bytes.get(from..change.start).unwrap_or_default());
            change.pair().iter().for_each(|pair| put_bytes(&mut block, pair));
            from = change.end;
        }
        block.extend_from_slice(bytes.get(from..).unwrap_or_default());
        self.added.iter().for_each(|pair| put_bytes(&mut block, pair));
        block
    }
}

impl<'a> Change<'a> {
    /// What it is then, if it is still there.
    fn pair(&self) -> Option<NameValue<'a>> {
        Some((self.name, self.value?))
    }
}

/// Bytes of a pair in a block.
fn size_of((name, value): &NameValue) -> usize {
    name.len().saturating_add(value.len()).saturating_add(LENGTHS_SIZE + 2)
}

fn put(block: &mut Vec<u8>, number: usize) {
    block.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_lengths(block: &mut Vec<u8>, (name, value): &NameValue) {
    put(block, name.len());
    put(block, value.len());
}

fn put_bytes(block: &mut Vec<u8>, (name, value): &NameValue) {
    for part in [name, value] {
        block.extend_from_slice(part);
        block.push(0);
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(b"".to_vec()),
            Just(b"a".to_vec()),
            Just(b":path".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6)
        ]
    }

    proptest! {
        #[test]
        fn is_the_block_of_the_headers_that_are_left(
            headers in proptest::collection::vec((name(), name(), 0..3u8, name()), 0..12),
            added in proptest::collection::vec((name(), name()), 0..3),
        ) {
            let request: Vec<NameValue> = headers.iter().map(|(name, value, ..)| (&**name, &**value)).collect();
            let head = Head::from_block(block(&request)).expect("a whole block");
            let mut fates = headers.iter();
            let mut edited = EditedBlock::of(&head, added.len(), |_, _| match fates.next() {
                Some((.., 0, _)) | None => Fate::Stays,
                Some((.., 1, _)) => Fate::Goes,
                Some((.., value)) => Fate::Becomes(value),
            });
            edited.add(added.iter().map(|(name, value)| (&**name, &**value)));
            let left = headers.iter().filter(|(.., fate, _)| *fate != 1);
            let left = left.map(|(name, old, fate, new)| (&**name, if *fate == 0 { &**old } else { &**new }));
            let expected: Vec<NameValue> = left.chain(added.iter().map(|(name, value)| (&**name, &**value))).collect();
            prop_assert_eq!(edited.headers().collect::<Vec<_>>(), expected.clone());
            prop_assert_eq!(edited.count(), expected.len());
            prop_assert_eq!(edited.size(), block(&expected).len());
            prop_assert_eq!(edited.to_block(), block(&expected));
        }
    }
}
