// SPDX-License-Identifier: Apache-2.0
//! The bytes that one worker holds for copies, under whatever configuration, and their limit.
//!
//! A request that is to be copied is charged while it is read; each copy of it from then on until the shadow
//! has answered, because Envoy keeps the copy's bytes while it is in flight.

use std::cell::Cell;
use std::rc::Rc;

/// Largest `max_buffered_bytes`, for the same reason as [`super::MAX_BODY_BYTES`].
pub const MAX_BUFFERED_BYTES: u64 = 256 << 20;

/// What a copy is charged beside its bytes, for all that is noted of it until it was answered.
pub const BOOKKEEPING: usize = 256;

/// The limit under which one configuration holds bytes.
#[derive(Debug, Clone)]
pub struct Budget {
    limit: usize,
    /// Bytes held on the worker, under whatever configuration: these are limited.
    total: Rc<Cell<usize>>,
    /// The part of them that is held under this one.
    own: Rc<Cell<usize>>,
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        Self { limit, total: Rc::default(), own: Rc::default() }
    }

    /// The budget of another configuration on the same worker.
    pub fn beside(&self, limit: usize) -> Self {
        Self { limit, total: self.total.clone(), own: Rc::default() }
    }

    /// The same budget under another limit: what is held already stays charged.
    pub fn with_limit(&self, limit: usize) -> Self {
        Self { limit, ..self.clone() }
    }

    /// Bytes held under this configuration.
    pub fn used(&self) -> usize {
        self.own.get()
    }

    /// Whether other configurations of the worker hold bytes.
    pub fn others_hold(&self) -> bool {
        self.total.get() > self.own.get()
    }

    /// Whether more than half of what may be held is held.
    pub fn is_short(&self) -> bool {
        self.total.get() > self.limit / 2
    }

    /// Bytes that may still be charged.
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.total.get())
    }

    /// A charge of nothing, to grow.
    pub fn nothing(&self) -> Charge {
        Charge { budget: self.clone(), bytes: 0 }
    }

    /// `None` if the bytes do not fit any more.
    pub fn charge(&self, bytes: usize) -> Option<Charge> {
        let mut charge = self.nothing();
        charge.grow(bytes).then_some(charge)
    }
}

/// Bytes that are held. Given back when it is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    /// A charge of nothing on the same budget.
    pub fn beside(&self) -> Self {
        self.budget.nothing()
    }

    /// Bytes by which it may still grow.
    pub fn room(&self) -> usize {
        self.budget.room()
    }

    /// Whether this many bytes more fit. Changes nothing if they do not.
    pub fn grow(&mut self, bytes: usize) -> bool {
        let Budget { limit, total, own } = &self.budget;
        let fits = bytes <= limit.saturating_sub(total.get());
        if fits {
            total.set(total.get() + bytes);
            own.set(own.get() + bytes);
            self.bytes += bytes;
        }
        fits
    }

    /// Charges this many bytes in all. Whether they fit; changes nothing if they do not.
    pub fn set(&mut self, bytes: usize) -> bool {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.grow(more),
            None => {
                self.shrink(self.bytes - bytes);
                true
            }
        }
    }

    /// Gives some of the bytes back.
    pub fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        for held in [&self.budget.total, &self.budget.own] {
            held.set(held.get().saturating_sub(bytes));
        }
        self.bytes -= bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn never_holds_more_than_the_limit_and_gives_everything_back() {
        let budget = Budget::new(10);
        let mut first = budget.charge(4).expect("fits");
        let second = budget.charge(6).expect("fits exactly");
        assert!(budget.charge(1).is_none());
        assert!(!first.grow(1));
        assert!(!first.grow(usize::MAX), "no overflow");
        assert_eq!(budget.used(), 10);
        drop(second);
        assert!(first.grow(6));
        drop(first);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_lower_limit_counts_what_is_held_already() {
        let budget = Budget::new(10);
        let held = budget.charge(8);
        let smaller = budget.with_limit(5);
        assert!(smaller.charge(1).is_none());
        drop(held);
        assert!(smaller.charge(5).is_some());
    }

    #[test]
    fn configurations_of_one_worker_share_what_they_may_hold() {
        let old = Budget::new(10);
        let held = old.charge(8);
        let new = old.beside(10);
        assert_eq!(new.room(), 2);
        assert!(new.charge(3).is_none());
        assert_eq!((old.used(), new.used()), (8, 0));
        drop(held);
        assert!(new.charge(10).is_some());
    }
}
