// SPDX-License-Identifier: Apache-2.0
//! Elements of a list, counted by their hash. A hash has the key of this mirror and worker, so that nobody can choose elements
//! whose places are near each other: finding one takes a few looks, whatever the elements are.

use super::NoMemory;

/// Places that are made for the work of reading a byte.
const MADE: usize = 1;

#[derive(Debug, Default)]
pub struct ElementTable {
    slots: Vec<Slot>,
}

/// The elements with one hash.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    hash: [u64; 2],
    /// How many there are; 0: the place is free.
    count: u32,
    /// How many of them met their like.
    met: u32,
}

impl ElementTable {
    /// Makes room for so many elements, a part of it each time. `true` once all is there.
    pub fn make_room(&mut self, elements: usize, work: &mut usize) -> Result<bool, NoMemory> {
        // Half as many places again, so that there is always a free one near.
        let size = elements.saturating_add(elements / 2).saturating_add(1);
        if self.slots.capacity() < size {
            self.slots.try_reserve_exact(size).map_err(|_| NoMemory)?;
        }
        let more = (size - self.slots.len()).min(work.saturating_mul(MADE).max(MADE));
        *work = work.saturating_sub(more / MADE);
        self.slots.resize(self.slots.len() + more, Slot::default());
        Ok(self.slots.len() == size)
    }

    /// Counts an element. Returns where, for [`Self::take_met`].
    pub fn count(&mut self, hash: u128) -> u32 {
        let place = self.find(hash);
        if let Some(slot) = self.slots.get_mut(place) {
            slot.hash = halves(hash);
            slot.count += 1;
        }
        place as u32
    }

    /// Whether there is an element with this hash that has not met its like. It has now.
    pub fn meet(&mut self, hash: u128) -> bool {
        let place = self.find(hash);
        match self.slots.get_mut(place) {
            Some(slot) if slot.met < slot.count => {
                slot.met += 1;
                true
            }
            _ => false,
        }
    }

    /// Whether one of those that were counted here has met its like; the next time one less has.
    pub fn take_met(&mut self, place: u32) -> bool {
        match self.slots.get_mut(place as usize) {
            Some(slot) if slot.met > 0 => {
                slot.met -= 1;
                true
            }
            _ => false,
        }
    }

    pub fn held_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// Where this hash is, or the free place where it would be.
    fn find(&self, hash: u128) -> usize {
        let hash = halves(hash);
        let len = self.slots.len();
        let mut place = ((u128::from(hash[0]) * len as u128) >> 64) as usize;
        while self.slots.get(place).is_some_and(|slot| slot.count > 0 && slot.hash != hash) {
            place = if place + 1 < len { place + 1 } else { 0 };
        }
        place
    }
}

fn halves(hash: u128) -> [u64; 2] {
    [(hash >> 64) as u64, hash as u64]
}
