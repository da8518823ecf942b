// SPDX-License-Identifier: Apache-2.0
//! The ids that came lately, so that an exchange that is sent again is taken once.

use std::collections::HashSet;

use crate::protocol::Id;

/// Two generations of ids. The older is forgotten when the younger is full, so that between `most` and twice as many are known.
#[derive(Debug)]
pub struct Seen {
    most: usize,
    younger: HashSet<Id>,
    older: HashSet<Id>,
}

impl Seen {
    pub fn new(most: usize) -> Self {
        Self { most: most.max(1), younger: HashSet::new(), older: HashSet::new() }
    }

    /// Notes an id. `false` if it was known.
    pub fn insert(&mut self, id: Id) -> bool {
        if self.older.contains(&id) || !self.younger.insert(id) {
            return false;
        }
        if self.younger.len() >= self.most {
            self.older = std::mem::take(&mut self.younger);
        }
        true
    }

    /// Forgets an id: what it stood for was not kept.
    pub fn remove(&mut self, id: &Id) {
        self.younger.remove(id);
        self.older.remove(id);
    }

    pub fn len(&self) -> usize {
        self.younger.len() + self.older.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_ids_are_known_and_never_more_than_twice_the_bound() {
        let mut seen = Seen::new(100);
        for number in 0..10_000_u128 {
            assert!(seen.insert(number.to_be_bytes()));
            assert!(seen.len() <= 200);
            for earlier in number.saturating_sub(99)..=number {
                assert!(!seen.insert(earlier.to_be_bytes()), "{earlier} of {number}");
            }
        }
        seen.remove(&9_999_u128.to_be_bytes());
        assert!(seen.insert(9_999_u128.to_be_bytes()));
    }
}
