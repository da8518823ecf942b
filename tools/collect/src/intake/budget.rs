// SPDX-License-Identifier: Apache-2.0
//! The bytes that are held at once, of all senders together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Clones share the bound.
#[derive(Clone, Debug)]
pub struct Budget {
    held: Arc<AtomicUsize>,
    most: usize,
}

impl Budget {
    pub fn new(most: usize) -> Self {
        Self { held: Arc::default(), most }
    }

    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// A charge of nothing, to be grown.
    pub fn open(&self) -> Charge {
        Charge { budget: self.clone(), bytes: 0 }
    }
}

/// Bytes that are held. They are given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    /// `false`, and nothing is charged, if there is no room.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let most = self.budget.most;
        let fits = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= most);
        let grown = self.budget.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
