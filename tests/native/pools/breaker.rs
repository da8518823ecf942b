// SPDX-License-Identifier: Apache-2.0
//! One breaker for all workers.

use super::*;
use crate::sim::Level;

fn breaking(keys: Value) -> Value {
    config(json!({"breaker": keys}))
}

fn fail_all(sim: &mut Sim) {
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::of_envoy(503));
    }
}

fn open(workers: &Workers) -> i64 {
    counted(workers, "breaker_open")
}

/// Four workers that have copies now and then, one of which has opened the breaker.
fn opened() -> Workers {
    let mut workers = Workers::new(4, breaking(json!({"consecutive_failures": 3, "cooldown": "10s"})));
    workers.each(|sim| send(sim, 1));
    workers.each(answer_all);
    workers.advance(100 * MILLISECOND);
    workers.on(1, |sim| send(sim, 3));
    workers.on(1, fail_all);
    workers
}

/// What each has sent.
fn sent(workers: &Workers) -> Vec<i64> {
    workers.each(|sim| sim.counted("m")["sent"])
}

#[test]
fn what_one_opens_the_others_hear_within_half_a_second() {
    let mut workers = opened();
    let before = sent(&workers);
    workers.advance(500 * MILLISECOND);
    workers.each(|sim| send(sim, 1));
    workers.each(answer_all);
    assert_eq!(sent(&workers), before);
    workers.advance(500 * MILLISECOND);
    assert_eq!(open(&workers), 4, "workers whose breaker is open");
    let lines: usize = workers.each(|sim| sim.logged(Level::Warn).len()).into_iter().sum();
    assert_eq!(lines, 1, "a change is logged once");
}

#[test]
fn a_busy_worker_hears_of_it_as_soon() {
    let mut workers = opened();
    for _ in 0..49 {
        workers.each(|sim| send(sim, 1));
        workers.each(answer_all);
        workers.advance(10 * MILLISECOND);
    }
    workers.each(|sim| send(sim, 1));
    let before = sent(&workers);
    workers.each(|sim| send(sim, 1));
    assert_eq!(sent(&workers), before);
}

#[test]
fn all_workers_together_send_one_probe() {
    let mut workers = opened();
    workers.advance(Duration::from_secs(11));
    for _ in 0..20 {
        workers.each(|sim| send(sim, 2));
        assert_eq!(workers.in_flight(), 1);
        workers.advance(100 * MILLISECOND);
    }
    workers.each(fail_all);
    workers.advance(Duration::from_secs(19));
    workers.each(|sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 0, "the cooldown has doubled for all");
    workers.advance(Duration::from_secs(2));
    workers.each(|sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 1);
    workers.each(answer_all);
    workers.advance(500 * MILLISECOND);
    workers.each(|sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 4);
    assert_eq!(open(&workers), 0);
    workers.each(answer_all);
    workers.advance(Duration::from_secs(2));
    assert!(all_is_back(&workers));
    assert_eq!(workers.each(|sim| sim.tick_period()), [None; 4]);
}

#[test]
fn a_probe_that_is_lost_with_its_worker_is_sent_by_another() {
    let mut workers = opened();
    workers.advance(Duration::from_secs(11));
    workers.on(2, |sim| send(sim, 1));
    assert_eq!(workers.crash(2), 1);
    // The VM in its place begins anew, and has no requests here.
    let send_elsewhere = |workers: &Workers| [0, 1, 3].map(|index| workers.on(index, |sim| send(sim, 1)));
    workers.advance(Duration::from_secs(6));
    send_elsewhere(&workers);
    assert_eq!(workers.in_flight(), 0);
    workers.advance(Duration::from_secs(2));
    send_elsewhere(&workers);
    assert_eq!(workers.in_flight(), 1);
    workers.each(answer_all);
}

#[test]
fn a_probe_that_is_not_sent_is_left_to_others() {
    let mut workers = opened();
    workers.on(2, |sim| sim.empty_cluster("c"));
    workers.advance(Duration::from_secs(11));
    workers.on(2, |sim| send(sim, 1));
    workers.on(3, |sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 0, "it is still that worker's");
    workers.advance(500 * MILLISECOND);
    workers.on(3, |sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 1);
    workers.each(answer_all);
}

#[test]
fn a_new_configuration_begins_with_a_closed_breaker_on_all_workers() {
    let mut workers = opened();
    workers.advance(500 * MILLISECOND);
    let next = breaking(json!({"consecutive_failures": 3, "cooldown": "10s"}));
    workers.each(move |sim| {
        let old = sim.new_root(&next);
        assert!(sim.end_root(old));
    });
    assert_eq!(open(&workers), 0);
    workers.each(|sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 4);
    workers.each(answer_all);
    // Its own is shared as well.
    workers.advance(100 * MILLISECOND);
    workers.on(0, |sim| send(sim, 3));
    workers.on(0, fail_all);
    workers.advance(500 * MILLISECOND);
    workers.each(|sim| send(sim, 1));
    assert_eq!(workers.in_flight(), 0);
}
