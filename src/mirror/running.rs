// SPDX-License-Identifier: Apache-2.0
//! A mirror at run time: the settings of every stage, its metrics, and what it remembers.

use std::cell::Cell;
use std::time::Duration;

use crate::admission::{Ending, Gate, Permit};
use crate::capture::BodyPolicy;
use crate::compare::Rules;
use crate::config::MirrorConfig;
use crate::select::Selection;
use crate::telemetry::{
    Class, ComparisonMeters, ComparisonResult, Ledger, Meters, News, Notice, Side, SkipReason, Throttle,
};
use crate::time::Moment;
use crate::transform::Transform;

#[derive(Debug)]
pub struct Mirror {
    pub name: String,
    pub select: Selection,
    pub body: BodyPolicy,
    pub transform: Transform,
    pub timeout: Duration,
    pub dry_run: bool,
    /// `None`: answers are not compared.
    pub compare: Option<Comparing>,
    pub meters: Meters,
    pub gate: Gate,
    /// Whether the gauge counts this worker's breaker as open.
    shown_open: Cell<bool>,
    retired: Cell<bool>,
    /// The clusters that Envoy did not know at the last copy, by their index in the target, as bits.
    unknown_clusters: Cell<u64>,
}

/// What a mirror needs to compare answers.
#[derive(Debug)]
pub struct Comparing {
    pub rules: Rules,
    pub meters: ComparisonMeters,
    /// Limits the log lines about differences.
    pub throttle: Throttle,
}

impl Mirror {
    pub fn new(config: MirrorConfig, ledger: &mut Ledger) -> Self {
        let MirrorConfig { name, select, body, transform, timeout, limits, breaker, dry_run, compare } =
            config;
        let meters = Meters::define(ledger, &name);
        let compare = compare.map(|rules| Comparing {
            rules,
            meters: ComparisonMeters::define(ledger, &name),
            throttle: Throttle::default(),
        });
        Self {
            select,
            body,
            transform,
            timeout,
            dry_run,
            compare,
            meters,
            gate: Gate::new(limits, breaker),
            shown_open: Cell::default(),
            retired: Cell::default(),
            unknown_clusters: Cell::default(),
            name,
        }
    }

    /// Whether a copy takes the body at all.
    pub fn wants_body(&self) -> bool {
        self.body != BodyPolicy::None
    }

    #[cold]
    #[inline(never)]
    pub fn notice(&self, news: News) -> Notice {
        Notice { mirror: self.name.clone(), news }
    }

    /// Takes the permit of a copy back, and says what the breaker makes of its end.
    pub fn leave(&self, permit: Permit, end: Ending, now: Moment, ledger: &mut Ledger) -> Option<Notice> {
        let transition = self.gate.leave(permit, end, now)?;
        self.show_breaker(ledger);
        Some(self.notice(News::Breaker(transition)))
    }

    /// Another mirror takes over under this name. Copies that were made go on.
    pub fn retire(&self, ledger: &mut Ledger) {
        self.retired.set(true);
        self.show_breaker(ledger);
    }

    fn show_breaker(&self, ledger: &mut Ledger) {
        let open = !self.retired.get() && !self.gate.breaker_is_closed();
        if self.shown_open.replace(open) != open {
            ledger.add(self.meters.breaker_open, if open { 1 } else { -1 });
        }
    }

    /// Notes whether Envoy knew a cluster of the target, and says whether that is news.
    pub fn note_cluster(&self, index: usize, known: bool) -> bool {
        let bit = u32::try_from(index).ok().and_then(|index| 1u64.checked_shl(index)).unwrap_or(0);
        let before = self.unknown_clusters.get();
        let after = if known { before & !bit } else { before | bit };
        self.unknown_clusters.replace(after) != after
    }

    pub fn count_skip(&self, reason: SkipReason, ledger: &mut Ledger) {
        ledger.add(self.meters.skipped(reason), 1);
    }

    /// Counts one answer to a request whose copy was sent.
    pub fn count_answer(&self, side: Side, class: Class, after: Duration, ledger: &mut Ledger) {
        ledger.add(self.meters.responses(side, class), 1);
        ledger.observe(self.meters.duration(side), u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }

    /// Counts a comparison, if this mirror makes any.
    pub fn count_comparison(&self, result: ComparisonResult, ledger: &mut Ledger) {
        if let Some(compare) = &self.compare {
            ledger.add(compare.meters.result(result), 1);
        }
    }
}
