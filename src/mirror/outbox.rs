// SPDX-License-Identifier: Apache-2.0
//! Copies that wait to be sent.

use std::collections::VecDeque;

use super::copy::ShadowRequest;

/// Most copies, and bytes of their bodies, that leave in the callback of their request. What is more waits for the tick.
const MAX_AT_ONCE: usize = 4;
const MAX_BYTES_AT_ONCE: usize = 64 << 10;

#[derive(Debug, Default)]
pub struct Outbox(VecDeque<ShadowRequest>);

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn push(&mut self, copies: impl IntoIterator<Item = ShadowRequest>) {
        self.0.extend(copies);
    }

    /// The copy that waits for longest.
    pub fn next(&mut self) -> Option<ShadowRequest> {
        self.0.pop_front()
    }

    /// Whether there are copies, and to send them takes no longer than a request may be held up.
    pub fn is_quickly_sent(&self) -> bool {
        let bytes = || self.0.iter().map(|copy| copy.body().len()).fold(0, usize::saturating_add);
        (1..=MAX_AT_ONCE).contains(&self.0.len()) && bytes() <= MAX_BYTES_AT_ONCE
    }
}
