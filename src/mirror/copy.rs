// SPDX-License-Identifier: Apache-2.0
//! A copy that is ready to be sent. It shares its parts with the copies for other mirrors.

use std::rc::Rc;
use std::time::Duration;

use super::exchange::Exchange;
use super::running::Mirror;
use crate::admission::Permit;
use crate::capture::{BOOKKEEPING, Charge};
use crate::http::Head;
use crate::transform::{Outgoing, Rewritten};

#[derive(Debug)]
pub struct ShadowRequest {
    pub(super) mirror: Rc<Mirror>,
    pub(super) head: Rc<Head>,
    /// Empty where the mirror takes no body.
    pub(super) body: Rc<Vec<u8>>,
    pub(super) exchange: Rc<Exchange>,
    pub(super) permit: Permit,
    /// Held until the shadow has answered.
    pub(super) charge: Charge,
}

impl ShadowRequest {
    /// The cluster that it goes to.
    pub fn cluster(&self) -> &str {
        self.mirror.select.target.name(self.permit.target())
    }

    /// Bytes that are charged for it until it was answered.
    pub(super) fn charged(&self) -> usize {
        self.head.size().saturating_add(self.body.len()).saturating_add(BOOKKEEPING)
    }

    /// Its headers, as the host takes them.
    pub fn header_block(&self) -> Vec<u8> {
        let transform = &self.mirror.transform;
        let rewritten = Rewritten::of(&self.head, transform);
        Outgoing::build(&self.head, transform, &rewritten, self.body.len()).to_block()
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    pub fn timeout(&self) -> Duration {
        self.mirror.timeout
    }
}
