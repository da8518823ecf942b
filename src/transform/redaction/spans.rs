// SPDX-License-Identifier: Apache-2.0
//! Which parts of a text are replaced, in their order: written down in as few bytes as can be, so that they are never more
//! than the text, and in segments, so that more of them never means to move those that are there.

use super::RedactError;

/// Bytes of a segment. The first grows up to it.
const SEGMENT: usize = 16 << 10;
/// Most bytes of three numbers.
const LONGEST: usize = 3 * (usize::BITS as usize).div_ceil(7);

#[derive(Debug, Default)]
pub struct Spans {
    segments: Vec<Vec<u8>>,
    /// Where the last one ends.
    end: usize,
}

/// Gives spans back, and their memory as it goes.
#[derive(Debug)]
pub struct SpanReader {
    spans: Spans,
    segment: usize,
    at: usize,
    /// Where the last one that was given ends.
    end: usize,
}

impl Spans {
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Where the last one ends.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Adds one behind the last. `text` says what stands for it; 0 takes no room.
    pub fn push(&mut self, start: usize, end: usize, text: usize) -> Result<(), RedactError> {
        let full = self.segments.last().is_none_or(|segment| segment.len() + LONGEST > SEGMENT);
        if full {
            self.segments.try_reserve(1).map_err(|_| RedactError::OutOfMemory)?;
            let mut segment = Vec::new();
            let size = if self.segments.is_empty() { 2 * LONGEST } else { SEGMENT };
            segment.try_reserve_exact(size).map_err(|_| RedactError::OutOfMemory)?;
            self.segments.push(segment);
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.try_reserve(LONGEST).map_err(|_| RedactError::OutOfMemory)?;
            put(segment, start.saturating_sub(self.end));
            put(segment, end.saturating_sub(start) << 1 | usize::from(text != 0));
            if text != 0 {
                put(segment, text);
            }
        }
        self.end = end;
        Ok(())
    }

    pub fn held_bytes(&self) -> usize {
        self.segments.iter().map(Vec::capacity).sum()
    }

    pub fn into_reader(self) -> SpanReader {
        SpanReader { spans: self, segment: 0, at: 0, end: 0 }
    }
}

impl SpanReader {
    /// Where the next one begins and ends, and the text that stands for it.
    pub fn next(&mut self) -> Option<(usize, usize, usize)> {
        if self.spans.segments.get(self.segment)?.len() <= self.at {
            *self.spans.segments.get_mut(self.segment)? = Vec::new();
            (self.segment, self.at) = (self.segment + 1, 0);
        }
        let start = self.end + self.take()?;
        let length = self.take()?;
        let text = if length & 1 == 0 { 0 } else { self.take()? };
        self.end = start + (length >> 1);
        Some((start, self.end, text))
    }

    pub fn held_bytes(&self) -> usize {
        self.spans.held_bytes()
    }

    fn take(&mut self) -> Option<usize> {
        let segment = self.spans.segments.get(self.segment)?;
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = *segment.get(self.at)?;
            self.at += 1;
            number |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
            shift += 7;
        }
    }
}

/// Seven bits in each byte, the lowest first; the top bit says that there are more.
fn put(segment: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        segment.push(number as u8 | 0x80);
        number >>= 7;
    }
    segment.push(number as u8);
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn what_was_put_in_comes_out(
            lengths in proptest::collection::vec((0..usize::MAX >> 24, 0..300usize, 0..200usize), 0..40),
            repeated in 1..600usize,
        ) {
            let mut spans = Spans::default();
            let mut expected = Vec::new();
            for (gap, len, text) in lengths.repeat(repeated) {
                let start = spans.end() + (gap >> (gap % 40));
                spans.push(start, start + len, text).expect("memory");
                expected.push((start, start + len, text));
            }
            proptest::prop_assert!(spans.held_bytes() < expected.len() * LONGEST + SEGMENT);
            let mut reader = spans.into_reader();
            let found: Vec<_> = std::iter::from_fn(|| reader.next()).collect();
            proptest::prop_assert_eq!(found, expected);
            proptest::prop_assert_eq!(reader.held_bytes(), 0);
        }
    }
}
