// SPDX-License-Identifier: Apache-2.0
//! What is kept under a number that the host gives: contexts, and copies in flight.
//!
//! The host counts up, so that the low bits of the numbers in use hardly meet: a slot for each number of them, and the next free one
//! where two do meet. A tree does the same with several times the instructions and touches more memory.

/// Values by number.
#[derive(Debug)]
pub struct Table<T> {
    /// A power of two, at least twice as many as there are values; or none.
    slots: Vec<Option<(u32, T)>>,
    len: usize,
}

const MIN_SLOTS: usize = 16;

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { slots: Vec::new(), len: 0 }
    }
}

impl<T> Table<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn get(&self, id: u32) -> Option<&T> {
        let place = self.find(id)?;
        self.slots.get(place)?.as_ref().map(|(_, value)| value)
    }

    pub fn get_mut(&mut self, id: u32) -> Option<&mut T> {
        let place = self.find(id)?;
        self.slots.get_mut(place)?.as_mut().map(|(_, value)| value)
    }

    /// Keeps a value, and gives the one that was there under this number.
    pub fn insert(&mut self, id: u32, value: T) -> Option<T> {
        if let Some(known) = self.get_mut(id) {
            return Some(std::mem::replace(known, value));
        }
        if self.slots.len() < (self.len + 1) * 2 {
            self.grow();
        }
        self.put(id, value);
        self.len += 1;
        None
    }

    pub fn remove(&mut self, id: u32) -> Option<T> {
        let place = self.find(id)?;
        let (_, value) = self.slots.get_mut(place)?.take()?;
        self.len -= 1;
        // Those behind it may have been put there for want of this slot.
        let mut next = self.after(place);
        while let Some((id, value)) = self.slots.get_mut(next).and_then(Option::take) {
            self.put(id, value);
            next = self.after(next);
        }
        Some(value)
    }

    /// Every value with its number, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.slots.iter().flatten().map(|(id, value)| (*id, value))
    }

    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten().map(|(_, value)| value)
    }

    fn home(&self, id: u32) -> usize {
        id as usize & self.slots.len().wrapping_sub(1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & self.slots.len().wrapping_sub(1)
    }

    fn find(&self, id: u32) -> Option<usize> {
        let mut place = self.home(id);
        // Ends at a free slot: half of them are.
        while let Some((found, _)) = self.slots.get(place)? {
            if *found == id {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    /// Puts a value of which the number is not there into the first free slot.
    fn put(&mut self, id: u32, value: T) {
        let mut place = self.home(id);
        while self.slots.get(place).is_some_and(Option::is_some) {
            place = self.after(place);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some((id, value));
        }
    }

    #[cold]
    fn grow(&mut self) {
        let slots = self.slots.len().saturating_mul(2).max(MIN_SLOTS);
        let mut larger = Vec::with_capacity(slots);
        larger.resize_with(slots, || None);
        let smaller = std::mem::replace(&mut self.slots, larger);
        smaller.into_iter().flatten().for_each(|(id, value)| self.put(id, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn numbers_that_meet_are_told_apart() {
        let mut table = Table::default();
        for id in [1, 17, 33, 2, u32::MAX] {
            assert_eq!(table.insert(id, id), None);
        }
        assert_eq!(table.insert(17, 99), Some(17));
        assert_eq!(table.remove(1), Some(1));
        assert_eq!((table.get(17), table.get(33), table.get(1)), (Some(&99), Some(&33), None));
        assert_eq!(table.len(), 4);
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn is_a_map(steps in proptest::collection::vec((0..3u8, 0..64u32, 0..100u32), 0..300)) {
            let (mut table, mut model) = (Table::default(), std::collections::BTreeMap::new());
            for (step, id, value) in steps {
                match step {
                    0 => proptest::prop_assert_eq!(table.insert(id, value), model.insert(id, value)),
                    1 => proptest::prop_assert_eq!(table.remove(id), model.remove(&id)),
                    _ => proptest::prop_assert_eq!(table.get(id), model.get(&id)),
                }
                proptest::prop_assert_eq!(table.len(), model.len());
            }
            let mut all: Vec<_> = table.iter().map(|(id, value)| (id, *value)).collect();
            all.sort_unstable();
            proptest::prop_assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        }
    }
}
