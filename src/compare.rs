// SPDX-License-Identifier: Apache-2.0
//! Whether the shadow answered as the primary did.
//!
//! ```text
//! primary ─► Observed ─┐
//!                      ├─► compare ─► Verdict ─► counters, and a line for the log
//! shadow ──► Observed ─┘
//! ```
//!
//! Both answers are there as the host gave them. What a mirror compares of them are its [`Rules`].

mod body_side;
mod comparison;
mod difference;
mod findings;
mod hash;
mod json;
mod noise;
mod number;
mod order;
mod place;
mod rules;

use std::task::Poll;

pub use self::comparison::Comparison;
pub use self::difference::{Difference, DifferenceKind, Differences, SideValue};
pub use self::hash::HashKey;
pub use self::noise::Noise;
pub use self::place::KnownNames;
pub use self::rules::{BodyRule, Need, PlaceStyle, Rules};
use crate::http::{GrpcStatus, Head};

/// An answer, as far as it was needed.
#[derive(Debug, Default)]
pub struct Observed {
    pub status: u16,
    /// Of an answer to a gRPC request.
    pub grpc: Option<GrpcStatus>,
    /// Empty if they were not needed.
    pub headers: Head,
    /// `None` if it was too long to be kept, did not end or was not needed.
    pub body: Option<Vec<u8>>,
}

impl Observed {
    /// Bytes that it holds.
    pub fn size(&self) -> usize {
        self.headers.size() + self.body.as_ref().map_or(0, Vec::len)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Match,
    Mismatch(Differences),
    /// They differ only where the control differs from the primary, too.
    Noise,
    /// It cannot be told, of what there is.
    Incomparable,
}

impl Rules {
    /// Compares in one go, as long as that takes: the control with the primary, and then the shadow without what is noise.
    pub fn compare_with_control(
        &self,
        primary: &Observed,
        control: &Observed,
        shadow: &Observed,
    ) -> [Verdict; 2] {
        let mut of_control = Comparison::of_control(HashKey::default());
        let verdict = of_control.finish(self, primary, control);
        let noise = of_control.into_noise(primary, control, shadow);
        [verdict, Comparison::without(noise, true, HashKey::default()).finish(self, primary, shadow)]
    }

    /// Compares in one go, as long as that takes.
    pub fn compare(&self, primary: &Observed, shadow: &Observed) -> Verdict {
        Comparison::new(true, HashKey::default()).finish(self, primary, shadow)
    }
}

impl Comparison {
    fn finish(&mut self, rules: &Rules, primary: &Observed, shadow: &Observed) -> Verdict {
        loop {
            if let Poll::Ready(verdict) = self.step(rules, primary, shadow, usize::MAX) {
                return verdict;
            }
        }
    }
}

#[cfg(test)]
mod tests;
