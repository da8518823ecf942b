// SPDX-License-Identifier: Apache-2.0
//! The answers to the copies of one request that wait to be compared: for the primary's answer, and where a mirror has a control
//! for the end of the other copy.

use std::rc::Rc;

use super::pair::{Held, Pair};
use super::running::Mirror;
use crate::http::Head;
use crate::telemetry::{ComparisonResult, Ledger};

#[derive(Debug, Default)]
pub struct Trials(Vec<Trial>);

/// What one mirror compares of a request.
#[derive(Debug)]
pub struct Trial {
    mirror: Rc<Mirror>,
    shadow: Seat,
    control: Seat,
}

#[derive(Debug)]
enum Seat {
    /// The copy has not ended.
    Awaited,
    Answered(Held),
    /// There is no copy, or it has no answer.
    Empty,
}

impl Trials {
    /// Both the mirror and its control have a copy: nothing is compared before both have ended.
    pub fn expect_both(&mut self, mirror: Rc<Mirror>) {
        self.0.push(Trial { mirror, shadow: Seat::Awaited, control: Seat::Awaited });
    }

    /// A copy of the mirror, or of a control, has ended. What it belongs to is given out, to be kept or compared.
    pub fn ended(&mut self, mirror: &Rc<Mirror>, answer: Option<Held>) -> Trial {
        let seat = answer.map_or(Seat::Empty, Seat::Answered);
        let place = self.0.iter().position(|trial| trial.is_of(mirror) || trial.is_of_control(mirror));
        match place.map(|place| self.0.swap_remove(place)) {
            Some(trial) if trial.is_of(mirror) => Trial { shadow: seat, ..trial },
            Some(trial) => Trial { control: seat, ..trial },
            None => Trial { mirror: mirror.clone(), shadow: seat, control: Seat::Empty },
        }
    }

    pub fn keep(&mut self, trial: Trial) {
        self.0.push(trial);
    }

    /// Those of which no copy is awaited any more.
    pub fn take_complete(&mut self) -> Vec<Trial> {
        let (complete, rest) = std::mem::take(&mut self.0).into_iter().partition(Trial::is_complete);
        self.0 = rest;
        complete
    }
}

impl Trial {
    pub fn is_complete(&self) -> bool {
        let is_awaited = |seat: &Seat| matches!(seat, Seat::Awaited);
        !is_awaited(&self.shadow) && !is_awaited(&self.control)
    }

    /// What is to be compared, if there is a primary's answer to compare with.
    pub fn pair(self, request: &Rc<Head>, primary: Option<Rc<Held>>, ledger: &mut Ledger) -> Option<Pair> {
        let Some(primary) = primary else {
            self.incomparable(ledger);
            return None;
        };
        let (first, control) = match self.answers() {
            [Some(shadow), control] => (shadow, control),
            // The control is compared all the same.
            [None, control] => (control?, None),
        };
        Some(Pair::new(request.clone(), primary, first, control))
    }

    /// There is nothing to compare its answers with.
    pub fn incomparable(self, ledger: &mut Ledger) {
        let answered = self.answers().into_iter().flatten();
        answered.for_each(|(mirror, _)| mirror.count_comparison(ComparisonResult::Incomparable, ledger));
    }

    /// The mirrors that have an answer, each with it: of the shadow, and of the control.
    fn answers(self) -> [Option<(Rc<Mirror>, Held)>; 2] {
        let Self { mirror, shadow, control } = self;
        let of = |mirror: &Rc<Mirror>, seat| match seat {
            Seat::Answered(held) => Some((mirror.clone(), held)),
            Seat::Awaited | Seat::Empty => None,
        };
        [of(&mirror, shadow), mirror.control.as_ref().and_then(|mirror| of(mirror, control))]
    }

    fn is_of(&self, mirror: &Rc<Mirror>) -> bool {
        Rc::ptr_eq(&self.mirror, mirror)
    }

    fn is_of_control(&self, mirror: &Rc<Mirror>) -> bool {
        self.mirror.control.as_ref().is_some_and(|control| Rc::ptr_eq(control, mirror))
    }
}
