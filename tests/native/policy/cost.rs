// SPDX-License-Identifier: Apache-2.0
//! `limits.requests_per_second` and `breaker`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::{Answer, Level, Sim};

fn sim(keys: Value) -> Sim {
    let mut mirror = keys;
    mirror["cluster"] = "c".into();
    mirror["name"] = "m".into();
    Sim::with_config(json!({"mirrors": [mirror, {"cluster": "other"}]}))
}

fn send(sim: &mut Sim, requests: usize) {
    for _ in 0..requests {
        sim.request().send().gone();
    }
    sim.tick();
}

/// Ends every copy for the mirror with Envoy's own answer, or the shadow's.
fn settle(sim: &mut Sim, answer: &Answer) {
    for copy in sim.unanswered() {
        if copy.cluster == "c" {
            sim.answer(&copy, answer.clone());
        }
    }
}

#[test]
fn no_more_copies_in_a_second_than_the_rate_and_at_once_than_the_burst() {
    let mut sim = sim(json!({"limits": {"requests_per_second": 10, "burst": 4}}));
    send(&mut sim, 20);
    assert_eq!(sim.counted("m")["sent"], 4);
    assert_eq!(sim.counted("m")["skipped rate"], 16);
    assert_eq!(sim.counted("other")["sent"], 20);
    sim.advance(Duration::from_secs(10));
    send(&mut sim, 20);
    assert_eq!(sim.counted("m")["sent"], 8);
    for _ in 0..100 {
        sim.advance(Duration::from_millis(99));
        send(&mut sim, 2);
    }
    let sent = sim.counted("m")["sent"];
    assert!((8 + 100..=8 + 115).contains(&sent), "{sent}");
    sim.assert_adds_up();
}

#[test]
fn the_burst_is_the_rate_if_it_is_not_said() {
    for (rate, burst) in [(json!(7), 7), (json!(2.5), 3), (json!(0.1), 1)] {
        let mut sim = sim(json!({"limits": {"requests_per_second": rate}}));
        send(&mut sim, 20);
        assert_eq!(sim.counted("m")["sent"], burst, "{rate}");
    }
}

#[test]
fn a_breaker_opens_probes_and_closes_and_says_so() {
    let mut sim = sim(json!({"breaker": {"consecutive_failures": 3, "cooldown": "10s"}}));
    send(&mut sim, 5);
    settle(&mut sim, &Answer::of_envoy(503));
    send(&mut sim, 2);
    assert_eq!(sim.counted("m")["breaker_open"], 1);
    assert_eq!(sim.counted("m")["skipped breaker"], 2);
    assert_eq!(sim.counted("other")["sent"], 7);
    assert!(!sim.counted("other").contains_key("breaker_open"));
    sim.advance(Duration::from_secs(10));
    send(&mut sim, 3);
    assert_eq!(sim.counted("m")["skipped breaker"], 4, "one probe");
    settle(&mut sim, &Answer::of_envoy(504));
    send(&mut sim, 1);
    assert_eq!(sim.counted("m")["skipped breaker"], 5);
    assert_eq!(sim.counted("m")["breaker_open"], 1);
    // Twice the cooldown.
    sim.advance(Duration::from_secs(20));
    send(&mut sim, 1);
    settle(&mut sim, &Answer::status(500));
    send(&mut sim, 4);
    let counted = sim.counted("m");
    assert!(!counted.contains_key("breaker_open"), "{counted:?}");
    assert_eq!(counted["skipped breaker"], 5);
    assert_eq!(counted["sent"], 5 + 1 + 1 + 4);
    assert_eq!(
        sim.logged(Level::Warn),
        [
            "mirror m, cluster c: the breaker opens after 3 failures in a row: no copies for 10s",
            "mirror m, cluster c: the breaker opens again, the copy failed: no copies for 20s",
        ]
    );
    let info = sim.logged(Level::Info);
    assert_eq!(
        info[info.len() - 3..],
        [
            "mirror m, cluster c: the breaker lets one copy through",
            "mirror m, cluster c: the breaker lets one copy through",
            "mirror m, cluster c: the breaker closes, the copy was answered",
        ]
    );
    sim.assert_adds_up();
}

