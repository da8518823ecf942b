// SPDX-License-Identifier: Apache-2.0
//! The head of a request: its header block, kept as the one buffer that the host gave.
//!
//! The host serializes a header map as a count, the lengths of all names and values, and then the bytes, each
//! name and value followed by NUL; numbers are little-endian `u32`. Names are in lower case.
//! Nothing is copied out of the buffer: names and values are slices of it.

pub(super) const COUNT_SIZE: usize = 4;
pub(super) const LENGTHS_SIZE: usize = 8;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head {
    block: Vec<u8>,
    count: usize,
}

impl Head {
    /// `None` if the block is not whole.
    pub fn from_block(block: Vec<u8>) -> Option<Self> {
        let (count, rest) = block.split_first_chunk::<COUNT_SIZE>()?;
        let count = to_len(*count);
        let lengths = rest.get(..count.checked_mul(LENGTHS_SIZE)?)?;
        let mut bytes = rest.get(lengths.len()..)?.len();
        for pair in lengths.chunks_exact(LENGTHS_SIZE) {
            let (name, value) = lengths_of(pair)?;
            bytes = bytes.checked_sub(name.checked_add(value)?.checked_add(2)?)?;
        }
        Some(Self { block, count })
    }

    /// How many headers there are, pseudo-headers included.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Size of the block in bytes.
    pub fn size(&self) -> usize {
        self.block.len()
    }

    /// Names and values, in order.
    pub fn iter(&self) -> Headers<'_> {
        let (lengths, bytes) = self.parts();
        Headers { lengths, bytes }
    }

    /// The serialized lengths of all names and values, and the bytes behind them.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        let rest = self.block.get(COUNT_SIZE..).unwrap_or_default();
        rest.split_at_checked(self.count * LENGTHS_SIZE).unwrap_or_default()
    }

    /// The first value under a name, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().find(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
    }

    /// Every value under a name, which is in lower case.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
    }
}

/// The headers of a [`Head`].
#[derive(Debug, Clone)]
pub struct Headers<'a> {
    lengths: &'a [u8],
    bytes: &'a [u8],
}

impl Headers<'_> {
    /// Bytes of the names and values that are still to come.
    pub(super) fn rest(&self) -> usize {
        self.bytes.len()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (pair, lengths) = self.lengths.split_at_checked(LENGTHS_SIZE)?;
        let (name_len, value_len) = lengths_of(pair)?;
        let (name, rest) = self.bytes.split_at_checked(name_len)?;
        let (value, rest) = rest.get(1..)?.split_at_checked(value_len)?;
        self.lengths = lengths;
        self.bytes = rest.get(1..)?;
        Some((name, value))
    }
}

fn lengths_of(pair: &[u8]) -> Option<(usize, usize)> {
    let (name, value) = pair.split_first_chunk::<4>()?;
    let (value, _) = value.split_first_chunk::<4>()?;
    Some((to_len(*name), to_len(*value)))
}

fn to_len(bytes: [u8; 4]) -> usize {
    // Lossless: a size has at least 32 bits on every target.
    u32::from_le_bytes(bytes) as usize
}

/// Whether a comma-separated list has a token, whatever its case.
pub fn lists(list: &[u8], token: &[u8]) -> bool {
    tokens(list).any(|item| item.eq_ignore_ascii_case(token))
}

/// The tokens of a comma-separated list, trimmed.
pub fn tokens(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::block;
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    pub(crate) fn head(headers: &[(&str, &str)]) -> Head {
        let headers: Vec<(&[u8], &[u8])> =
            headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
        Head::from_block(block(&headers)).expect("a whole block")
    }

    #[test]
    fn gives_headers_back_in_order_byte_for_byte() {
        let headers: &[(&[u8], &[u8])] =
            &[(b":path", b"/"), (b"x", b"\xff\x00\x80"), (b"x", b""), (b"", b"v"), (b"a", b"b")];
        let head = Head::from_block(block(headers)).expect("a whole block");
        assert_eq!(head.iter().collect::<Vec<_>>(), headers);
        assert_eq!(head.count(), 5);
        assert_eq!(head.get("x"), Some(&b"\xff\x00\x80"[..]));
        assert_eq!(head.get("y"), None);
    }

    #[test]
    fn refuses_every_block_that_is_cut() {
        let whole = block(&[(b":path", b"/"), (b"x", b"value")]);
        assert!(Head::from_block(whole.clone()).is_some());
        for end in 0..whole.len() {
            assert_eq!(Head::from_block(whole[..end].to_vec()), None, "cut at {end}");
        }
    }

    #[test]
    fn refuses_lengths_beyond_the_address_space() {
        let mut lying = block(&[(b"x", b"y")]);
        lying[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Head::from_block(lying), None);
        let mut lying = block(&[(b"x", b"y")]);
        lying[4..12].fill(0xff);
        assert_eq!(Head::from_block(lying), None);
    }

    #[test]
    fn finds_tokens_of_a_list() {
        assert!(lists(b"keep-alive, Upgrade", b"upgrade"));
        assert!(!lists(b"upgraded", b"upgrade"));
        assert_eq!(tokens(b" a ,,b,").collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
