// SPDX-License-Identifier: Apache-2.0
//! Copies that wait to be sent.

use std::collections::VecDeque;

use super::copy::ShadowRequest;

/// Most copies, and bytes of their bodies, that leave in the callback of a request. What is more waits for the tick.
const MAX_AT_ONCE: usize = 4;
const MAX_BYTES_AT_ONCE: usize = 64 << 10;

/// With more copies than this the ticks do not keep up, on a worker that is busy all the time. Then callbacks send some, too.
const BACKLOG: usize = 16;

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

    /// Whether there are more copies than ticks send in time.
    pub fn is_behind(&self) -> bool {
        self.0.len() > BACKLOG
    }

    /// How many copies can be sent in no more time than a request may be held up.
    pub fn quickly_sent(&self) -> usize {
        let mut room = Some(MAX_BYTES_AT_ONCE);
        let mut fits = |copy: &ShadowRequest| {
            room = room.and_then(|room| room.checked_sub(copy.body().len()));
            room.is_some()
        };
        self.0.iter().take(MAX_AT_ONCE).take_while(|copy| fits(copy)).count()
    }
}
