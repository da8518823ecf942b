// SPDX-License-Identifier: Apache-2.0
//! Which answers of the primary a condition holds for: statuses, and classes of them.

/// Statuses of answers, from 100 to 599.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statuses {
    pub codes: Vec<u16>,
    /// By their first digit.
    pub classes: Vec<u16>,
}

/// What is known of the primary's status where conditions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrimaryStatus {
    /// The answer is still to come: every condition may hold.
    Awaited,
    Known(u16),
    /// The host did not hand it over.
    Unreadable,
}

impl Statuses {
    pub fn has(&self, status: u16) -> bool {
        self.codes.contains(&status) || self.classes.contains(&(status / 100))
    }
}
