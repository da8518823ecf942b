// SPDX-License-Identifier: Apache-2.0
//! A keyed hash of 128 bits, by which values are taken for equal.
//!
//! Who chooses the values does not know the key and sees no hash, so that two different values have the same one by chance
//! alone: one in 2^128.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

/// What hashes of different kinds of things begin with, so that none is that of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashTag {
    Null,
    False,
    True,
    String,
    Zero,
    Number,
    /// A number that is taken as it is spelled.
    Immense,
    Element,
    Member,
    List,
    Multiset,
    Object,
}

/// Drawn at random, once for each mirror and worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HashKey([u8; 16]);

/// A hash that is fed piece by piece.
#[derive(Clone)]
pub struct Hashing(SipHasher13);

impl HashKey {
    pub fn new(key: u128) -> Self {
        Self(key.to_le_bytes())
    }

    pub fn begin(self, tag: HashTag) -> Hashing {
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write_u8(tag as u8);
        Hashing(hasher)
    }

    /// Of numbers at once.
    pub fn of(self, tag: HashTag, numbers: &[u128]) -> u128 {
        let mut hashing = self.begin(tag);
        numbers.iter().for_each(|number| hashing.feed(&number.to_le_bytes()));
        hashing.finish()
    }
}

impl Hashing {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub fn finish(&self) -> u128 {
        self.0.finish128().as_u128()
    }
}

impl std::fmt::Debug for Hashing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashing")
    }
}
