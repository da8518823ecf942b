// SPDX-License-Identifier: Apache-2.0
//! The copies on the wire, by the token under which the host will answer.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::answer::Outcome;
use crate::copy::Copy;
use crate::exchange::{Exchange, Moment};
use crate::gate::{End, Place};
use crate::ledger::Ledger;
use crate::metrics::Side;
use crate::notice::Notice;
use crate::policy::Mirror;

use crate::budget::Charge;

#[derive(Debug, Default)]
pub struct Flights(BTreeMap<u32, Flight>);

#[derive(Debug)]
struct Flight {
    mirror: Rc<Mirror>,
    exchange: Rc<Exchange>,
    grpc: bool,
    place: Place,
    _charge: Charge,
}

impl Flights {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The host took a copy.
    pub fn depart(&mut self, token: u32, copy: Copy, ledger: &mut Ledger) {
        let grpc = copy.is_grpc();
        let Copy { mirror, exchange, place, charge, .. } = copy;
        ledger.add(mirror.meters.sent, 1);
        ledger.add(mirror.meters.in_flight, 1);
        exchange.copy_sent(&mirror, ledger);
        self.0.insert(token, Flight { mirror, exchange, grpc, place, _charge: charge });
    }

    /// Whether the copy is a gRPC request; `None` if no copy has this token.
    pub fn is_grpc(&self, token: u32) -> Option<bool> {
        self.0.get(&token).map(|flight| flight.grpc)
    }

    /// The host answered.
    pub fn land(&mut self, token: u32, outcome: Outcome, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let Flight { mirror, exchange, place, .. } = self.0.remove(&token)?;
        ledger.add(mirror.meters.in_flight, -1);
        let end = match outcome {
            Outcome::Answered(class) => {
                mirror.count_answer(Side::Shadow, class, exchange.elapsed(now), ledger);
                End::Answered
            }
            Outcome::Failed(reason) => {
                ledger.add(mirror.meters.failed(reason), 1);
                End::Failed
            }
        };
        mirror.leave(place, end, now, ledger)
    }
}
