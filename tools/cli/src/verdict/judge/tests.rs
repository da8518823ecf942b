// SPDX-License-Identifier: Apache-2.0
//! Which numbers make which verdict.

use super::super::population::{Population, fine, shipped};
use super::super::statistics::{Bucket, Histogram};
use super::super::tally::{ControlState, Side, Tally, Who};
use super::*;

fn service(median: f64, count: u64, errors: u64) -> Side {
    Side {
        classes: [("2xx".to_owned(), count - errors), ("5xx".to_owned(), errors)].into(),
        durations: Population::log_normal(median, 0.4).expected(&fine(), count),
        ..Side::default()
    }
}

fn tally(primary: (f64, u64, u64), shadow: (f64, u64, u64)) -> Tally {
    let side = |(median, count, errors)| service(median, count, errors);
    Tally { primary: side(primary), shadow: side(shadow), ..Tally::default() }
}

fn judged(tally: &Tally) -> Judgement {
    Judgement::of(tally, &[], &Thresholds::default())
}

/// In the buckets that are shipped.
fn bucketed(median: f64) -> Histogram {
    Population::log_normal(median, 0.05).expected(&shipped(), 50_000)
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
fn the_slack_fits_the_primary() {
    // 200 µs against 330 µs, of which P90 is too much, and against 3 ms.
    let slower = tally((0.2, 20_000, 0), (0.33, 20_000, 0));
    decided(&slower, Decision::Reject, Criterion::P50, Decision::Promote);
    let slower = tally((0.2, 20_000, 0), (3.0, 20_000, 0));
    decided(&slower, Decision::Reject, Criterion::P50, Decision::Reject);
    let slower = tally((10.0, 20_000, 0), (16.0, 20_000, 0));
    assert_ne!(judged(&slower).decision, Decision::Promote);
}

#[test]
fn a_slow_tail_is_rejected() {
    // 1 request in 200 takes a second in place of 10 ms.
    let mut tail = tally((10.0, 10_000, 0), (10.0, 10_000, 0));
    tail.shadow.durations =
        Population::log_normal(10.0, 0.4).with_path(0.005, 1000.0).expected(&fine(), 10_000);
    decided(&tail, Decision::Reject, Criterion::Slow, Decision::Reject);
    decided(&tail, Decision::Reject, Criterion::P999, Decision::Reject);
    decided(&tail, Decision::Reject, Criterion::P99, Decision::Promote);
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
    let mut refused = tally((20.0, 20_000, 100), (20.0, 20_000, 100));
    refused.failed.insert("rejected".into(), 400);
    decided(&refused, Decision::Reject, Criterion::Errors, Decision::Promote);
    decided(&refused, Decision::Reject, Criterion::Failures, Decision::Reject);
}

#[test]
fn what_a_breaker_held_back_counts_as_failed() {
    // Good for 25,000 requests, dead for 25,000, and well again.
    let mut dead = tally((20.0, 25_050, 100), (20.0, 25_000, 100));
    dead.failed.insert("unreachable".into(), 50);
    dead.skipped.insert("breaker".into(), 24_950);
    decided(&dead, Decision::Reject, Criterion::Failures, Decision::Reject);
}

#[test]
fn what_was_cut_is_no_failure_and_not_compared() {
    let mut cut = tally((20.0, 20_000, 100), (20.0, 18_000, 90));
    cut.failed.insert("cut".into(), 2_000);
    for criterion in [Criterion::Errors, Criterion::Failures, Criterion::P50] {
        decided(&cut, Decision::Hold, criterion, Decision::Promote);
    }
    decided(&cut, Decision::Hold, Criterion::Uncompared, Decision::Hold);
    cut.failed.insert("cut".into(), 200);
    cut.shadow = service(20.0, 19_800, 99);
    decided(&cut, Decision::Promote, Criterion::Uncompared, Decision::Promote);
}

/// The primary's slowest are those of which the shadow's were cut, perhaps.
#[test]
fn what_was_cut_hides_nothing_of_the_rest() {
    let mut cut = tally((20.0, 20_000, 0), (20.0, 19_400, 0));
    cut.primary.durations =
        Population::log_normal(20.0, 0.4).with_path(0.03, 5_000.0).expected(&fine(), 20_000);
    cut.failed.insert("cut".into(), 600);
    // Twice as slow as the primary's others, and not a hundredth of the primary's P99.
    cut.shadow.durations = Population::log_normal(100.0, 0.1).expected(&fine(), 19_400);
    decided(&cut, Decision::Reject, Criterion::P99, Decision::Hold);
    let limits = Thresholds::default();
    let found = judged(&cut);
    let p99 = found.findings.iter().find(|finding| finding.criterion == Criterion::P99).expect("judged");
    assert_eq!(found.need(p99, &cut, &limits), Some(Need::Cut { copies: 600 }));
}

#[test]
fn copies_that_are_lost_as_often_as_requests_of_users_do_not_reject() {
    let mut closing = tally((20.0, 20_000, 0), (20.0, 19_500, 0));
    closing.failed.insert("unreachable".into(), 500);
    for (repeated, decision) in
        [(0, Decision::Reject), (200, Decision::Reject), (480, Decision::Hold), (900, Decision::Hold)]
    {
        closing.repeated = repeated;
        decided(&closing, decision, Criterion::Errors, decision);
        decided(&closing, decision, Criterion::Failures, decision);
    }
    let found = judged(&closing);
    let need = found.need(&found.findings[0], &closing, &Thresholds::default());
    assert_eq!(need, Some(Need::LostOnTheWay { copies: 500, repeated: 900 }));
    // Timeouts are not of the way.
    closing.failed = [("timeout".to_owned(), 500)].into();
    decided(&closing, Decision::Reject, Criterion::Errors, Decision::Reject);
}

#[test]
fn client_errors_and_grpc_statuses_are_judged() {
    let mut refusing = tally((20.0, 20_000, 0), (20.0, 20_000, 0));
    refusing.shadow.classes = [("4xx".to_owned(), 20_000)].into();
    decided(&refusing, Decision::Reject, Criterion::ClientErrors, Decision::Reject);
    let mut grpc = tally((20.0, 20_000, 0), (20.0, 20_000, 0));
    grpc.primary.grpc = [("OK".to_owned(), 20_000)].into();
    grpc.shadow.grpc = [("INTERNAL".to_owned(), 20_000)].into();
    decided(&grpc, Decision::Reject, Criterion::Errors, Decision::Reject);
    grpc.shadow.grpc = [("NOT_FOUND".to_owned(), 20_000)].into();
    decided(&grpc, Decision::Reject, Criterion::ClientErrors, Decision::Reject);
    decided(&grpc, Decision::Reject, Criterion::Errors, Decision::Promote);
}

/// A mirror with a control; the copies' way adds 20 ms and loses a few, to both.
fn controlled() -> Tally {
    let mut copies = tally((20.0, 20_000, 0), (40.0, 19_700, 0));
    copies.failed.insert("unreachable".into(), 300);
    let control = Tally { mirror: "v2-control".into(), requests: 20_000, sent: 20_000, ..copies.clone() };
    copies.control = Some(Box::new(control));
    copies
}

#[test]
fn a_control_takes_the_place_of_the_primary() {
    let copies = controlled();
    assert_eq!(judged(&Tally { control: None, ..copies.clone() }).decision, Decision::Reject);
    let found = judged(&copies);
    assert_eq!(found.decision, Decision::Promote, "{found:#?}");
    // What the shadow adds to it is the shadow's.
    let mut worse = copies.clone();
    worse.failed.insert("unreachable".into(), 900);
    worse.shadow = service(40.0, 19_100, 0);
    decided(&worse, Decision::Reject, Criterion::Failures, Decision::Reject);
    let mut slower = copies.clone();
    slower.shadow = service(80.0, 19_700, 0);
    decided(&slower, Decision::Reject, Criterion::P50, Decision::Reject);
    let mut refusing = copies;
    refusing.shadow.classes = [("2xx".to_owned(), 18_000), ("4xx".to_owned(), 1_700)].into();
    decided(&refusing, Decision::Reject, Criterion::ClientErrors, Decision::Reject);
}

/// Else it would hide that the shadow is, too.
#[test]
fn a_control_that_is_broken_is_no_measure() {
    let with = |edit: &dyn Fn(&mut Tally)| {
        let mut copies = controlled();
        edit(copies.control.as_deref_mut().expect("a control"));
        let found = judged(&copies);
        assert_eq!(found.decision, Decision::Reject, "against the primary: {found:#?}");
        assert_eq!(copies.baseline().who, Who::Primary);
        copies.control_state()
    };
    let nothing = |tally: &mut Tally, reason: &str| {
        *tally = Tally { requests: 20_000, ..Tally::default() };
        tally.failed.insert(reason.to_owned(), 20_000);
    };
    assert_eq!(with(&|control| *control = control.times(0.5)), ControlState::TooFew);
    assert_eq!(with(&|control| *control = Tally::default()), ControlState::Silent);
    assert_eq!(with(&|control| nothing(control, "unknown_cluster")), ControlState::UnknownCluster);
    assert_eq!(with(&|control| nothing(control, "rejected")), ControlState::NoEndpoint);
    assert_eq!(with(&|control| control.breaker_open = 1), ControlState::Dead);
    let loses = |control: &mut Tally| {
        control.shadow = service(40.0, 18_000, 0);
        control.failed.insert("timeout".into(), 2_000);
    };
    assert_eq!(with(&loses), ControlState::Dead);
    assert_eq!(with(&|control| control.shadow = service(40.0, 19_700, 400)), ControlState::Fails);
    let refuses = |control: &mut Tally| {
        control.shadow.classes = [("2xx".to_owned(), 10_000), ("4xx".to_owned(), 9_700)].into();
    };
    assert_eq!(with(&refuses), ControlState::Refuses);
    // Never without one.
    assert_eq!(Tally::default().control_state(), ControlState::None);
}

/// As many as `count`, spread around the median.
fn slowdown(median: f64, spread: f64, count: u64) -> Histogram {
    Population::log_normal(median, spread).expected(&fine(), count)
}

#[test]
fn the_same_request_is_compared_with_itself() {
    let mut pairs = tally((20.0, 20_000, 0), (20.0, 20_000, 0));
    assert!(judged(&pairs).findings.iter().all(|it| it.criterion != Criterion::Paired), "an older module");
    pairs.slowdown = slowdown(1.0, 0.3, 20_000);
    for criterion in [Criterion::Paired, Criterion::PairsTwice] {
        decided(&pairs, Decision::Promote, criterion, Decision::Promote);
    }
    pairs.slowdown = slowdown(1.8, 0.3, 20_000);
    decided(&pairs, Decision::Reject, Criterion::Paired, Decision::Reject);
    // However much two equal answers differ by themselves.
    pairs.slowdown = slowdown(1.0, 1.5, 20_000);
    decided(&pairs, Decision::Promote, Criterion::PairsTwice, Decision::Promote);
    // A fifth of the requests takes five times as long, and none of the percentiles shows it.
    pairs.slowdown = Population::log_normal(1.0, 0.2).with_path(0.2, 5.0).expected(&fine(), 20_000);
    decided(&pairs, Decision::Reject, Criterion::PairsTwice, Decision::Reject);
    decided(&pairs, Decision::Reject, Criterion::Paired, Decision::Promote);
}

/// At 200 µs the way of the copies adds half as much again.
#[test]
fn what_clock_and_path_add_is_no_slowdown() {
    let mut small = tally((0.2, 20_000, 0), (0.2, 20_000, 0));
    small.slowdown = slowdown(1.6, 0.3, 20_000);
    decided(&small, Decision::Promote, Criterion::Paired, Decision::Promote);
    decided(&small, Decision::Promote, Criterion::PairsTwice, Decision::Promote);
    small.slowdown = slowdown(5.0, 0.3, 20_000);
    decided(&small, Decision::Reject, Criterion::Paired, Decision::Reject);
}

#[test]
fn a_control_is_the_measure_of_slowdowns_too() {
    let mut copies = controlled();
    copies.slowdown = slowdown(2.0, 0.3, 19_700);
    copies.control.as_deref_mut().expect("a control").slowdown = slowdown(1.9, 0.3, 19_700);
    for criterion in [Criterion::Paired, Criterion::PairsTwice] {
        decided(&copies, Decision::Promote, criterion, Decision::Promote);
    }
    copies.slowdown = slowdown(3.5, 0.3, 19_700);
    for criterion in [Criterion::Paired, Criterion::PairsTwice] {
        decided(&copies, Decision::Reject, criterion, Decision::Reject);
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
    assert!(judged(&compared).findings.iter().all(|finding| finding.criterion != Criterion::Mismatches));
    compared.comparisons = [("match", 19_890), ("noise", 100), ("mismatch", 10)]
        .map(|(result, count)| (result.to_owned(), count))
        .into();
    decided(&compared, Decision::Promote, Criterion::Mismatches, Decision::Promote);
    compared.comparisons.insert("mismatch".into(), 400);
    decided(&compared, Decision::Reject, Criterion::Mismatches, Decision::Reject);
    // A wrong price in the three of four answers that cannot be read.
    compared.comparisons = [("match".to_owned(), 5_000), ("incomparable".to_owned(), 15_000)].into();
    decided(&compared, Decision::Hold, Criterion::Uncompared, Decision::Hold);
}

#[test]
fn a_certain_rejection_needs_no_least_number() {
    let differ =
        Tally { comparisons: [("mismatch".to_owned(), 238)].into(), ..tally((20.0, 238, 0), (20.0, 238, 0)) };
    decided(&differ, Decision::Reject, Criterion::Mismatches, Decision::Reject);
    let bad = tally((20.0, 200, 0), (400.0, 200, 199));
    assert_eq!(judged(&bad).decision, Decision::Reject);
    // PROMOTE does.
    let limits = Thresholds { min_samples: 30_000, ..Thresholds::default() };
    let good = Judgement::of(&tally((20.0, 20_000, 0), (20.0, 20_000, 0)), &[], &limits);
    assert_eq!((good.decision, good.missing), (Decision::Hold, 10_000));
}

#[test]
fn what_is_the_matter_now_comes_first() {
    let of = |edit: &dyn Fn(&mut Tally)| {
        let mut tally = tally((20.0, 25_000, 0), (20.0, 25_000, 0));
        edit(&mut tally);
        let found = judged(&tally);
        (found.decision, found.present)
    };
    let nothing = |tally: &mut Tally, requests| {
        *tally = Tally { requests, ..Tally::default() };
    };
    let skipped = |reason: &'static str| {
        move |tally: &mut Tally| {
            *tally =
                Tally { requests: 5_000, skipped: [(reason.to_owned(), 5_000)].into(), ..Tally::default() }
        }
    };
    let failed = |reason: &'static str| {
        move |tally: &mut Tally| {
            *tally = Tally { requests: 7, failed: [(reason.to_owned(), 7)].into(), ..Tally::default() }
        }
    };
    let fault = |present| (Decision::Fault, Some(present));
    assert_eq!(of(&|tally| tally.breaker_open = 2), (Decision::Reject, Some(Present::BreakerOpen(2))));
    assert_eq!(of(&failed("unknown_cluster")), fault(Present::UnknownCluster(7)));
    assert_eq!(of(&failed("rejected")), fault(Present::NoEndpoint(7)));
    assert_eq!(of(&skipped("dry_run")), fault(Present::DryRun));
    assert_eq!(of(&skipped("inactive")), fault(Present::Inactive));
    assert_eq!(of(&skipped("unsampled")), fault(Present::NothingCopied(5_000)));
    assert_eq!(of(&|tally| nothing(tally, 0)), fault(Present::NoTraffic));
    assert_eq!(of(&|tally| nothing(tally, 3)), (Decision::Hold, None));
    let found =
        Judgement::of(&tally((20.0, 100, 0), (20.0, 100, 0)), &["shadow".to_owned()], &Thresholds::default());
    assert_eq!(found.present, Some(Present::ConfigInvalid(vec!["shadow".to_owned()])));
    assert_eq!(found.decision, Decision::Fault);
}

