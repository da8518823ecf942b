// SPDX-License-Identifier: Apache-2.0
//! Observations again and again, without waiting for the end of a window.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::failure::Failure;
use super::super::options::Options;
use super::{Observed, between, observe, read_all, wait};
use crate::verdict::reading::Reading;

/// Readings that are kept of a window.
const MOST: u32 = 200;

/// What is observed, and the readings of the window that has passed.
pub struct Live {
    options: Options,
    /// With a window, of admins alone: Prometheus keeps its own.
    window: Option<(Duration, History)>,
}

impl Live {
    /// Takes the first readings.
    pub fn new(options: &Options) -> Result<Self, Failure> {
        let mut live = Self { options: options.clone(), window: None };
        if let (Some(window), None) = (options.window, &options.prometheus) {
            let mut history = History::default();
            history.add(Instant::now(), read_all(&options.admins())?, window);
            live.window = Some((window, history));
        }
        Ok(live)
    }

    /// What there is to see now.
    pub fn observe(&mut self) -> Result<Observed, Failure> {
        let Some((window, history)) = &mut self.window else { return observe(&self.options) };
        let admins = self.options.admins();
        let after = read_all(&admins)?;
        let now = Instant::now();
        let observed = history.oldest().map(|(at, before)| {
            let time = format!("over the last {}", wait::words(now.saturating_duration_since(*at)));
            between(&admins, Some(before), &after, time)
        });
        let observed = observed.unwrap_or_else(|| between(&admins, None, &after, String::new()));
        history.add(now, after, *window);
        Ok(observed)
    }
}

#[derive(Default)]
struct History(VecDeque<(Instant, BTreeMap<String, Reading>)>);

impl History {
    fn oldest(&self) -> Option<&(Instant, BTreeMap<String, Reading>)> {
        self.0.front()
    }

    /// Keeps one reading that is as old as the window, and those after it.
    fn add(&mut self, now: Instant, readings: BTreeMap<String, Reading>, window: Duration) {
        let is_apart = |(at, _): &(Instant, _)| now.saturating_duration_since(*at) >= window / MOST;
        if self.0.back().is_none_or(is_apart) {
            self.0.push_back((now, readings));
        }
        let is_old = |(at, _): &(Instant, _)| now.saturating_duration_since(*at) >= window;
        while self.0.get(1).is_some_and(is_old) {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_moves_on() {
        let (start, window) = (Instant::now(), Duration::from_secs(400));
        let mut history = History::default();
        let oldest = |history: &History| history.oldest().map(|(at, _)| (*at - start).as_secs());
        for second in 0..=1_000 {
            history.add(start + Duration::from_secs(second), BTreeMap::new(), window);
            let expected = second.saturating_sub(400).next_multiple_of(2).min(second);
            assert!(
                oldest(&history).is_some_and(|oldest| oldest.abs_diff(expected) <= 2),
                "{second}: {:?}",
                oldest(&history)
            );
            assert!(history.0.len() <= 203);
        }
    }
}
