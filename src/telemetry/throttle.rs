// SPDX-License-Identifier: Apache-2.0
//! How many lines about differences are logged in a minute.

use std::cell::Cell;
use std::time::Duration;

use crate::time::Moment;

const MINUTE: Duration = Duration::from_secs(60);

/// Lets so many lines a minute through, and counts the others.
#[derive(Debug, Default)]
pub struct Throttle {
    /// When the minute began in which lines were let through.
    since: Cell<Option<Moment>>,
    let_through: Cell<u32>,
    left_out: Cell<u64>,
    /// In minutes that are over.
    unreported: Cell<u64>,
}

impl Throttle {
    /// Whether one more line may be written.
    pub fn admits(&self, now: Moment, per_minute: u32) -> bool {
        if self.since.get().is_none_or(|since| now.saturating_sub(since) >= MINUTE) {
            self.since.set(Some(now));
            self.let_through.set(0);
            self.unreported.set(self.unreported.get() + self.left_out.take());
        }
        let admitted = self.let_through.get() < per_minute;
        if admitted {
            self.let_through.set(self.let_through.get() + 1);
        } else {
            self.left_out.set(self.left_out.get() + 1);
        }
        admitted
    }

    /// Whether a line would be let through now. Counts nothing.
    pub fn has_room(&self, now: Moment, per_minute: u32) -> bool {
        let is_new = self.since.get().is_none_or(|since| now.saturating_sub(since) >= MINUTE);
        (if is_new { 0 } else { self.let_through.get() }) < per_minute
    }

    /// How many lines were left out so far. Says so once.
    pub fn take_all_left_out(&self) -> Option<u64> {
        let count = self.unreported.take() + self.left_out.take();
        (count > 0).then_some(count)
    }

    /// Whether lines were left out and nobody was told of it.
    pub fn has_unreported(&self) -> bool {
        self.unreported.get() > 0 || self.left_out.get() > 0
    }

    /// How many lines were left out in a minute that is over. Says so once.
    pub fn take_left_out(&self, now: Moment) -> Option<u64> {
        if self.since.get().is_some_and(|since| now.saturating_sub(since) >= MINUTE) {
            self.unreported.set(self.unreported.get() + self.left_out.take());
        }
        (self.unreported.get() > 0).then(|| self.unreported.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn so_many_lines_a_minute_and_a_count_of_the_rest() {
        let throttle = Throttle::default();
        let at = Duration::from_secs;
        let admitted = (100..130).filter(|second| throttle.admits(at(*second), 3)).count();
        assert_eq!(admitted, 3);
        assert_eq!(throttle.take_left_out(at(159)), None, "the minute is not over");
        assert_eq!(throttle.take_left_out(at(160)), Some(27));
        assert_eq!(throttle.take_left_out(at(160)), None);
        assert!(throttle.admits(at(160), 3));
        assert!(!throttle.admits(at(161), 1));
        assert!(!throttle.admits(at(300), 0));
        assert_eq!(throttle.take_left_out(at(301)), Some(1), "of the minute before");
        assert_eq!(throttle.take_left_out(at(360)), Some(1));
    }
}
