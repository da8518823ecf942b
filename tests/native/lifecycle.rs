// SPDX-License-Identifier: Apache-2.0
//! Configurations that come and go while requests and copies are under way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::{Answer, Sim};

fn config(cluster: &str) -> Value {
    json!({"mirrors": [{"cluster": cluster, "name": "m"}]})
}

#[test]
fn a_root_with_nothing_under_way_ends_at_once_and_tells_its_sums() {
    let mut sim = Sim::with_config(config("shadow"));
    sim.request().method("CONNECT").send().gone();
    assert!(sim.end_root(sim.root()));
    assert!(!sim.has(sim.root()));
    assert_eq!(sim.metric("shadow_skipped_total", &[("reason", "upgrade")]), 1);
}

#[test]
fn an_inert_root_ends_at_once() {
    let mut sim = Sim::with_bytes(b"{}");
    sim.request().send().gone();
    assert!(sim.end_root(sim.root()));
}

#[test]
fn a_root_waits_for_its_copies_and_no_longer() {
    let mut sim = Sim::with_config(config("shadow"));
    for _ in 0..3 {
        sim.request().send().gone();
    }
    sim.tick();
    assert!(!sim.end_root(sim.root()));
    let copies = sim.callouts();
    sim.advance(Duration::from_secs(3));
    sim.answer(&copies[0], Answer::status(200));
    sim.answer(&copies[1], Answer::of_envoy(504));
    sim.advance(Duration::from_secs(3));
    assert!(sim.has(sim.root()));
    sim.answer_without_headers(&copies[2]);
    assert!(!sim.has(sim.root()), "it ends with its last answer");
    assert_eq!(sim.cut(), 0);
    sim.assert_all_settled();
    let ticks = sim.ticks();
    sim.advance(Duration::from_secs(10));
    assert_eq!(sim.ticks(), ticks);
}

#[test]
fn a_root_sends_what_waits_before_it_ends() {
    let mut sim = Sim::with_config(config("shadow"));
    let sent = sim.fill_a_window();
    sim.request().body("last").send().gone();
    assert_eq!(sim.callouts().len(), sent, "it waits for the tick");
    assert!(!sim.end_root(sim.root()));
    let copies = sim.callouts();
    assert_eq!(copies[sent].body, b"last");
    for copy in copies {
        sim.answer(&copy, Answer::status(200));
    }
    assert!(!sim.has(sim.root()));
    sim.assert_all_settled();
}

#[test]
fn a_root_whose_last_copies_are_refused_ends() {
    let mut sim = Sim::with_config(config("shadow"));
    sim.fill_a_window();
    for copy in sim.callouts() {
        sim.answer(&copy, Answer::status(200));
    }
    sim.forget_cluster("shadow");
    sim.request().send().gone();
    assert!(sim.end_root(sim.root()), "its last copies were refused");
    sim.assert_all_settled();
}

#[test]
fn a_new_configuration_takes_new_requests_and_leaves_the_old_ones_alone() {
    let mut sim = Sim::with_config(config("old"));
    let flying = sim.request().send();
    sim.tick();
    let reading = sim.request().method("POST").headers_only();
    let old = sim.new_root(config("new"));
    let new = sim.request().send();
    reading.last_chunk("x");
    sim.tick();
    let clusters: Vec<String> = sim.callouts().into_iter().map(|copy| copy.cluster).collect();
    assert_eq!(clusters.iter().filter(|name| *name == "old").count(), 2);
    assert_eq!(clusters.iter().filter(|name| *name == "new").count(), 1);
    for stream in [flying, reading, new] {
        stream.respond(200);
        stream.gone();
    }
    assert!(!sim.end_root(old));
    for copy in sim.callouts() {
        sim.answer(&copy, Answer::status(200));
    }
    assert!(!sim.has(old));
    assert_eq!(sim.cut(), 0);
    assert_eq!(sim.counted("m")["responses shadow 2xx"], 3);
    assert_eq!(sim.counted("m")["responses primary 2xx"], 3);
    sim.assert_all_settled();
}

