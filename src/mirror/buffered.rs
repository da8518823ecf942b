// SPDX-License-Identifier: Apache-2.0
//! The gauge of the bytes that are held for copies.

use crate::capture::Budget;
use crate::telemetry::{BUFFERED_BYTES, Handle, Ledger, MetricKind};

#[derive(Debug)]
pub struct Buffered {
    gauge: Handle,
    /// Bytes held, as the host knows them.
    reported: usize,
}

impl Buffered {
    pub fn define(ledger: &mut Ledger) -> Self {
        Self { gauge: ledger.define(MetricKind::Gauge, BUFFERED_BYTES.into()), reported: 0 }
    }

    pub fn has_changed(&self, budget: &Budget) -> bool {
        budget.used() != self.reported
    }

    pub fn report(&mut self, budget: &Budget, ledger: &mut Ledger) {
        if self.has_changed(budget) {
            let size = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
            ledger.add(self.gauge, size(budget.used()) - size(self.reported));
            self.reported = budget.used();
        }
    }
}
