// SPDX-License-Identifier: Apache-2.0
//! What became of the requests of one mirror: the numbers that are judged.

use std::collections::BTreeMap;

use super::statistics::Histogram;

/// Reasons for which a copy that was sent has no answer. A comparable request of the primary exists for each, so they are the
/// shadow's errors. The other reasons are copies that were never sent.
const LOST: [&str; 3] = ["unreachable", "timeout", "reset"];

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
    pub comparisons: Counts,
    pub differences: Counts,
    /// Gauges as they were last: copies without an outcome so far, and workers whose breaker is open.
    pub in_flight: u64,
    pub breaker_open: u64,
}

/// The answers of one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Side {
    pub classes: Counts,
    pub durations: Histogram,
}

impl Side {
    pub fn answers(&self) -> u64 {
        total(&self.classes)
    }

    pub fn of(&self, class: &str) -> u64 {
        self.classes.get(class).copied().unwrap_or(0)
    }
}

impl Tally {
    /// Copies that were sent and not answered.
    pub fn lost(&self) -> u64 {
        LOST.iter().filter_map(|reason| self.failed.get(*reason)).sum()
    }

    /// Copies with an outcome, sent or not.
    pub fn attempts(&self) -> u64 {
        self.shadow.answers().saturating_add(self.failures())
    }

    pub fn failures(&self) -> u64 {
        total(&self.failed)
    }

    /// Errors of each side out of how many: answers with 5xx, and at the shadow copies that were lost.
    pub fn errors(&self) -> ((u64, u64), (u64, u64)) {
        let (primary, shadow, lost) = (&self.primary, &self.shadow, self.lost());
        (
            (primary.of("5xx"), primary.answers()),
            (shadow.of("5xx").saturating_add(lost), shadow.answers().saturating_add(lost)),
        )
    }

    /// Requests for which both sides have an outcome.
    pub fn samples(&self) -> u64 {
        let ((_, primary), (_, shadow)) = self.errors();
        primary.min(shadow)
    }

    /// Mismatches out of the comparisons that could be made.
    pub fn mismatches(&self) -> (u64, u64) {
        let of = |result: &str| self.comparisons.get(result).copied().unwrap_or(0);
        (of("mismatch"), of("match").saturating_add(of("mismatch")))
    }

    /// How long the shadow took, with the answers that did not come in time: they are slower than the others.
    pub fn shadow_durations(&self) -> Histogram {
        let beyond = self.failed.get("timeout").copied().unwrap_or(0);
        Histogram { beyond, ..self.shadow.durations.clone() }
    }

    /// The same shares in `factor` times as many requests.
    pub fn times(&self, factor: f64) -> Self {
        let times = |count: u64| (count as f64 * factor).round() as u64;
        let counts =
            |counts: &Counts| counts.iter().map(|(name, count)| (name.clone(), times(*count))).collect();
        let side =
            |side: &Side| Side { classes: counts(&side.classes), durations: side.durations.times(factor) };
        Self {
            mirror: self.mirror.clone(),
            requests: times(self.requests),
            sent: times(self.sent),
            skipped: counts(&self.skipped),
            failed: counts(&self.failed),
            primary: side(&self.primary),
            shadow: side(&self.shadow),
            comparisons: counts(&self.comparisons),
            differences: counts(&self.differences),
            in_flight: self.in_flight,
            breaker_open: self.breaker_open,
        }
    }
}

pub fn total(counts: &Counts) -> u64 {
    counts.values().fold(0, |sum, count| sum.saturating_add(*count))
}
