// SPDX-License-Identifier: Apache-2.0
//! Which mirrors of a worker have something to settle with the other workers, and when.

use std::rc::Rc;

use super::policy::Policy;
use super::running::Mirror;
use crate::time::Moment;

#[derive(Debug, Default)]
pub struct Sharing {
    /// Policies that were replaced, while copies under them are made or in flight.
    retired: Vec<Rc<Policy>>,
    /// Mirrors of which the others should hear something at once.
    urgent: Vec<Rc<Mirror>>,
}

impl Sharing {
    /// Another policy has taken over.
    pub fn retire(&mut self, policy: Rc<Policy>) {
        self.retired.push(policy);
    }

    /// A copy for the mirror has ended.
    pub fn copy_ended(&mut self, mirror: &Rc<Mirror>, now: Moment) {
        if mirror.gate.has_news(now) {
            self.urgent.push(mirror.clone());
        }
    }

    pub fn take_urgent(&mut self) -> Vec<Rc<Mirror>> {
        std::mem::take(&mut self.urgent)
    }

    /// Whether there will be something to settle at the next flush.
    pub fn is_due(&self, policy: &Policy) -> bool {
        policy.shares() || self.retired.iter().any(|policy| policy.shares())
    }

    /// The mirrors that have something to settle.
    pub fn take_due(&mut self, policy: &Policy) -> Vec<Rc<Mirror>> {
        self.retired.retain(|policy| policy.shares() || Rc::strong_count(policy) > 1);
        let policies = self.retired.iter().map(Rc::as_ref).chain([policy]);
        policies.flat_map(Policy::all).filter(|mirror| mirror.shares()).cloned().collect()
    }
}
