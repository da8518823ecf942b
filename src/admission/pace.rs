// SPDX-License-Identifier: Apache-2.0
//! When copies leave and when sums are told: the one policy for a worker's timer.
//!
//! Few copies are sent one by one, each in its request's callback: a timer that fires for one copy wakes the worker once
//! more, and that costs more than the sending. Many copies are sent from the timer in batches, which is cheaper for each
//! and takes the work out of the requests' way. Sums wait for a slow tick. Where nothing waits there is no timer.

use std::time::Duration;

use crate::time::Moment;

/// Period of the ticks while work is left over. Envoy's timers have no finer one, and may be late by as much again.
const FAST_PERIOD: Duration = Duration::from_millis(1);

/// A copy waits at most so long for the tick that sends it, but for work that is left over.
pub const LONGEST_BATCH: Duration = Duration::from_millis(8);

/// How many copies a tick sends at most, on average, and half of them at least: with fewer the tick itself is most of the cost.
const BATCH: u32 = 8;

/// Time from one flush of the sums to the next. An event waits twice as long at most, and that must be under a second.
pub const FLUSH_PERIOD: Duration = Duration::from_millis(400);

/// Copies between two flushes above which they are sent in batches: 500 a second.
const DENSE: u32 = 200;

/// How often the timer fires.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tempo {
    /// Nothing waits.
    #[default]
    Idle,
    /// Sums wait for a flush.
    Slow,
    /// Copies or answers wait, or several did at the last tick.
    Batches,
    /// A tick has left work over.
    Fast,
}

/// What the worker has to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Copies to send or to redact, or pairs to compare.
    pub work: bool,
    /// Sums or log lines that the host does not have yet.
    pub news: bool,
}

#[derive(Debug)]
pub struct Pace {
    /// What the host's timer is set to: a tempo, and its period.
    tempo: Tempo,
    period: Duration,
    /// Period of the ticks that send batches, fit for the copies of the last window.
    batch: Duration,
    /// What the clock showed when it was last read.
    seen: Moment,
    last_flush: Moment,
    /// Copies made since the last flush.
    copies: u32,
    dense: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tempo: Tempo::Idle,
            period: Duration::ZERO,
            batch: FAST_PERIOD,
            seen: Moment::default(),
            last_flush: Moment::default(),
            copies: 0,
            dense: false,
        }
    }
}

impl Pace {
    /// Zero stops the timer.
    pub fn period(&self, tempo: Tempo) -> Duration {
        match tempo {
            Tempo::Idle => Duration::ZERO,
            Tempo::Slow => FLUSH_PERIOD,
            Tempo::Batches => self.batch,
            Tempo::Fast => FAST_PERIOD,
        }
    }

    /// The clock was read.
    pub fn saw(&mut self, now: Moment) {
        self.seen = now;
    }

    /// What the clock showed when it was last read. While copies come, that was just now.
    pub fn seen(&self) -> Moment {
        self.seen
    }

    pub fn copy_made(&mut self) {
        self.copies = self.copies.saturating_add(1);
        self.dense |= self.copies > DENSE;
    }

    /// Whether copies come so rarely that each is sent as soon as it is made.
    pub fn sends_at_once(&self) -> bool {
        !self.dense
    }

    /// Whether a tick should tell the sums.
    pub fn flush_is_due(&self) -> bool {
        self.tempo == Tempo::Slow || self.seen.saturating_sub(self.last_flush) >= FLUSH_PERIOD
    }

    /// The sums were told.
    pub fn flushed(&mut self) {
        self.dense = self.copies > DENSE;
        self.batch = batch_period(self.copies, self.seen.saturating_sub(self.last_flush));
        self.last_flush = self.seen;
        self.copies = 0;
    }

    /// What the timer must be set to so that what waits is done in time; `None` if it may stay.
    pub fn faster(&self, waiting: Waiting) -> Option<Tempo> {
        let tempo = match waiting {
            Waiting { work: true, .. } => Tempo::Batches,
            Waiting { news: true, .. } => Tempo::Slow,
            Waiting { .. } => Tempo::Idle,
        };
        Some(tempo).filter(|tempo| *tempo > self.tempo)
    }