#[test]
fn what_is_needed_settles_an_equal_shadow() {
    let few = tally((20.0, 2_000, 4), (20.0, 2_000, 4));
    let limits = Thresholds::default();
    let found = judged(&few);
    assert_eq!(found.decision, Decision::Hold);
    let needs = found.findings.iter().filter_map(|finding| found.need(finding, &few, &limits));
    let more = needs.map(|need| need.samples().expect("samples settle it")).max().expect("open");
    let enough = few.times((2_000.0 + more as f64) / 2_000.0);
    let settled = judged(&enough);
    assert_eq!(settled.decision, Decision::Promote, "{more}: {settled:#?}");
}

#[test]
fn the_highest_limit_turns_a_criterion_off() {
    let few = tally((20.0, 2_500, 0), (20.0, 2_500, 0));
    assert_eq!(judged(&few).decision, Decision::Hold, "of P99.9 nothing is known");
    let limits = Thresholds { max_p999_ratio: 1000.0, max_slow_increase: 1.0, ..Thresholds::default() };
    let found = Judgement::of(&few, &[], &limits);
    assert_eq!(found.decision, Decision::Promote, "{found:#?}");
    assert!(found.findings.iter().all(|finding| finding.criterion != Criterion::P999));
}

#[test]
fn never_is_only_said_where_it_is_never() {
    let need = |tally: &Tally, limits: &Thresholds, criterion| {
        let found = Judgement::of(tally, &[], limits);
        let finding = found.findings.iter().find(|finding| finding.criterion == criterion).expect("judged");
        found.need(finding, tally, limits)
    };
    // At the limit itself: the shadow is not like the primary, but more samples say more.
    let at_limit = tally((20.0, 20_000, 0), (20.0, 20_000, 100));
    let found = need(&at_limit, &Thresholds::default(), Criterion::Errors);
    assert!(matches!(found, Some(Need::NearLimit { more, .. }) if more > 0), "{found:?}");
    let none = Thresholds { max_error_increase: 0.0, ..Thresholds::default() };
    assert_eq!(need(&at_limit, &none, Criterion::Errors), None, "rejected");
    let equal = tally((20.0, 20_000, 10), (20.0, 20_000, 10));
    assert_eq!(need(&equal, &none, Criterion::Errors), Some(Need::NoRoom));
    let lump = |count| Side {
        classes: [("2xx".to_owned(), count)].into(),
        durations: Histogram { buckets: vec![Bucket { lower: 10.0, upper: 25.0, count }], beyond: 0 },
        ..Side::default()
    };
    let wide = Tally { primary: lump(50_000), shadow: lump(50_000), ..Tally::default() };
    assert_eq!(need(&wide, &Thresholds::default(), Criterion::P50), Some(Need::FinerBuckets));
    // Four thirds as slow, in buckets of which three are within the ratio of two: near the limit, and hidden by the buckets.
    let hidden = Tally {
        shadow: Side { durations: bucketed(13.0), ..lump(50_000) },
        primary: Side { durations: bucketed(10.0), ..lump(50_000) },
        ..Tally::default()
    };
    assert_eq!(need(&hidden, &Thresholds::default(), Criterion::P50), Some(Need::FinerBuckets));
    let mut cut = equal;
    cut.failed.insert("cut".into(), 4_000);
    assert_eq!(need(&cut, &Thresholds::default(), Criterion::Uncompared), Some(Need::Uncompared));
}
