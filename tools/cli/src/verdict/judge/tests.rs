// SPDX-License-Identifier: Apache-2.0
//! Which numbers make which verdict.

use super::super::population::{Population, fine};
use super::super::statistics::{Bucket, Histogram};
use super::super::tally::{Side, Tally};
use super::*;

fn service(median: f64, count: u64, errors: u64) -> Side {
    Side {
        classes: [("2xx".to_owned(), count - errors), ("5xx".to_owned(), errors)].into(),
        durations: Population::log_normal(median, 0.4).expected(&fine(), count),
    }
}

fn tally(primary: (f64, u64, u64), shadow: (f64, u64, u64)) -> Tally {
    let side = |(median, count, errors)| service(median, count, errors);
    Tally { primary: side(primary), shadow: side(shadow), ..Tally::default() }
}

fn judged(tally: &Tally) -> Judgement {
    Judgement::of(tally, &Thresholds::default())
}

#[track_caller]
fn decided(tally: &Tally, overall: Decision, criterion: Criterion, decision: Decision) {
    let found = judged(tally);
    let finding = found.findings.iter().find(|finding| finding.criterion == criterion).expect("judged");
    assert_eq!((found.decision, finding.decision), (overall, decision), "{found:#?}");
}

#[test]
fn an_equal_shadow_is_promoted() {
    let equal = tally((20.0, 20_000, 100), (20.0, 20_000, 100));
    assert_eq!(judged(&equal).decision, Decision::Promote);
}

#[test]
fn a_better_shadow_is_promoted() {
    let better = tally((200.0, 20_000, 400), (20.0, 20_000, 0));
    assert_eq!(judged(&better).decision, Decision::Promote);
}

#[test]
fn more_errors_are_rejected_and_few_more_are_held() {
    let worse = tally((20.0, 20_000, 100), (20.0, 20_000, 500));
    decided(&worse, Decision::Reject, Criterion::Errors, Decision::Reject);
    let unclear = tally((20.0, 20_000, 100), (20.0, 20_000, 180));
    decided(&unclear, Decision::Hold, Criterion::Errors, Decision::Hold);
}

#[test]
fn twice_the_latency_is_rejected() {
    let slow = tally((20.0, 20_000, 0), (40.0, 20_000, 0));
    for criterion in [Criterion::P50, Criterion::P90, Criterion::P99] {
        decided(&slow, Decision::Reject, criterion, Decision::Reject);
    }
}

#[test]
fn a_few_milliseconds_are_within_the_slack_whatever_the_ratio() {
    // 1 ms against 3 ms.
    let slower = tally((1.0, 20_000, 0), (3.0, 20_000, 0));
    decided(&slower, Decision::Hold, Criterion::P50, Decision::Promote);
}

#[test]
fn lost_copies_are_errors_of_the_shadow() {
    for reason in ["timeout", "unreachable", "reset"] {
        let mut lossy = tally((20.0, 20_000, 100), (20.0, 19_600, 100));
        lossy.failed.insert(reason.into(), 400);
        decided(&lossy, Decision::Reject, Criterion::Errors, Decision::Reject);
        decided(&lossy, Decision::Reject, Criterion::Failures, Decision::Reject);
    }
}

#[test]
fn copies_that_were_never_sent_are_failures_and_no_errors() {
    for reason in ["rejected", "unknown_cluster"] {
        let mut refused = tally((20.0, 20_000, 100), (20.0, 20_000, 100));
        refused.failed.insert(reason.into(), 400);
        decided(&refused, Decision::Reject, Criterion::Errors, Decision::Promote);
        decided(&refused, Decision::Reject, Criterion::Failures, Decision::Reject);
    }
}

#[test]
fn timeouts_are_slower_than_every_answer() {
    let mut late = tally((20.0, 20_000, 100), (20.0, 19_600, 100));
    late.failed.insert("timeout".into(), 400);
    decided(&late, Decision::Reject, Criterion::P50, Decision::Promote);
    decided(&late, Decision::Reject, Criterion::P99, Decision::Reject);
}

#[test]
fn mismatches_are_judged_where_answers_are_compared() {
    let mut compared = tally((20.0, 20_000, 100), (20.0, 20_000, 100));
    assert_eq!(judged(&compared).findings.len(), 5);
    compared.comparisons = [("match".to_owned(), 19_990), ("mismatch".to_owned(), 10)].into();
    decided(&compared, Decision::Promote, Criterion::Mismatches, Decision::Promote);
    compared.comparisons.insert("mismatch".into(), 400);
    decided(&compared, Decision::Reject, Criterion::Mismatches, Decision::Reject);
    compared.comparisons = [("incomparable".to_owned(), 20_000)].into();
    decided(&compared, Decision::Hold, Criterion::Mismatches, Decision::Hold);
}

#[test]
fn too_few_samples_hold_whatever_they_say() {
    let bad = tally((20.0, 999, 0), (400.0, 999, 999));
    let found = judged(&bad);
    assert_eq!((found.decision, found.samples, found.missing), (Decision::Hold, 999, 1));
    let bad = tally((20.0, 1000, 0), (400.0, 1000, 999));
    assert_eq!(judged(&bad).decision, Decision::Reject);
    let nothing = judged(&Tally::default());
    assert_eq!((nothing.decision, nothing.samples), (Decision::Hold, 0));
}

#[test]
fn what_is_needed_is_about_what_settles_it() {
    let few = tally((20.0, 2_000, 20), (20.0, 2_000, 20));
    let limits = Thresholds::default();
    let found = Judgement::of(&few, &limits);
    assert_eq!(found.decision, Decision::Hold);
    let open = found.findings.iter().find(|finding| finding.decision == Decision::Hold).expect("open");
    let Some(Need::Samples(more)) = found.need(open, &few, &limits) else { panic!("{found:?}") };
    let enough = few.times((2_000.0 + more as f64) / 2_000.0);
    let settled = Judgement::of(&enough, &limits);
    assert_eq!(settled.decision, Decision::Promote, "{more}: {settled:#?}");
    // At the limit itself no number is enough.
    let at_limit = tally((20.0, 20_000, 0), (20.0, 20_000, 100));
    let found = Judgement::of(&at_limit, &limits);
    assert_eq!(found.need(&found.findings[0], &at_limit, &limits), Some(Need::TooClose));
}

#[test]
fn wide_buckets_ask_for_finer_ones() {
    let lump = |count| Side {
        classes: [("2xx".to_owned(), count)].into(),
        durations: Histogram { buckets: vec![Bucket { lower: 10.0, upper: 25.0, count }], beyond: 0 },
    };
    let tally = Tally { primary: lump(50_000), shadow: lump(50_000), ..Tally::default() };
    let limits = Thresholds::default();
    let found = Judgement::of(&tally, &limits);
    assert_eq!(found.decision, Decision::Hold);
    assert_eq!(found.need(&found.findings[1], &tally, &limits), Some(Need::FinerBuckets));
}
