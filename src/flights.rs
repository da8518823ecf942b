// SPDX-License-Identifier: Apache-2.0
//! The copies on the wire, by the token under which the host will answer.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crate::answer::Outcome;
use crate::compare::{Need, Rules};
use crate::copy::Copy;
use crate::exchange::{Exchange, Moment};
use crate::gate::{End, Place};
use crate::ledger::Ledger;
use crate::metrics::{Class, Comparison, Side};
use crate::notice::Notice;
use crate::policy::Mirror;

use crate::budget::Charge;

#[derive(Debug, Default)]
pub struct Flights(BTreeMap<u32, Flight>);

/// What is to be read of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Awaited {
    /// The copy is a gRPC request.
    pub grpc: bool,
    pub need: Need,
}

/// A copy that is not on the wire any more.
#[derive(Debug)]
pub struct Landed {
    pub mirror: Rc<Mirror>,
    pub exchange: Rc<Exchange>,
    /// From its departure to the end of the answer.
    pub after: Duration,
    pub notice: Option<Notice>,
}

#[derive(Debug)]
struct Flight {
    mirror: Rc<Mirror>,
    exchange: Rc<Exchange>,
    departed: Moment,
    grpc: bool,
    place: Place,
    _charge: Charge,
}

impl Flights {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The host took a copy.
    pub fn depart(&mut self, token: u32, copy: Copy, now: Moment, ledger: &mut Ledger) {
        let grpc = copy.is_grpc();
        let Copy { mirror, exchange, place, charge, .. } = copy;
        ledger.add(mirror.meters.sent, 1);
        ledger.add(mirror.meters.in_flight, 1);
        exchange.copy_sent(&mirror, ledger);
        self.0.insert(token, Flight { mirror, exchange, departed: now, grpc, place, _charge: charge });
    }

    /// What is to be read of the answer to a copy; `None` if no copy has this token.
    pub fn awaited(&self, token: u32) -> Option<Awaited> {
        let Flight { mirror, grpc, .. } = self.0.get(&token)?;
        let need = mirror.compare.as_ref().map(Rules::need).unwrap_or_default();
        Some(Awaited { grpc: *grpc, need })
    }

    /// The host answered.
    pub fn land(&mut self, token: u32, outcome: Outcome, now: Moment, ledger: &mut Ledger) -> Option<Landed> {
        let Flight { mirror, exchange, departed, place, .. } = self.0.remove(&token)?;
        let after = now.saturating_sub(departed);
        ledger.add(mirror.meters.in_flight, -1);
        let end = match outcome {
            Outcome::Answered(status) => {
                mirror.count_answer(Side::Shadow, Class::of(status), after, ledger);
                End::Answered
            }
            Outcome::Failed(reason) => {
                ledger.add(mirror.meters.failed(reason), 1);
                mirror.count_comparison(Comparison::Incomparable, ledger);
                End::Failed
            }
        };
        let notice = mirror.leave(place, end, now, ledger);
        Some(Landed { mirror, exchange, after, notice })
    }
}
