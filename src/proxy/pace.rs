// SPDX-License-Identifier: Apache-2.0
//! How often the root context ticks: fast while copies come, slowly while sums wait, else not at all.

use std::cell::Cell;
use std::time::Duration;

use super::host;

/// After this long the copies that wait are sent; Envoy's timers have no finer period, and may be late by as much again.
const FAST_PERIOD: Duration = Duration::from_millis(1);

/// Time from one flush of the sums to the next. Twice this is what an event waits at most, and that must be under
/// a second.
pub const FLUSH_PERIOD: Duration = Duration::from_millis(400);

#[derive(Debug, Default)]
pub struct Pace(Cell<Step>);

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// No ticks: nothing waits.
    #[default]
    Idle,
    /// Sums wait for a flush.
    Slow,
    /// Copies wait, or several did at the last tick.
    Fast,
}

impl Pace {
    pub fn step(&self) -> Step {
        self.0.get()
    }

    /// Asks for at least this step. A stream may, too: the host's timer is always that of its root.
    pub fn raise(&self, step: Step) {
        if self.0.get() < step {
            self.set(step);
        }
    }

    pub fn set(&self, step: Step) {
        if self.0.replace(step) != step {
            host::set_tick_period(match step {
                Step::Idle => Duration::ZERO,
                Step::Slow => FLUSH_PERIOD,
                Step::Fast => FAST_PERIOD,
            });
        }
    }
}
