// SPDX-License-Identifier: Apache-2.0
//! What became of the requests of one mirror: the numbers that are judged.

mod control;
mod ends;

use std::collections::BTreeMap;

pub use self::control::ControlState;
pub use self::ends::{Ends, Who};
use super::statistics::Histogram;

/// Reasons for which a copy that was sent has no answer. A comparable request of the primary exists for each, so they are the
/// shadow's errors. The others are copies that were never sent, and [`CUT`].
const LOST: [&str; 3] = [UNREACHABLE, "timeout", "reset"];
const UNREACHABLE: &str = "unreachable";
/// Ended by a bound of our own that the primary's answer met as well: no failure.
const CUT: &str = "cut";
/// What a control's mirror is called after the mirror's name.
pub const CONTROL: &str = "-control";

pub type Counts = BTreeMap<String, u64>;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    pub mirror: String,
    pub requests: u64,
    pub sent: u64,
    pub skipped: Counts,
    pub failed: Counts,
    pub primary: Side,
    pub shadow: Side,
    /// The shadow's time over the primary's, of each request that both answered.
    pub slowdown: Histogram,
    pub comparisons: Counts,
    pub differences: Counts,
    /// Gauges as they were last: copies without an outcome so far, and workers whose breaker is open.
    pub in_flight: u64,
    pub breaker_open: u64,
    /// How often routes repeated a request of a user, to whatever cluster: connections that were lost on the way to it.
    pub repeated: u64,
    /// The second copy, which went to the primary's version.
    pub control: Option<Box<Self>>,
}

/// The answers of one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    pub classes: Counts,
    /// Of those to gRPC requests, by the name of the status.
    pub grpc: Counts,
    pub durations: Histogram,
}

impl Side {
    pub fn answers(&self) -> u64 {
        total(&self.classes)
    }

    pub fn of(&self, class: &str) -> u64 {
        self.classes.get(class).copied().unwrap_or(0)
    }

    pub fn times(&self, factor: f64) -> Self {
        Self {
            classes: times(&self.classes, factor),
            grpc: times(&self.grpc, factor),
            durations: self.durations.times(factor),
        }
    }
}

impl Tally {
    /// Copies that were sent and not answered.
    pub fn lost(&self) -> u64 {
        LOST.iter().filter_map(|reason| self.failed.get(*reason)).sum()
    }

    pub fn cut(&self) -> u64 {
        self.failed.get(CUT).copied().unwrap_or(0)
    }

    /// Copies with an outcome, sent or not, and those that an open breaker held back: they would have failed.
    pub fn attempts(&self) -> u64 {
        self.shadow.answers().saturating_add(self.failures())
    }

    pub fn failures(&self) -> u64 {
        total(&self.failed).saturating_sub(self.cut()).saturating_add(self.held_back())
    }

    /// Copies that were lost as often as requests of users, which a route repeated.
    pub fn lost_on_the_way(&self) -> u64 {
        self.failed.get(UNREACHABLE).copied().unwrap_or(0).min(self.repeated)
    }

    /// Without [`Self::lost_on_the_way`].
    pub fn without_lost_on_the_way(&self) -> Self {
        let mut without = self.clone();
        let forgiven = self.lost_on_the_way();
        without
            .failed
            .entry(UNREACHABLE.to_owned())
            .and_modify(|count| *count = count.saturating_sub(forgiven));
        without
    }

    /// Copies that an open breaker held back.
    pub fn held_back(&self) -> u64 {
        self.skipped.get("breaker").copied().unwrap_or(0)
    }

    /// Whether the control is what the shadow is compared with, and why not.
    pub fn control_state(&self) -> ControlState {
        ControlState::of(self)
    }

    /// The control, where the shadow is compared with it.
    pub fn measure(&self) -> Option<&Self> {
        self.control.as_deref().filter(|_| self.control_state() == ControlState::Measure)
    }

    /// What the shadow is compared with: the control where it is a measure, else the primary.
    pub fn baseline(&self) -> Ends {
        match self.measure() {
            Some(control) => Ends::of(Who::Control, &control.shadow, &control.failed, control.lost()),
            None => self.primary_ends(),
        }
    }

    fn primary_ends(&self) -> Ends {
        Ends::of(Who::Primary, &self.primary, &Counts::new(), 0)
    }

    pub fn shadow_ends(&self) -> Ends {
        Ends::of(Who::Shadow, &self.shadow, &self.failed, self.lost())
    }

    /// Requests for which both sides have an outcome.
    pub fn samples(&self) -> u64 {
        self.baseline().count().min(self.shadow_ends().count())
    }

    /// Mismatches out of the comparisons that could be made.
    pub fn mismatches(&self) -> (u64, u64) {
        let of = |result: &str| self.comparisons.get(result).copied().unwrap_or(0);
        let same = of("match").saturating_add(of("noise"));
        (of("mismatch"), same.saturating_add(of("mismatch")))
    }

    /// Comparisons that differ only where the control differs, too, out of those that could be made.
    pub fn noise(&self) -> (u64, u64) {
        (self.comparisons.get("noise").copied().unwrap_or(0), self.mismatches().1)
    }

    /// Answers that could not be compared out of those that were to be: bodies that could not be read, where answers are
    /// compared, and answers that were cut.
    pub fn uncompared(&self) -> (u64, u64) {
        let incomparable = self.comparisons.get("incomparable").copied().unwrap_or(0);
        let cut = (self.cut(), self.samples().saturating_add(self.cut()));
        let compared = (incomparable, total(&self.comparisons));
        // Whichever share is larger; a cut answer is incomparable, too.
        let share = |(hits, of): (u64, u64)| hits as f64 / of.max(1) as f64;
        if share(compared) > share(cut) { compared } else { cut }
    }

    /// The same shares in `factor` times as many requests.
    pub fn times(&self, factor: f64) -> Self {
        let number = |count: u64| (count as f64 * factor).round() as u64;
        Self {
            mirror: self.mirror.clone(),
            requests: number(self.requests),
            sent: number(self.sent),
            skipped: times(&self.skipped, factor),
            failed: times(&self.failed, factor),
            primary: self.primary.times(factor),
            shadow: self.shadow.times(factor),
            slowdown: self.slowdown.times(factor),
            comparisons: times(&self.comparisons, factor),
            differences: times(&self.differences, factor),
            in_flight: self.in_flight,
            breaker_open: self.breaker_open,
            repeated: number(self.repeated),
            control: self.control.as_deref().map(|control| Box::new(control.times(factor))),
        }
    }
}

pub fn total(counts: &Counts) -> u64 {
    counts.values().fold(0, |sum, count| sum.saturating_add(*count))
}

fn times(counts: &Counts, factor: f64) -> Counts {
    counts.iter().map(|(name, count)| (name.clone(), (*count as f64 * factor).round() as u64)).collect()
}