#[test]
fn copies_of_an_old_configuration_still_count_against_the_workers_bytes() {
    let config =
        |name: &str| json!({"max_buffered_bytes": 1500, "mirrors": [{"cluster": "shadow", "name": name}]});
    let mut sim = Sim::with_config(config("old"));
    sim.request().method("POST").body(vec![b'x'; 1000]).send().respond(200);
    sim.tick();
    let held = sim.only_callout();
    let old = sim.new_root(config("new"));
    assert!(!sim.end_root(old));
    sim.request().method("POST").body(vec![b'x'; 1000]).send().respond(200);
    assert_eq!(sim.counted("new")["skipped memory"], 1);
    assert!(sim.metric("shadow_buffered_bytes", &[]) > 1000);
    sim.answer(&held, Answer::status(200));
    sim.request().method("POST").body(vec![b'x'; 1000]).send().respond(200);
    sim.tick();
    sim.answer(&sim.unanswered()[0], Answer::status(200));
    sim.assert_all_settled();
}

#[test]
fn the_same_root_takes_another_configuration_with_copies_under_way() {
    let mut sim = Sim::with_config(config("old"));
    sim.request().body("in flight").send().gone();
    sim.tick();
    let reading = sim.request().method("POST").headers_only();
    reading.chunk("read");
    sim.request().body("waits").send().gone();
    sim.reconfigure_same_root(config("new"));
    assert!(sim.accepted());
    reading.end();
    sim.request().send().gone();
    sim.tick();
    let clusters: Vec<String> = sim.callouts().into_iter().map(|copy| copy.cluster).collect();
    assert_eq!(clusters, ["old", "old", "old", "new"]);
    for copy in sim.callouts() {
        sim.answer(&copy, Answer::status(200));
    }
    reading.gone();
    assert_eq!(sim.counted("m")["responses shadow 2xx"], 4);
    sim.assert_all_settled();
}

#[test]
fn a_smaller_budget_counts_what_is_held_already() {
    let with_budget =
        |bytes: usize| json!({"max_buffered_bytes": bytes, "mirrors": [{"cluster": "shadow", "name": "m"}]});
    let mut sim = Sim::with_config(with_budget(10_000));
    sim.request().body(vec![0; 5000]).send().gone();
    sim.tick();
    sim.reconfigure_same_root(with_budget(3000));
    sim.request().send().gone();
    assert_eq!(sim.counted("m")["skipped memory"], 1);
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200));
    sim.request().send().gone();
    assert_eq!(sim.counted("m")["sent"], 2);
}

#[test]
fn other_mirrors_after_a_change_are_counted_under_their_own_names() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "a"}, {"cluster": "b"}]}));
    sim.request().send().gone();
    sim.reconfigure_same_root(json!({"mirrors": [{"cluster": "c"}, {"cluster": "b"}]}));
    sim.request().send().gone();
    sim.rest();
    let sent = |mirror| sim.metric("shadow_sent_total", &[("mirror", mirror)]);
    assert_eq!((sent("a"), sent("b"), sent("c")), (1, 2, 1));
}

#[test]
fn copies_under_way_are_counted_when_the_same_root_becomes_inert() {
    let mut sim = Sim::with_config(config("shadow"));
    sim.request().send().gone();
    sim.tick();
    sim.request().send().gone();
    sim.reconfigure_same_root("{}");
    sim.request().send().gone();
    sim.tick();
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
    assert_eq!(sim.counted("m")["requests"], 2);
    sim.assert_all_settled();
}

#[test]
fn an_inert_root_that_is_corrected_counts_under_the_right_names() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "a"}]}));
    sim.reconfigure_same_root("{}");
    sim.reconfigure_same_root(json!({"mirrors": [{"cluster": "b"}]}));
    sim.request().send().gone();
    sim.rest();
    assert_eq!(sim.metric("shadow_sent_total", &[("mirror", "b")]), 1);
    assert_eq!(sim.metric("shadow_sent_total", &[("mirror", "a")]), 0);
}

