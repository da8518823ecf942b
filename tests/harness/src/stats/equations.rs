// SPDX-License-Identifier: Apache-2.0

//! The two equations that every mirror's counters satisfy at rest.

use anyhow::{Result, bail};

use super::Stats;

/// The error shows every term of each equation that does not hold.
pub(super) fn check(stats: &Stats) -> Result<()> {
    let mut wrong = String::new();
    for mirror in stats.mirrors() {
        let equations = Terms::of(stats, mirror);
        for equation in [equations.decisions(), equations.outcomes()] {
            if let Err(terms) = equation {
                wrong.push_str(&format!("mirror {mirror}: {terms}\n"));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("the counters do not add up:\n{wrong}of\n{stats}");
    }
    Ok(())
}

struct Terms {
    requests: u64,
    skipped: u64,
    sent: u64,
    unknown_cluster: u64,
    rejected: u64,
    answers: u64,
    unreachable: u64,
    timeout: u64,
    reset: u64,
    cut: u64,
    in_flight: u64,
}

impl Terms {
    fn of(stats: &Stats, mirror: &str) -> Self {
        let mirror = ("mirror", mirror);
        let total = |name: &str| stats.counter(name, &[mirror]);
        let failed = |reason: &str| stats.counter("shadow_failed_total", &[mirror, ("reason", reason)]);
        Self {
            requests: total("shadow_requests_total"),
            skipped: total("shadow_skipped_total"),
            sent: total("shadow_sent_total"),
            unknown_cluster: failed("unknown_cluster"),
            rejected: failed("rejected"),
            answers: stats.counter("shadow_responses_total", &[mirror, ("side", "shadow")]),
            unreachable: failed("unreachable"),
            timeout: failed("timeout"),
            reset: failed("reset"),
            cut: failed("cut"),
            in_flight: total("shadow_in_flight"),
        }
    }

    fn decisions(&self) -> Result<(), String> {
        let Self { requests, skipped, sent, unknown_cluster, rejected, .. } = self;
        match *requests == skipped + sent + unknown_cluster + rejected {
            true => Ok(()),
            false => Err(format!(
                "requests {requests} ≠ skipped {skipped} + sent {sent} + unknown_cluster {unknown_cluster} + rejected {rejected}"
            )),
        }
    }

    fn outcomes(&self) -> Result<(), String> {
        let Self { sent, answers, unreachable, timeout, reset, cut, in_flight, .. } = self;
        match *sent == answers + unreachable + timeout + reset + cut + in_flight {
            true => Ok(()),
            false => Err(format!(
                "sent {sent} ≠ responses{{side=shadow}} {answers} + unreachable {unreachable} + timeout {timeout} + reset {reset} + cut {cut} + in_flight {in_flight}"
            )),
        }
    }
}
