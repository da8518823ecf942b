// SPDX-License-Identifier: Apache-2.0
//! Whether a control is a measure for the shadow.

use super::{Ends, Tally, Who};
use crate::verdict::statistics::{difference, share};

/// A control with outcomes for fewer than this share of the shadow's requests (it gets no POST) says too little about the rest.
const COVERS: f64 = 0.9;
/// It runs the primary's version: it fails itself where it surely has so much more of errors, as a share of its answers.
const MORE_ERRORS: f64 = 0.005;
/// The way to it may lose some copies, and not so many.
const LOSES: f64 = 0.05;
/// How often a control that is well is taken for one that is not.
const ALPHA: f64 = 0.005;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlState {
    /// There is none.
    None,
    /// The shadow is compared with it.
    Measure,
    /// It has outcomes for too few of the requests.
    TooFew,
    /// Nothing was sent to it.
    Silent,
    UnknownCluster,
    NoEndpoint,
    /// It does not answer: its breaker is open, or it lost too many copies.
    Dead,
    /// It answers with server errors where the primary does not.
    Fails,
    /// It answers with client errors where the primary does not.
    Refuses,
}

impl ControlState {
    pub(super) fn of(tally: &Tally) -> Self {
        let Some(control) = tally.control.as_deref() else { return Self::None };
        let failed = |reason: &str| control.failed.get(reason).copied().unwrap_or(0);
        let outcomes = |tally: &Tally| tally.shadow.answers().saturating_add(tally.lost());
        let all = outcomes(control);
        if control.breaker_open > 0 {
            return Self::Dead;
        }
        if all == 0 {
            return match () {
                () if failed("unknown_cluster") > 0 => Self::UnknownCluster,
                () if failed("rejected") > 0 => Self::NoEndpoint,
                () => Self::Silent,
            };
        }
        if share(control.lost(), all, ALPHA).low > LOSES {
            return Self::Dead;
        }
        if (all as f64) < outcomes(tally) as f64 * COVERS {
            return Self::TooFew;
        }
        // Copies that were lost are the way's, up to here.
        let answers = Ends::of(Who::Control, &control.shadow, &super::Counts::new(), 0);
        let primary = tally.primary_ends();
        if difference(primary.server_errors(), answers.server_errors(), ALPHA).low > MORE_ERRORS {
            return Self::Fails;
        }
        if difference(primary.client_errors(), answers.client_errors(), ALPHA).low > MORE_ERRORS {
            return Self::Refuses;
        }
        Self::Measure
    }
}
