// SPDX-License-Identifier: Apache-2.0
//! What is the matter now, and what to do about it.

use super::super::judge::Present;
use super::super::tally::Tally;
use super::numbers::{count, thousands};

/// One sentence, and what to look at first.
pub fn present(present: &Present, tally: &Tally) -> (String, String) {
    let (said, look) = match present {
        Present::ConfigInvalid(plugins) => (
            format!("The configuration of plugin {} is invalid: it mirrors nothing.", plugins.join(", ")),
            "Envoy's log has an error line for each fault; `cargo check-config FILE` says the same.".into(),
        ),
        Present::BreakerOpen(workers) => (
            format!(
                "The shadow does not answer now: its breaker is open in {}. {} copies were held back.",
                count(*workers, "worker"),
                thousands(tally.held_back())
            ),
            "See whether the shadow is up, and shadow_failed_total by reason.".into(),
        ),
        Present::UnknownCluster(copies) => (
            format!("Envoy has no cluster of this name: {} could not be sent.", count(*copies, "copy")),
            "Check \"cluster\" of the mirror for a typo; under Istio, whether the service and its subset are visible \
             to this proxy."
                .into(),
        ),
        Present::NoEndpoint(copies) => (
            format!("The shadow's cluster took no copy: {} refused.", match copies {
                1 => "1 was".to_owned(),
                many => format!("{} were", thousands(*many)),
            }),
            "It has no healthy endpoint, or its circuit breaker (circuit_breakers of the cluster) lets nothing \
             through."
                .into(),
        ),
        Present::DryRun => (
            format!("This is a dry run: of {} nothing was sent.", count(tally.requests, "request")),
            "Take \"dry_run\" out of the mirror.".into(),
        ),
        Present::Inactive => (
            format!(
                "The mirror is outside its \"active\" time: of {} nothing was sent.",
                count(tally.requests, "request")
            ),
            "Change \"active\" of the mirror.".into(),
        ),
        Present::NoTraffic => (
            "No request reached this mirror.".into(),
            "See whether the filter is on the listener with the traffic, and whether there is any. A mirror that \
             was taken away keeps its counters until Envoy restarts: choose another with --mirror."
                .into(),
        ),
        Present::NothingCopied(requests) => (
            format!("None of {} was copied.", count(*requests, "request")),
            "shadow_skipped_total says why, by reason: \"unsampled\" is \"percentage\", \"unmatched\" is \"match\" and \
             \"exclude\"."
                .into(),
        ),
    };
    (said, look)
}
