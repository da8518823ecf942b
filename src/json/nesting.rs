// SPDX-License-Identifier: Apache-2.0
//! The objects and lists around a place, a bit for each: without a stack and without an allocation.

use super::walk::Container;

const WORDS: usize = 16;

/// Deepest nesting that can be read.
pub const MAX_NESTING: usize = WORDS * u64::BITS as usize;

#[derive(Debug, Clone, Copy, Default)]
pub struct Nesting {
    objects: [u64; WORDS],
    depth: usize,
    /// The innermost.
    inside: Option<Container>,
}

impl Nesting {
    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn inside(&self) -> Option<Container> {
        self.inside
    }

    pub fn enter(&mut self, container: Container) {
        let bit = 1 << (self.depth % 64);
        if let Some(word) = self.objects.get_mut(self.depth / 64) {
            *word = if container == Container::Object { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
        self.inside = Some(container);
    }

    pub fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.inside = self.depth.checked_sub(1).map(|around| {
            let word = self.objects.get(around / 64).copied().unwrap_or_default();
            if word >> (around % 64) & 1 == 1 { Container::Object } else { Container::List }
        });
    }
}
