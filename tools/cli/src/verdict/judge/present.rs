// SPDX-License-Identifier: Apache-2.0
//! What is the matter now, whatever was counted before: it decides first.

use super::super::statistics::share;
use super::super::tally::{Tally, total};
use super::super::thresholds::Thresholds;
use super::Decision;

/// So many requests without a single copy are no accident of the sampling.
const MANY: u64 = 1000;

/// A state in which there is nothing to wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Present {
    /// Plugins whose configuration is invalid.
    ConfigInvalid(Vec<String>),
    /// Workers whose breaker is open.
    BreakerOpen(u64),
    /// Copies for a cluster that Envoy does not have.
    UnknownCluster(u64),
    /// Nothing was sent, because no endpoint took it.
    NoEndpoint(u64),
    DryRun,
    Inactive,
    NoTraffic,
    /// None of so many requests was copied.
    NothingCopied(u64),
}

impl Present {
    pub fn of(tally: &Tally, invalid: &[String], limits: &Thresholds, alpha: f64) -> Option<Self> {
        let failed = |reason: &str| tally.failed.get(reason).copied().unwrap_or(0);
        let skipped = |reason: &str| tally.skipped.get(reason).copied().unwrap_or(0);
        let nothing_sent = tally.sent == 0 && tally.shadow_ends().count() == 0;
        let beyond = |hits: u64| {
            share(hits, tally.attempts(), alpha).low * 100.0 > limits.max_failure_rate
                || hits > 0 && nothing_sent
        };
        if !invalid.is_empty() {
            return Some(Self::ConfigInvalid(invalid.to_vec()));
        }
        if tally.breaker_open > 0 {
            return Some(Self::BreakerOpen(tally.breaker_open));
        }
        if beyond(failed("unknown_cluster")) {
            return Some(Self::UnknownCluster(failed("unknown_cluster")));
        }
        if !nothing_sent || tally.in_flight > 0 {
            return None;
        }
        match tally.requests {
            _ if failed("rejected") > 0 => Some(Self::NoEndpoint(failed("rejected"))),
            0 => Some(Self::NoTraffic),
            _ if skipped("dry_run") > 0 => Some(Self::DryRun),
            _ if skipped("inactive") > 0 => Some(Self::Inactive),
            requests if requests >= MANY && total(&tally.skipped) >= requests => {
                Some(Self::NothingCopied(requests))
            }
            _ => None,
        }
    }

    pub fn decision(&self) -> Decision {
        if matches!(self, Self::BreakerOpen(_)) { Decision::Reject } else { Decision::Fault }
    }
}
