// SPDX-License-Identifier: Apache-2.0
//! What to look at first.

use super::super::judge::{Criterion, Decision, Judgement, Need};
use super::super::notes::ordered;
use super::super::places::Places;
use super::super::tally::Tally;
use super::numbers::{count, thousands};
use super::present::present;

/// One hint: of what is failed, else of what is unsure and waiting does not settle.
pub fn first(judgement: &Judgement, needs: &[Option<Need>], tally: &Tally) -> Option<String> {
    if let Some(found) = &judgement.present {
        return Some(present(found, tally).1);
    }
    if judgement.decision == Decision::Hold {
        return needs.iter().flatten().find_map(|need| stuck(*need));
    }
    failed_first(judgement).map(|criterion| hint(criterion, tally))
}

/// The place in the log, where it is the answers that fail.
pub fn first_place(judgement: &Judgement, places: &Places) -> Option<String> {
    let wanted = judgement.present.is_none() && failed_first(judgement) == Some(Criterion::Mismatches);
    let first = places.first().filter(|_| wanted)?;
    let others = places.fields.iter().filter(|field| !field.may_differ).count() - 1;
    let others = match others {
        0 => String::new(),
        others => format!(", and {} below", count(others as u64, "place")),
    };
    Some(format!(
        "{}, field {}: it differs in {} of {} logged answers of that endpoint{others}.",
        first.endpoint,
        first.field,
        thousands(first.differ),
        thousands(first.of),
    ))
}

/// Of the criteria that failed the one that explains most.
pub(super) fn failed_first(judgement: &Judgement) -> Option<Criterion> {
    let failed = |criterion: &Criterion| {
        judgement.findings.iter().any(|it| it.criterion == *criterion && it.decision == Decision::Reject)
    };
    let order = [
        Criterion::Failures,
        Criterion::Errors,
        Criterion::ClientErrors,
        Criterion::Mismatches,
        Criterion::P50,
        Criterion::Paired,
        Criterion::PairsTwice,
        Criterion::P90,
        Criterion::P99,
        Criterion::Mean,
        Criterion::P999,
        Criterion::Slow,
    ];
    order.into_iter().find(failed)
}

fn hint(criterion: Criterion, tally: &Tally) -> String {
    let ends = tally.shadow_ends();
    let grpc =
        ends.worst_grpc().map(|(status, hits)| format!("gRPC status {status}, {} times", thousands(hits)));
    match criterion {
        Criterion::Failures => failures(tally),
        Criterion::Errors if tally.lost() * 2 > ends.server_errors().0 => failures(tally),
        Criterion::Errors => match grpc {
            Some(grpc) => format!("The shadow's own log: {grpc}."),
            None => format!("The shadow's own log: {} with 5xx.", count(tally.shadow.of("5xx"), "answer")),
        },
        Criterion::ClientErrors => match grpc.filter(|_| tally.shadow.of("4xx") == 0) {
            Some(grpc) => format!("What the shadow does not accept: {grpc}."),
            None => format!(
                "The {} with 4xx: credentials that the copy does not carry (401, 403), routes that the shadow \
                 does not have (404), its own rate limit (429).",
                count(tally.shadow.of("4xx"), "answer")
            ),
        },
        Criterion::Mismatches => {
            let kinds: Vec<String> = ordered(&tally.differences)
                .iter()
                .map(|(kind, hits)| format!("{kind} {}", thousands(*hits)))
                .collect();
            format!(
                "The lines \"shadow difference\" in Envoy's log name request and place. They differ in: {}.",
                kinds.join(", ")
            )
        }
        Criterion::PairsTwice => {
            "Some kinds of requests: \"log_slower_than\" in \"compare\" logs slow pairs, and --log shows them by endpoint.".into()
        }
        Criterion::P50 | Criterion::Paired => "Every request is slower: the shadow's resources, or the way to it.".into(),
        Criterion::P90 | Criterion::P99 | Criterion::Mean | Criterion::P999 | Criterion::Slow => {
            "What only some requests meet: a cache miss, a lock, a query for each row, a pause of the garbage \
             collector."
                .into()
        }
        Criterion::Uncompared => uncompared(),
    }
}

fn failures(tally: &Tally) -> String {
    let mut reasons = ordered(&tally.failed);
    if tally.held_back() > 0 {
        reasons.push(("held back by the breaker", tally.held_back()));
    }
    reasons.retain(|(reason, _)| *reason != "cut");
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match reasons.first() {
        Some(("timeout", _)) => "The shadow's latency: it does not answer within \"timeout\".".into(),
        Some(("unreachable", _)) => {
            "Whether the shadow is up: it refuses connections, drops them or does not speak HTTP.".into()
        }
        Some(("reset", _)) => "The shadow's own log: answers begin and do not end.".into(),
        Some(("rejected", _)) => {
            "The shadow's cluster: no healthy endpoint, or circuit_breakers below \"max_in_flight\".".into()
        }
        Some((reason, hits)) => format!("shadow_failed_total: {reason}, {} times.", thousands(*hits)),
        None => "shadow_failed_total, by reason.".into(),
    }
}

/// What waiting does not settle.
fn stuck(need: Need) -> Option<String> {
    match need {
        Need::Uncompared => Some(uncompared()),
        Need::FinerBuckets => Some(
            "The histogram's buckets are too wide to tell: read Envoy's admin with --envoy, which has finer ones, or \
             set histogram_bucket_settings as envoy/envoy.yaml does."
                .into(),
        ),
        Need::NoRoom => {
            Some("A limit without room: an equal shadow would not keep it surely. Widen it.".into())
        }
        Need::LostOnTheWay { .. } => Some(
            "Connections that close while they are used: the route repeats the requests of users, and nobody repeats the copies. \
             Give the mirror \"retry\", as the route has it, or a \"control\" in \"compare\"."
                .into(),
        ),
        Need::Cut { .. } => {
            Some("Answers that take longer than \"timeout\" on both sides: raise it, or \"exclude\" them.".into())
        }
        Need::Samples { .. } | Need::NearLimit { .. } => None,
    }
}

fn uncompared() -> String {
    "What is left uncompared: bodies over max_body_bytes or in an encoding that is not decoded (\"incomparable\"), answers over \
     http.async_response_buffer_limit or past \"timeout\" on both sides (\"cut\")."
        .into()
}
