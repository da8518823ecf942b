// SPDX-License-Identifier: Apache-2.0
//! What a pool costs a worker in calls, and what happens where the host has none.

use super::*;

/// So many exchanges with a shadow that answers within a millisecond. Calls to the host, and those among them to shared data.
fn calls(sim: &mut Sim, exchanges: usize, apart: Duration) -> (usize, usize) {
    let before = (sim.host_calls(), sim.shared_data_calls());
    for _ in 0..exchanges {
        let stream = sim.request().send();
        sim.advance(MILLISECOND);
        answer_all(sim);
        stream.respond(200);
        stream.gone();
        sim.advance(apart - MILLISECOND);
    }
    (sim.host_calls() - before.0, sim.shared_data_calls() - before.1)
}

#[test]
fn a_copy_of_many_makes_no_call_for_its_permit() {
    let mut own = Sim::with_config(limited(json!({"scope": "worker"})));
    calls(&mut own, 500, 2 * MILLISECOND);
    let (without, none) = calls(&mut own, 1000, 2 * MILLISECOND);
    drop(own);
    let mut shared = Sim::with_config(limited(json!({})));
    calls(&mut shared, 500, 2 * MILLISECOND);
    let (with, of_pool) = calls(&mut shared, 1000, 2 * MILLISECOND);
    println!("{without} calls for 1000 copies in 2 s; {with} with a pool, {of_pool} of them for it");
    assert_eq!(none, 0);
    assert!(of_pool <= 2 * 6, "{of_pool}");
    assert!(with - without <= 3 * 6, "{with}, {without}");
}

#[test]
fn a_copy_now_and_then_makes_four() {
    let mut sim = Sim::with_config(limited(json!({})));
    let (_, of_pool) = calls(&mut sim, 20, Duration::from_secs(2));
    assert!(of_pool <= 20 * 4, "{of_pool}");
}

#[test]
fn a_pool_that_has_nothing_is_not_asked_for_each_copy() {
    let process = crate::sim::SharedData::default();
    let config = limited(json!({"max_in_flight": 10}));
    let mut sim = Sim::beside(&process, config, Duration::from_secs(1));
    send(&mut sim, 10);
    let before = sim.shared_data_calls();
    for _ in 0..1000 {
        send(&mut sim, 1);
        sim.advance(Duration::from_micros(100));
    }
    // 100 ms, at most one attempt in 5 ms.
    let calls = sim.shared_data_calls() - before;
    assert!(calls <= 2 * 21, "{calls}");
}

#[test]
fn without_shared_data_limits_are_each_workers_own() {
    for call in ["get_shared_data", "set_shared_data"] {
        let mut workers = Workers::new(2, limited(json!({"max_in_flight": 3})));
        workers.each(move |sim| sim.fail(call));
        workers.each(|sim| send(sim, 10));
        assert_eq!(workers.in_flight(), 6, "{call}");
        let before = workers.each(|sim| sim.shared_data_calls());
        workers.each(|sim| sim.fail_nothing());
        workers.each(answer_all);
        workers.each(|sim| send(sim, 10));
        workers.advance(Duration::from_secs(1));
        assert_eq!(workers.in_flight(), 6, "{call}");
        assert_eq!(workers.each(|sim| sim.shared_data_calls()), before, "not tried again");
        let lines = workers.each(|sim| sim.errors());
        for lines in lines {
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("share limits with other workers"), "{lines:?}");
        }
    }
}

#[test]
fn a_worker_that_loses_the_pool_in_between_goes_on_alone() {
    let mut workers = Workers::new(2, limited(json!({"max_in_flight": 3})));
    workers.each(|sim| send(sim, 2));
    assert_eq!(workers.in_flight(), 3);
    workers.on(0, |sim| sim.fail("set_shared_data"));
    workers.advance(Duration::from_secs(1));
    workers.on(0, |sim| send(sim, 10));
    assert_eq!(workers.on(0, |sim| sim.unanswered().len()), 3);
    workers.each(answer_all);
}