#[test]
fn copies_that_were_not_sent_say_nothing_and_answers_of_any_status_end_the_row() {
    let mut sim = sim(json!({"breaker": {"consecutive_failures": 2}}));
    for _ in 0..5 {
        send(&mut sim, 1);
        settle(&mut sim, &Answer::of_envoy(503));
        send(&mut sim, 1);
        settle(&mut sim, &Answer::status(503));
    }
    // A cluster at its limits, or one that is not there yet: that costs nobody.
    sim.empty_cluster("c");
    send(&mut sim, 100);
    sim.forget_cluster("c");
    send(&mut sim, 100);
    assert!(!sim.counted("m").contains_key("skipped breaker"));
    sim.add_cluster("c");
    send(&mut sim, 2);
    settle(&mut sim, &Answer::of_envoy(503));
    send(&mut sim, 1);
    assert_eq!(sim.counted("m")["skipped breaker"], 1);
    sim.advance(Duration::from_secs(25));
    send(&mut sim, 1);
    assert_eq!(sim.counted("m")["skipped breaker"], 2);
    sim.advance(Duration::from_secs(5));
    // A probe that is rejected is none: the next copy is the probe.
    sim.empty_cluster("c");
    send(&mut sim, 1);
    sim.add_cluster("c");
    send(&mut sim, 1);
    settle(&mut sim, &Answer::status(200));
    let counted = sim.counted("m");
    assert!(!counted.contains_key("breaker_open"), "{counted:?}");
    assert_eq!(counted["skipped breaker"], 2);
}

#[test]
fn copies_of_before_the_breaker_opened_do_not_open_it_again() {
    let mut sim = sim(json!({"breaker": {"consecutive_failures": 2, "cooldown": "1s"}, "timeout": "1h"}));
    send(&mut sim, 12);
    let (first, late) = {
        let mut copies: Vec<_> = sim.unanswered().into_iter().filter(|copy| copy.cluster == "c").collect();
        let late = copies.split_off(2);
        (copies, late)
    };
    first.iter().for_each(|copy| sim.answer(copy, Answer::of_envoy(503)));
    sim.advance(Duration::from_secs(1));
    send(&mut sim, 1);
    let probe = sim.unanswered().into_iter().rfind(|copy| copy.cluster == "c").expect("a probe");
    sim.answer(&probe, Answer::status(200));
    late.iter().for_each(|copy| sim.answer(copy, Answer::of_envoy(503)));
    let counted = sim.counted("m");
    assert!(!counted.contains_key("breaker_open"), "{counted:?}");
    send(&mut sim, 1);
    assert!(!sim.counted("m").contains_key("skipped breaker"));
}

#[test]
fn fifty_failures_open_a_breaker_that_is_not_off() {
    for (keys, skipped) in [(json!({}), 10), (json!({"breaker": "off"}), 0)] {
        let mut sim = sim(keys.clone());
        for _ in 0..60 {
            send(&mut sim, 1);
            settle(&mut sim, &Answer::without_headers());
        }
        assert_eq!(sim.counted("m").get("skipped breaker").copied().unwrap_or(0), skipped, "{keys}");
    }
}

#[test]
fn a_new_configuration_begins_with_a_closed_breaker() {
    let keys = json!({"mirrors": [{"cluster": "c", "name": "m", "breaker": {"consecutive_failures": 1}}]});
    let mut sim = Sim::with_config(&keys);
    send(&mut sim, 1);
    settle(&mut sim, &Answer::of_envoy(503));
    assert_eq!(sim.counted("m")["breaker_open"], 1);
    sim.reconfigure_same_root(&keys);
    assert!(!sim.counted("m").contains_key("breaker_open"));
    send(&mut sim, 1);
    settle(&mut sim, &Answer::of_envoy(503));
    assert_eq!(sim.counted("m")["breaker_open"], 1);
    let old = sim.new_root(&keys);
    assert_eq!(sim.counted("m")["breaker_open"], 1, "the old root still has requests");
    assert!(sim.end_root(old));
    assert!(!sim.counted("m").contains_key("breaker_open"));
}
