// SPDX-License-Identifier: Apache-2.0
//! What a control may cost: limits and a breaker of its own, and one budget for everything.

use serde_json::json;

use super::{config, copied, json_answer, sim};
use crate::sim::{Answer, Sim, Workers};

/// A request whose copies are answered by `answer`, which is told the cluster.
fn exchange(sim: &mut Sim, answer: impl Fn(&str) -> Option<Answer>) {
    let before = sim.callouts().len();
    let stream = sim.request().send();
    sim.tick();
    stream.respond_with(200, &[("a", "1")], &[b"{}"]);
    stream.gone();
    for copy in sim.callouts().split_off(before) {
        if let Some(answer) = answer(&copy.cluster) {
            sim.answer(&copy, answer);
        }
    }
}

#[test]
fn a_control_has_places_of_its_own() {
    for (hangs, other) in [("v1", "shadow"), ("shadow", "v1")] {
        let mut sim = sim(&json!({"limits": {"max_in_flight": 3}}));
        for _ in 0..10 {
            exchange(&mut sim, |cluster| (cluster != hangs).then(|| json_answer(200, "{}")));
        }
        let name = |cluster| if cluster == "v1" { "m-control" } else { "m" };
        let full = sim.counted(name(hangs));
        assert_eq!(
            (full["sent"], full["skipped in_flight"], full["in_flight"]),
            (3, full["requests"] - 3, 3)
        );
        // The control is asked where the mirror makes a copy.
        assert_eq!(sim.counted(name(other))["sent"], if hangs == "v1" { 10 } else { 3 });
        sim.unanswered().iter().for_each(|copy| sim.answer(copy, json_answer(200, "{}")));
        for mirror in ["m", "m-control"] {
            let counted = sim.counted(mirror);
            assert_eq!(counted["comparisons match"], counted["sent"], "{mirror}");
        }
        sim.assert_all_settled();
    }
}

#[test]
fn a_dead_control_opens_its_own_breaker() {
    let mut sim = sim(&json!({"breaker": {"consecutive_failures": 4, "cooldown": "30s"}}));
    for _ in 0..10 {
        exchange(&mut sim, |cluster| {
            Some(if cluster == "v1" { Answer::of_envoy(503) } else { json_answer(200, r#"{"id":1}"#) })
        });
    }
    let control = sim.counted("m-control");
    assert_eq!((control["requests"], control["sent"], control["skipped breaker"]), (10, 4, 6));
    assert_eq!(control["breaker_open"], 1);
    let mirror = sim.counted("m");
    assert_eq!((mirror["sent"], mirror["comparisons mismatch"]), (10, 10));
    assert!(!mirror.contains_key("breaker_open"));
    // Another configuration takes over, and the gauge is taken back.
    sim.reconfigure_same_root(config(&json!({})));
    sim.rest();
    assert_eq!(sim.metric("shadow_breaker_open", &[]), 0);
    sim.assert_all_settled();
}

#[test]
fn what_waits_for_the_control_is_within_the_budget() {
    const BUDGET: usize = 30_000;
    let mut config = config(&json!({"timeout": "1h"}));
    config["max_buffered_bytes"] = BUDGET.into();
    let mut sim = Sim::with_config(config);
    let body = format!("\"{}\"", "x".repeat(2000));
    for _ in 0..20 {
        exchange(&mut sim, |cluster| (cluster == "shadow").then(|| json_answer(200, &body)));
        sim.rest();
        assert!(sim.metric("shadow_buffered_bytes", &[]) <= BUDGET as i64);
    }
    assert!(sim.metric("shadow_buffered_bytes", &[]) > BUDGET as i64 / 2);
    let counted = sim.counted("m");
    let has = |name| counted.contains_key(name);
    assert!(has("skipped memory") || has("comparisons incomparable"), "{counted:?}");
    assert!(!counted.contains_key("comparisons mismatch"), "the others wait");
    sim.unanswered().iter().for_each(|copy| sim.answer(copy, json_answer(200, &body)));
    for mirror in ["m", "m-control"] {
        let counted = sim.counted(mirror);
        let compared =
            counted.iter().filter(|(name, _)| name.starts_with("comparisons")).map(|(_, count)| count);
        assert_eq!(compared.sum::<i64>(), counted["sent"], "{mirror}");
    }
    sim.assert_all_settled();
}

/// The answers of a control for which there is no room are as if it had none.
#[test]
fn without_room_for_the_controls_answer_the_shadow_is_compared_alone() {
    let mut config = config(&json!({}));
    config["max_buffered_bytes"] = 6000.into();
    let mut sim = Sim::with_config(config);
    let (stream, [shadow, control]) = copied(&mut sim);
    stream.respond_with(200, &[("a", "1")], &[b"{}"]);
    stream.gone();
    sim.answer(&control, json_answer(200, &format!("\"{}\"", "x".repeat(6000))));
    sim.answer(&shadow, json_answer(200, "[]"));
    assert_eq!(sim.counted("m-control")["comparisons incomparable"], 1);
    assert_eq!(sim.counted("m")["comparisons mismatch"], 1);
    sim.assert_all_settled();
}

#[test]
fn workers_share_the_places_of_a_control() {
    let workers = Workers::new(2, config(&json!({"limits": {"max_in_flight": 8}})));
    for index in 0..40 {
        workers.on(index % 2, |sim| {
            sim.request().send().gone();
            sim.tick();
        });
    }
    let sent = workers.each(|sim| {
        let to = |cluster| sim.callouts().iter().filter(|copy| copy.cluster == cluster).count();
        [to("shadow"), to("v1")]
    });
    assert_eq!([0, 1].map(|side| sent.iter().map(|sent| sent[side]).sum::<usize>()), [8, 8]);
}