    /// What the timer should be set to after a tick that sent so many copies; `None` if it should stay. After several
    /// copies more are expected; where one comes now and then, a tick that finds nothing would cost as much as the one
    /// that sent it.
    pub fn after_tick(&self, sent: usize, waiting: Waiting) -> Option<Tempo> {
        let tempo = match waiting {
            Waiting { work: true, .. } => Tempo::Fast,
            Waiting { .. } if sent > 1 => Tempo::Batches,
            Waiting { news: true, .. } => Tempo::Slow,
            Waiting { .. } => Tempo::Idle,
        };
        Some(tempo).filter(|tempo| *tempo != self.tempo || self.period(*tempo) != self.period)
    }

    /// The host's timer was set.
    pub fn timer_set(&mut self, tempo: Tempo) {
        self.tempo = tempo;
        self.period = self.period(tempo);
    }

    pub fn is_ticking(&self) -> bool {
        self.tempo != Tempo::Idle
    }
}

/// The longest period of 1, 2, 4 or 8 ms in which no more copies come than a batch has. Few copies do not wait for others.
fn batch_period(copies: u32, window: Duration) -> Duration {
    let window = window.max(FLUSH_PERIOD);
    let fits = |period: &Duration| period.saturating_mul(copies) <= window.saturating_mul(BATCH);
    let periods = std::iter::successors(Some(LONGEST_BATCH), |longer| Some(*longer / 2));
    if copies > DENSE { periods.take(3).find(fits).unwrap_or(FAST_PERIOD) } else { FAST_PERIOD }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    const WORK: Waiting = Waiting { work: true, news: true };
    const NEWS: Waiting = Waiting { work: false, news: true };

    #[test]
    fn the_timer_is_as_fast_as_what_waits_and_slows_down_after_a_tick() {
        let mut pace = Pace::default();
        assert_eq!(pace.faster(Waiting::default()), None);
        assert_eq!(pace.faster(NEWS), Some(Tempo::Slow));
        pace.timer_set(Tempo::Slow);
        assert_eq!((pace.faster(NEWS), pace.faster(WORK)), (None, Some(Tempo::Batches)));
        pace.timer_set(Tempo::Batches);
        assert_eq!(pace.faster(NEWS), None, "it only slows down after a tick");
        assert_eq!(pace.after_tick(6, NEWS), None, "more copies are expected");
        assert_eq!(pace.after_tick(6, WORK), Some(Tempo::Fast), "a tick did not do all of it");
        pace.timer_set(Tempo::Fast);
        assert_eq!(pace.after_tick(6, NEWS), Some(Tempo::Batches));
        assert_eq!(pace.after_tick(1, NEWS), Some(Tempo::Slow));
        pace.timer_set(Tempo::Slow);
        assert_eq!(pace.after_tick(0, Waiting::default()), Some(Tempo::Idle));
    }

    #[test]
    fn a_tick_sends_four_to_eight_copies_and_none_waits_for_longer_than_eight_milliseconds() {
        for (copies, millis) in [
            (50, 1),
            (200, 1),
            (201, 8),
            (400, 8),
            (401, 4),
            (800, 4),
            (801, 2),
            (1600, 2),
            (1601, 1),
            (1_000_000, 1),
        ] {
            let mut pace = Pace::default();
            pace.timer_set(Tempo::Batches);
            pace.saw(Duration::from_secs(9));
            pace.flushed();
            pace.saw(Duration::from_secs(9) + FLUSH_PERIOD);
            (0..copies).for_each(|_| pace.copy_made());
            pace.flushed();
            assert_eq!(pace.period(Tempo::Batches), Duration::from_millis(millis), "{copies}");
            let changes = millis != 1;
            assert_eq!(pace.after_tick(6, NEWS), changes.then_some(Tempo::Batches), "{copies}");
        }
    }

    #[test]
    fn copies_leave_one_by_one_until_they_are_many() {
        let mut pace = Pace::default();
        (0..DENSE).for_each(|_| pace.copy_made());
        assert!(pace.sends_at_once());
        pace.copy_made();
        assert!(!pace.sends_at_once());
        pace.flushed();
        assert!(!pace.sends_at_once(), "the last window was dense");
        pace.flushed();
        assert!(pace.sends_at_once());
    }

    #[test]
    fn sums_are_told_on_time_while_copies_come() {
        let mut pace = Pace::default();
        pace.timer_set(Tempo::Batches);
        pace.saw(Duration::from_secs(9));
        assert!(pace.flush_is_due());
        pace.flushed();
        assert!(!pace.flush_is_due());
        pace.saw(Duration::from_secs(9) + FLUSH_PERIOD);
        assert!(pace.flush_is_due());
    }
}
