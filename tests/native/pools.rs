// SPDX-License-Identifier: Apache-2.0
//! Limits and breakers that hold for all workers of an Envoy.

mod breaker;
mod cost;

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::{Answer, Sim, Workers};

const MILLISECOND: Duration = Duration::from_millis(1);

fn config(keys: Value) -> Value {
    let mut mirror = json!({"cluster": "c", "name": "m", "breaker": "off"});
    mirror.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    json!({"mirrors": [mirror]})
}

fn limited(limits: Value) -> Value {
    config(json!({"limits": limits}))
}

fn send(sim: &mut Sim, requests: usize) {
    for _ in 0..requests {
        sim.request().send().gone();
    }
}

fn answer_all(sim: &mut Sim) {
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
}

fn counted(workers: &Workers, what: &'static str) -> i64 {
    let count = move |sim: &mut Sim| sim.counted("m").get(what).copied().unwrap_or(0);
    workers.each(count).into_iter().sum()
}

/// Copies that were sent so far. Reading counters would move time on.
fn made(workers: &Workers) -> usize {
    workers.each(|sim| sim.callouts().len()).into_iter().sum()
}

/// Has all workers send until as many copies are under way as may be.
fn fill(workers: &mut Workers, limit: usize) {
    for _ in 0..50 {
        workers.each(|sim| send(sim, 2));
        let in_flight = workers.in_flight();
        assert!(in_flight <= limit, "{in_flight} of {limit}");
        workers.advance(10 * MILLISECOND);
    }
    assert_eq!(workers.in_flight(), limit);
}

/// Whether nobody has anything of any pool.
fn all_is_back(workers: &Workers) -> bool {
    let empty = Workers::new(1, limited(json!({})));
    empty.on(0, |sim| send(sim, 1));
    empty.on(0, answer_all);
    empty.on(0, |sim| sim.rest());
    let size = |workers: &Workers| workers.process().all().into_values().map(|bytes| bytes.len()).max();
    size(workers) == size(&empty)
}

#[test]
fn eight_workers_never_have_more_copies_under_way_than_one_may() {
    let mut workers = Workers::new(8, limited(json!({"max_in_flight": 64})));
    workers.each(|sim| send(sim, 20));
    assert!((50..=64).contains(&workers.in_flight()), "{}", workers.in_flight());
    fill(&mut workers, 64);
    assert_eq!(counted(&workers, "skipped in_flight"), 8 * (20 + 50 * 2) - 64);
    // Those that end make room, wherever the next ones come.
    workers.each(answer_all);
    workers.advance(Duration::from_secs(1));
    workers.on(3, |sim| send(sim, 100));
    assert_eq!(workers.in_flight(), 64);
    workers.each(answer_all);
    workers.advance(Duration::from_secs(2));
    assert!(all_is_back(&workers));
}

#[test]
fn under_any_load_the_limit_holds_and_is_used() {
    let mut workers = Workers::new(4, limited(json!({"max_in_flight": 10})));
    let mut seen = 0;
    for round in 0..600 {
        // Uneven: one worker has most of the load.
        workers.on(0, |sim| send(sim, 3));
        workers.each(move |sim| {
            if round % 3 == 0 {
                send(sim, 1)
            }
        });
        let in_flight = workers.in_flight();
        assert!(in_flight <= 10, "{in_flight}");
        seen += in_flight;
        workers.advance(7 * MILLISECOND);
        workers.each(move |sim| {
            let copies = sim.unanswered();
            copies
                .iter()
                .take(copies.len().div_ceil(2))
                .for_each(|copy| sim.answer(copy, Answer::status(200)));
        });
    }
    assert!(seen > 600 * 5, "{seen}");
    let sent = workers.each(|sim| sim.counted("m")["sent"]);
    assert!(sent.iter().all(|sent| *sent > 60), "{sent:?}");
}

#[test]
fn a_permit_for_all_goes_round() {
    let mut workers = Workers::new(8, limited(json!({"max_in_flight": 1})));
    for _ in 0..200 {
        workers.each(|sim| send(sim, 1));
        assert_eq!(workers.in_flight(), 1);
        workers.advance(6 * MILLISECOND);
        workers.each(answer_all);
    }
    let sent = workers.each(|sim| sim.counted("m").get("sent").copied().unwrap_or(0));
    assert_eq!(sent.iter().sum::<i64>(), 200, "one is under way at each time");
    // Whoever does not need it does not keep it.
    workers.advance(Duration::from_secs(1));
    for index in [5, 2] {
        workers.on(index, |sim| send(sim, 1));
        assert_eq!(workers.in_flight(), 1, "worker {index}");
        workers.on(index, answer_all);
        workers.advance(500 * MILLISECOND);
    }
    assert!(all_is_back(&workers));
}

#[test]
fn a_worker_that_only_now_and_then_has_a_copy_gets_its_part() {
    let mut workers = Workers::new(2, limited(json!({"max_in_flight": 4})));
    for _ in 0..400 {
        workers.on(0, |sim| send(sim, 10));
        workers.on(1, |sim| send(sim, 1));
        workers.advance(10 * MILLISECOND);
        workers.each(answer_all);
    }
    let sent = workers.each(|sim| sim.counted("m")["sent"]);
    assert!(sent[1] > 100, "{sent:?}");
    assert!(sent[0] > 1000, "{sent:?}");
}

