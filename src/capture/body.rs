// SPDX-License-Identifier: Apache-2.0
//! A body while it is read, of a request or of an answer: one buffer, however many mirrors want it.
//!
//! Never longer than its cap and never beyond the worker's budget. Where it would be, the bytes are given up and
//! the primary goes on.

use super::Charge;

/// Largest `body.max_bytes`. The linear memory of a VM ends at 1 GiB, never shrinks, and must hold a buffer twice while it
/// grows or is redacted.
pub const MAX_BODY_BYTES: u64 = 256 << 20;

/// What a copy takes of the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyPolicy {
    /// Copies never have a body.
    None,
    Full {
        max_bytes: usize,
        on_overflow: OnOverflow,
    },
}

/// What happens to a copy whose body is over the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOverflow {
    Skip,
    HeadersOnly,
}

impl Default for BodyPolicy {
    fn default() -> Self {
        Self::Full { max_bytes: 1 << 20, on_overflow: OnOverflow::Skip }
    }
}

/// What a growing buffer takes at once at least, so that a dripped body is not reallocated byte by byte.
const MIN_GROWTH: usize = 4096;

#[derive(Debug)]
pub struct Capture {
    bytes: Vec<u8>,
    charge: Charge,
}

/// The worker holds as many bytes as it may.
#[derive(Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl Capture {
    /// Starts with a charge to which the body's bytes are added.
    pub fn new(charge: Charge) -> Self {
        Self { bytes: Vec::new(), charge }
    }

    /// Adds a chunk of this length, which `read` fetches if there is room for it. Whether that went well: `read` may give
    /// `None`, or less than the chunk.
    pub fn take(&mut self, len: usize, cap: usize, read: impl FnOnce() -> Option<Vec<u8>>) -> bool {
        let spare = self.bytes.capacity() - self.bytes.len();
        len.saturating_sub(spare) <= self.charge.room()
            && read().is_some_and(|chunk| chunk.len() == len && self.push(chunk, cap).is_ok())
    }

    /// Adds a chunk. `cap` is the most that the body may become: it bounds how far the buffer grows ahead.
    ///
    /// # Errors
    /// If the budget does not allow it, or the VM has no more memory; the capture is as it was.
    pub fn push(&mut self, chunk: Vec<u8>, cap: usize) -> Result<(), OutOfMemory> {
        if self.bytes.is_empty() {
            // Most bodies are one chunk, which is then kept as the host allocated it.
            let growth = chunk.capacity().saturating_sub(self.bytes.capacity());
            return if self.charge.grow(growth) {
                self.bytes = chunk;
                Ok(())
            } else {
                Err(OutOfMemory)
            };
        }
        let needed = self.bytes.len().saturating_add(chunk.len());
        let capacity = self.bytes.capacity();
        if needed > capacity {
            let ahead = capacity.saturating_mul(2).max(MIN_GROWTH).min(cap);
            // Near the end of the budget all that is left, at once: growing by each chunk would copy the body each time.
            let ahead = ahead.min(capacity.saturating_add(self.charge.room())).max(needed);
            if !self.charge.grow(ahead - capacity) {
                return Err(OutOfMemory);
            }
            if self.bytes.try_reserve_exact(ahead - self.bytes.len()).is_err() {
                self.charge.shrink(ahead - capacity);
                return Err(OutOfMemory);
            }
        }
        self.bytes.extend_from_slice(&chunk);
        Ok(())
    }

    /// Gives the body up. The charge it was started with stays.
    pub fn clear(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.charge.shrink(bytes.capacity());
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The body. The charge ends here.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The body, and the charge under which it is held.
    pub fn into_parts(self) -> (Vec<u8>, Charge) {
        (self.bytes, self.charge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Budget;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn joins_chunks_and_charges_what_the_buffer_takes() {
        let budget = Budget::new(100_000);
        let mut capture = Capture::new(budget.charge(0).expect("fits"));
        for _ in 0..10_000 {
            assert_eq!(capture.push(b"ab".to_vec(), 30_000), Ok(()));
        }
        assert!((20_000..=30_000).contains(&budget.used()), "{}", budget.used());
        assert_eq!(capture.into_bytes(), b"ab".repeat(10_000));
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_single_chunk_is_kept_and_not_copied() {
        let budget = Budget::new(100);
        let mut capture = Capture::new(budget.charge(0).expect("fits"));
        let chunk = vec![7; 100];
        let address = chunk.as_ptr();
        assert_eq!(capture.push(chunk, 100), Ok(()));
        assert_eq!(budget.used(), 100);
        let bytes = capture.into_bytes();
        assert_eq!(bytes.as_ptr(), address);
    }

    #[test]
    fn takes_what_is_left_where_it_cannot_double() {
        let budget = Budget::new(100_000);
        let mut capture = Capture::new(budget.charge(1000).expect("fits"));
        for _ in 0..99 {
            assert_eq!(capture.push(vec![0; 1000], 100_000), Ok(()));
        }
        assert_eq!(capture.push(vec![0; 1000], 100_000), Err(OutOfMemory));
        assert_eq!(budget.used(), 100_000);
    }

    #[test]
    fn takes_what_fits_into_room_that_is_charged_already() {
        let budget = Budget::new(8192);
        let mut capture = Capture::new(budget.charge(0).expect("fits"));
        assert!(capture.take(4000, 1 << 20, || Some(vec![0; 4000])));
        assert!(capture.take(4000, 1 << 20, || Some(vec![0; 4000])));
        let room = budget.room();
        assert!(capture.take(192, 1 << 20, || Some(vec![0; 192])), "{room} bytes of room");
        let mut asked = false;
        assert!(!capture.take(1, 1 << 20, || {
            asked = true;
            None
        }));
        assert!(!asked, "there is no room for it");
    }

    #[test]
    fn stops_at_the_budget() {
        let budget = Budget::new(5000);
        let mut capture = Capture::new(budget.charge(1000).expect("fits"));
        assert_eq!(capture.push(vec![0; 3000], 1 << 20), Ok(()));
        assert_eq!(capture.push(vec![0; 3000], 1 << 20), Err(OutOfMemory));
        assert_eq!(budget.used(), 4000);
    }
}
