// SPDX-License-Identifier: Apache-2.0
//! A copy that is ready to be sent: its parts are shared with the copies for other mirrors.

use std::rc::Rc;

use crate::budget::Charge;
use crate::exchange::Exchange;
use crate::gate::Place;
use crate::head::Head;
use crate::policy::Mirror;

#[derive(Debug)]
pub struct Copy {
    pub mirror: Rc<Mirror>,
    pub head: Rc<Head>,
    /// Empty where the mirror takes no body.
    pub body: Rc<Vec<u8>>,
    pub exchange: Rc<Exchange>,
    pub place: Place,
    /// Held until the shadow has answered.
    pub charge: Charge,
}

impl Copy {
    /// The cluster that it goes to, with its index among those of the mirror.
    pub fn cluster(&self) -> (usize, &str) {
        // A request without one was not copied.
        self.mirror.target.of(&self.head).unwrap_or_default()
    }

    /// Whether Envoy answers this copy in gRPC's way where the shadow does not.
    pub fn is_grpc(&self) -> bool {
        self.head.get("content-type").is_some_and(is_grpc)
    }
}

/// As Envoy tells gRPC: `application/grpc`, alone or followed by `+`.
fn is_grpc(content_type: &[u8]) -> bool {
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+')),
        None => false,
    }
}