#[test]
fn many_configurations_leave_nothing_behind() {
    let mut sim = Sim::with_config(config("c0"));
    for i in 1..50 {
        let stream = sim.request().body("x").send();
        let old = sim.new_root(config(&format!("c{i}")));
        stream.gone();
        assert!(!sim.end_root(old));
        sim.tick();
        for copy in sim.unanswered() {
            sim.answer(&copy, Answer::status(200));
        }
        assert!(!sim.has(old));
    }
    assert_eq!(sim.counted("m")["responses shadow 2xx"], 49);
    sim.assert_all_settled();
}

/// Envoy keeps ending roots under their name and configuration. A second one of the same takes the place of the first, which
/// ends without a word and with it its calls.
#[test]
fn flipping_between_two_configurations_leaves_nothing_behind() {
    for batches in [false, true] {
        let a = json!({"mirrors": [{"cluster": "shadow", "name": "m", "timeout": "6s", "compare": {}}]});
        let b = json!({"mirrors": [{"cluster": "shadow", "name": "m", "timeout": "7s", "percentage": 50}]});
        let mut sim = Sim::with_config(&a);
        if batches {
            sim.fill_a_window();
        }
        for flip in 0..5 {
            sim.request().method("POST").body("hangs").send().gone();
            let old = sim.new_root(if flip % 2 == 0 { &b } else { &a });
            sim.end_root(old);
            sim.advance(Duration::from_millis(100));
        }
        assert!(sim.overwritten() > 0 && sim.cut() > 0, "copies were cut without a word");
        sim.advance(Duration::from_secs(15));
        for copy in sim.unanswered() {
            sim.answer(&copy, Answer::of_envoy(504));
        }
        let counted = sim.counted("m");
        assert_eq!(counted.get("failed timeout"), counted.get("sent"), "{counted:?}");
        sim.assert_all_settled();
    }
}

/// Has a root end while something waits, twice under one configuration: the first one ends without a word.
fn a_root_is_dropped(sim: &mut Sim, config: &Value, waits: impl Fn(&mut Sim)) {
    let other = json!({"mirrors": [{"cluster": "shadow", "name": "other"}]});
    for _ in 0..2 {
        let old = sim.new_root(config);
        sim.end_root(old);
        waits(sim);
        let old = sim.new_root(&other);
        assert!(!sim.end_root(old), "something waits");
    }
    assert_eq!(sim.overwritten(), 1);
    sim.advance(Duration::from_secs(15));
}

#[test]
fn a_root_that_ends_without_a_word_leaves_no_open_breaker() {
    let config =
        json!({"mirrors": [{"cluster": "shadow", "name": "m", "breaker": {"consecutive_failures": 1}}]});
    let mut sim = Sim::with_config(&config);
    a_root_is_dropped(&mut sim, &config, |sim| {
        (0..2).for_each(|_| sim.request().send().gone());
        let copies = sim.unanswered();
        sim.answer(&copies[copies.len() - 1], Answer::without_headers());
        sim.rest();
    });
    sim.unanswered().iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
    sim.assert_all_settled();
    assert_eq!(sim.metric("shadow_breaker_open", &[]), 0);
}

#[test]
fn a_root_that_ends_without_a_word_leaves_no_answers_behind() {
    let config = json!({"mirrors": [{"cluster": "shadow", "name": "m", "compare": {}}]});
    let mut sim = Sim::with_config(&config);
    a_root_is_dropped(&mut sim, &config, |sim| {
        let stream = sim.request().send();
        stream.respond(200);
        stream.gone();
        // Before a tick compares them.
        sim.unanswered().iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
    });
    sim.assert_all_settled();
    let counted = sim.counted("m");
    assert_eq!((counted["comparisons match"], counted["comparisons incomparable"]), (1, 1), "{counted:?}");
}