#[test]
fn eight_workers_make_no_more_copies_than_the_rate() {
    for (rate, burst) in [(40.0, 40), (40.0, 4), (1000.0, 100), (3.0, 2)] {
        let limits = json!({"requests_per_second": rate, "burst": burst, "max_in_flight": 100_000});
        let mut workers = Workers::new(8, limited(limits));
        for round in 0..400u32 {
            workers.each(move |sim| send(sim, 1 + round as usize % 2));
            workers.advance(10 * MILLISECOND);
            let sent = made(&workers) as f64;
            let most = f64::from(burst) + f64::from(round + 1) * 0.01 * rate;
            assert!(sent <= most + 1e-6, "{rate}, {burst}: {sent} of {most}");
        }
        let sent = made(&workers) as f64;
        let most = f64::from(burst) + 4.0 * rate;
        println!("{rate} a second, burst {burst}: {sent} of {most}");
        assert!(sent >= most * 0.9 - 1.0, "{rate}, {burst}: {sent} of {most}");
        workers.each(answer_all);
        assert!(counted(&workers, "skipped rate") > 0);
    }
}

#[test]
fn a_lost_worker_blocks_its_permits_until_its_copies_must_have_ended() {
    let mut workers = Workers::new(3, config(json!({"limits": {"max_in_flight": 8}, "timeout": "2s"})));
    workers.on(0, |sim| send(sim, 5));
    assert_eq!(workers.crash(0), 5);
    for _ in 0..19 {
        workers.each(|sim| send(sim, 8));
        assert!(workers.in_flight() <= 3, "{} beside 5", workers.in_flight());
        workers.advance(100 * MILLISECOND);
    }
    workers.advance(Duration::from_secs(3));
    fill(&mut workers, 8);
    workers.each(answer_all);
}

#[test]
fn a_new_configuration_counts_with_the_one_before() {
    let with = |keys: Value| config(json!({"limits": {"max_in_flight": 16}, "path": keys}));
    let path = |to: &str| json!({"prefix": "/", "replacement": to});
    let mut workers = Workers::new(4, with(path("/0")));
    for (round, limits) in [16, 16, 6, 16].into_iter().enumerate() {
        workers.each(|sim| send(sim, 3));
        let mut next = with(path(&format!("/{round}")));
        next["mirrors"][0]["limits"]["max_in_flight"] = limits.into();
        workers.each(move |sim| {
            let old = sim.new_root(&next);
            send(sim, 3);
            sim.end_root(old);
            send(sim, 3);
        });
        assert!(workers.in_flight() <= 16, "{}", workers.in_flight());
        workers.advance(100 * MILLISECOND);
        assert!(workers.in_flight() <= 16, "{}", workers.in_flight());
        workers.each(answer_all);
        workers.advance(500 * MILLISECOND);
        fill(&mut workers, limits);
        workers.each(answer_all);
        workers.advance(Duration::from_secs(1));
    }
    workers.each(|sim| sim.reconfigure_same_root(json!({"mirrors": [{"cluster": "none"}]})));
    workers.advance(Duration::from_secs(1));
    assert!(all_is_back(&workers));
}

#[test]
fn mirrors_of_other_names_do_not_meet() {
    let process = crate::sim::SharedData::default();
    let config = json!({"mirrors": [
        {"cluster": "c", "name": "a", "limits": {"max_in_flight": 1}},
        {"cluster": "c", "name": "b", "limits": {"max_in_flight": 1}},
    ]});
    let mut sim = Sim::beside(&process, &config, Duration::from_secs(1));
    send(&mut sim, 3);
    assert_eq!(sim.unanswered().len(), 2);
    let keys: Vec<_> = process.all().into_keys().collect();
    assert_eq!(
        keys,
        ["shadow-filter\0limits\0ns.shadow\0root\0a", "shadow-filter\0limits\0ns.shadow\0root\0b"]
    );
}

#[test]
fn garbage_in_the_pool_is_no_limit_and_no_trouble() {
    let process = crate::sim::SharedData::default();
    for garbage in [&b""[..], b"garbage", &[0xff; 1000], b"SFP\x01"] {
        process.set("shadow-filter\0limits\0ns.shadow\0root\0m", garbage.to_vec(), 0);
        let mut sim = Sim::beside(&process, limited(json!({"max_in_flight": 2})), Duration::from_secs(1));
        send(&mut sim, 3);
        assert_eq!(sim.unanswered().len(), 2);
        process.set("shadow-filter\0limits\0ns.shadow\0root\0m", garbage.to_vec(), 0);
        sim.advance(Duration::from_secs(1));
        answer_all(&mut sim);
        send(&mut sim, 3);
        assert_eq!(sim.unanswered().len(), 2);
        answer_all(&mut sim);
    }
}

#[test]
fn a_worker_scope_is_for_each_worker() {
    let mut workers = Workers::new(3, limited(json!({"max_in_flight": 2, "scope": "worker"})));
    workers.each(|sim| send(sim, 5));
    workers.advance(Duration::from_secs(1));
    assert_eq!(workers.in_flight(), 6);
    assert_eq!(workers.each(|sim| sim.shared_data_calls()), [0, 0, 0]);
}
