// SPDX-License-Identifier: Apache-2.0
//! What a comparison makes of each place at which two answers differ.

use super::difference::{Difference, DifferenceKind, Differences};
use super::noise::{Noise, Place};

/// Work of listing a difference, and of noting a place.
const LIST: usize = 2000;
const NOTE: usize = 16;

/// The differences of two answers, and what is noise among them.
#[derive(Debug)]
pub struct Findings {
    pub differences: Differences,
    role: Role,
    /// Whether something differs where the control differs, too.
    pub noisy: bool,
}

#[derive(Debug)]
enum Role {
    Plain,
    /// The places are gathered: those of a control.
    Gathers(Noise),
    /// What is noise is no difference.
    Knows(Noise),
}

impl Findings {
    /// `list`: whether differences will be shown, not only their kinds.
    pub fn plain(list: bool) -> Self {
        let differences = if list { Differences::default() } else { Differences::unlisted() };
        Self { differences, role: Role::Plain, noisy: false }
    }

    /// Of a control: every place is noted, and none is shown.
    pub fn gathering() -> Self {
        Self { role: Role::Gathers(Noise::default()), ..Self::plain(false) }
    }

    /// Without what is noise.
    pub fn without(noise: Noise, list: bool) -> Self {
        Self { role: Role::Knows(noise), ..Self::plain(list) }
    }

    /// What was gathered.
    pub fn into_noise(self) -> Noise {
        match self.role {
            Role::Gathers(noise) | Role::Knows(noise) => noise,
            Role::Plain => Noise::default(),
        }
    }

    /// Whether another difference of this kind would change nothing.
    pub fn is_full(&self, kind: DifferenceKind) -> bool {
        !matches!(self.role, Role::Gathers(_)) && self.differences.is_full(kind)
    }

    /// Whether everything within a value of the primary's body is noise.
    pub fn covers(&self, node: u32) -> bool {
        matches!(&self.role, Role::Knows(noise) if noise.covers(node))
    }

    /// Notes that the answers differ there. `covered`: within a value that is noise as a whole.
    pub fn note(
        &mut self,
        kind: DifferenceKind,
        place: Place,
        covered: bool,
        work: &mut usize,
        difference: impl FnOnce() -> Difference,
    ) {
        *work = work.saturating_sub(NOTE);
        match &mut self.role {
            Role::Knows(noise) if covered || noise.has(place) => {
                self.noisy = true;
                return;
            }
            Role::Gathers(noise) => noise.add(place),
            Role::Plain | Role::Knows(_) => *work = work.saturating_sub(LIST),
        }
        self.differences.note(kind, difference);
    }

    /// Bytes that are allocated for what is noise.
    pub fn held_bytes(&self) -> usize {
        match &self.role {
            Role::Gathers(noise) | Role::Knows(noise) => noise.held_bytes(),
            Role::Plain => 0,
        }
    }
}
