// SPDX-License-Identifier: Apache-2.0
//! One timer for each root, as in Envoy: it runs again after each tick, and outlives its root if nobody stops it.

use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Default)]
pub struct Timers {
    by_root: BTreeMap<u32, Timer>,
    ticks: usize,
}

struct Timer {
    period: Duration,
    due: Duration,
}

impl Timers {
    /// Zero stops the timer.
    pub fn set(&mut self, root: u32, period: Duration, now: Duration) {
        if period.is_zero() {
            self.by_root.remove(&root);
        } else {
            self.by_root.insert(root, Timer { period, due: now + period });
        }
    }

    /// The timer that is due first, at `end` at the latest.
    pub fn first_due(&self, end: Duration) -> Option<(u32, Duration)> {
        let (root, timer) = self.by_root.iter().min_by_key(|(_, timer)| timer.due)?;
        (timer.due <= end).then_some((*root, timer.due))
    }

    /// A tick has ended.
    pub fn rearm(&mut self, root: u32, now: Duration) {
        self.ticks += 1;
        if let Some(timer) = self.by_root.get_mut(&root) {
            timer.due = now + timer.period;
        }
    }

    pub fn runs(&self, root: u32) -> bool {
        self.by_root.contains_key(&root)
    }

    pub fn period(&self, root: u32) -> Option<Duration> {
        self.by_root.get(&root).map(|timer| timer.period)
    }

    /// Ticks of all roots so far.
    pub fn ticks(&self) -> usize {
        self.ticks
    }
}
