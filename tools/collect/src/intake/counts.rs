// SPDX-License-Identifier: Apache-2.0
//! What came.

use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub struct Counts {
    /// Taken for the first time.
    pub exchanges: AtomicU64,
    /// Exchanges that were sent again and had been taken.
    pub duplicates: AtomicU64,
    pub copies: AtomicU64,
    pub batches: AtomicU64,
    /// Requests that were told to come again.
    pub refused: AtomicU64,
    /// Requests that will never be taken.
    pub malformed: AtomicU64,
}

impl Counts {
    pub fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub fn of(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }
}
