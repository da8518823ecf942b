// SPDX-License-Identifier: Apache-2.0
//! The primary's answer, as far as comparisons need it, while it goes by.

use std::time::Duration;

use super::pair::Held;
use crate::capture::{Capture, Charge};
use crate::compare::{Need, Observed};
use crate::http::{GrpcStatus, Head};

/// What is kept of an answer that has begun.
#[derive(Debug)]
pub struct Observing {
    headers: Head,
    body: Capture,
    /// Until it is too long, or there is no room; never where nobody wants it.
    keeps_body: bool,
}

impl Observing {
    /// `charge` is for the headers.
    pub fn new(headers: Head, need: Need, charge: Charge) -> Self {
        Self { headers, body: Capture::new(charge), keeps_body: need.body.is_some() }
    }

    /// A chunk of the body, of which `most` bytes are wanted at most. `read` fetches its bytes from the host. It gives `None` if the host does not hand them over; the answer is
    /// incomparable then.
    pub fn body(&mut self, len: usize, most: usize, read: impl FnOnce() -> Option<Vec<u8>>) {
        if self.keeps_body {
            self.keeps_body = self.body.len().saturating_add(len) <= most && self.body.take(len, most, read);
            if !self.keeps_body {
                self.body.clear();
            }
        }
    }

    /// The answer, once it has ended.
    pub fn held(self, status: u16, grpc: Option<GrpcStatus>, after: Duration) -> Held {
        let Self { headers, body, keeps_body } = self;
        let (body, charge) = body.into_parts();
        Held { answer: Observed { status, grpc, headers, body: keeps_body.then_some(body) }, after, charge }
    }
}
