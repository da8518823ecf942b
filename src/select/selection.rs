// SPDX-License-Identifier: Apache-2.0
//! All that decides whether a mirror copies a request, in the order in which it is asked.

use super::{Conditions, Dice, Percentage, PrimaryStatus, SampleBy, Schedule, Target};
use crate::http::Head;
use crate::time::Timestamp;

/// Which requests a mirror copies, and where the copies go.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    pub target: Target,
    pub percentage: Percentage,
    /// `None`: each request on its own, at random.
    pub sample_by: Option<SampleBy>,
    pub schedule: Schedule,
    pub conditions: Conditions,
}

/// What the draw says of a request before anything of it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawn {
    /// The request may be copied; [`Selection::refusal`] decides when its head was read.
    In,
    Out,
    /// The schedule has not begun, or has ended.
    Inactive,
}

/// Why a request whose head was read is not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unselected {
    Unsampled,
    Unmatched,
    NoTarget,
}

impl Selection {
    /// Draws for one request. A mirror with sticky sampling lets it in until its key was read. `time` is needed
    /// with a schedule only.
    pub fn draw(&self, time: Option<Timestamp>, dice: &mut Dice) -> Drawn {
        match self.share(time) {
            None => Drawn::Inactive,
            Some(share) if self.sample_by.is_some() && share.is_partial() || dice.picks(share) => Drawn::In,
            Some(_) => Drawn::Out,
        }
    }

    /// Why a request that was let in is not copied after all.
    pub fn refusal(&self, head: &Head, time: Option<Timestamp>, dice: &mut Dice) -> Option<Unselected> {
        if !self.keeps(head, time, dice) {
            Some(Unselected::Unsampled)
        } else if !self.conditions.admit(head, PrimaryStatus::Awaited) {
            Some(Unselected::Unmatched)
        } else if self.target.of(head).is_none() {
            Some(Unselected::NoTarget)
        } else {
            None
        }
    }

    /// Why a request that was let in is not copied after all, now that the primary has answered. `None` is a status that could not be
    /// read.
    pub fn refusal_by_answer(&self, head: &Head, status: Option<u16>) -> Option<Unselected> {
        let status = status.map_or(PrimaryStatus::Unreadable, PrimaryStatus::Known);
        let refuses = self.conditions.ask_answer() && !self.conditions.admit(head, status);
        refuses.then_some(Unselected::Unmatched)
    }

    /// Whether the request stays in the share by its key, or by chance where it has none.
    fn keeps(&self, head: &Head, time: Option<Timestamp>, dice: &mut Dice) -> bool {
        let Some(by) = &self.sample_by else { return true };
        let share = self.share(time).unwrap_or(self.percentage);
        match by.draw(head) {
            Some(draw) => share.admits(draw),
            None => dice.picks(share),
        }
    }

    /// The share at a time; `None` outside the schedule, or where a schedule does not know the time.
    fn share(&self, time: Option<Timestamp>) -> Option<Percentage> {
        if !self.schedule.is_set() {
            return Some(self.percentage);
        }
        let now = time.filter(|now| self.schedule.is_active(*now))?;
        Some(self.schedule.share(self.percentage, now))
    }
}
