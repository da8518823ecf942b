// SPDX-License-Identifier: Apache-2.0
//! Three answers to a request, in any order, and what is counted and logged of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::{compared, config, copied, json_answer, results, sim};
use crate::sim::{Answer, Level, Sim};

const PRIMARY: &str = r#"{"id":1,"price":29}"#;

/// The results where the three come in this order: 0 is the primary, 1 the shadow, 2 the control.
fn in_order(order: [usize; 3], shadow: &Answer, control: &Answer) -> (Sim, [Vec<String>; 2]) {
    let mut sim = sim(&json!({}));
    let (stream, copies) = copied(&mut sim);
    for who in order {
        let lost = |results: &Vec<String>| results.iter().all(|result| result == "incomparable");
        assert!(results(&mut sim).iter().all(lost), "nothing is compared before all are there");
        match who {
            0 => stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]),
            1 => sim.answer(&copies[0], shadow.clone()),
            _ => sim.answer(&copies[1], control.clone()),
        }
    }
    stream.gone();
    let results = results(&mut sim);
    sim.assert_all_settled();
    (sim, results)
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[test]
fn what_differs_in_the_control_too_is_noise() {
    let same = json_answer(200, r#"{"price":29.0,"id":1}"#);
    let random = json_answer(200, r#"{"id":2,"price":29}"#);
    let wrong = json_answer(200, r#"{"id":3,"price":31}"#);
    let lost = Answer::of_envoy(503);
    for order in ORDERS {
        for (shadow, control, expected) in [
            (&same, &same, [&["match"][..], &["match"]]),
            (&random, &random, [&["noise"], &["mismatch", "differences body"]]),
            (&same, &random, [&["match"], &["mismatch", "differences body"]]),
            (&random, &same, [&["mismatch", "differences body"], &["match"]]),
            (&wrong, &random, [&["mismatch", "differences body"], &["mismatch", "differences body"]]),
            // Without an answer of the control everything is as without a control, and the other way round.
            (&random, &lost, [&["mismatch", "differences body"], &["incomparable"]]),
            (&lost, &random, [&["incomparable"], &["mismatch", "differences body"]]),
            (&lost, &lost, [&["incomparable"], &["incomparable"]]),
        ] {
            let (_, results) = in_order(order, shadow, control);
            assert_eq!(results, expected, "{order:?} {shadow:?} {control:?}");
        }
    }
}

#[test]
fn only_what_is_no_noise_is_logged_and_counted_by_kind() {
    let random = json_answer(200, r#"{"id":2,"price":29}"#).header("a", "2");
    let wrong = json_answer(500, r#"{"id":3,"price":31}"#).header("a", "3");
    let (sim, [shadow, control]) = in_order([0, 1, 2], &wrong, &random);
    assert_eq!(shadow, ["mismatch", "differences body", "differences status"]);
    assert_eq!(control, ["mismatch", "differences body", "differences header"]);
    let lines = sim.logged(Level::Warn);
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    let line: Value =
        serde_json::from_str(line.strip_prefix("shadow difference ").expect("the words")).expect("JSON");
    assert_eq!((&line["mirror"], &line["request_id"]), (&json!("m"), &json!("r-1")));
    let expected = json!([
        {"at": "status", "primary": 200, "shadow": 500},
        {"at": "/price", "primary": 29, "shadow": 31},
    ]);
    assert_eq!(line["differences"], expected);
}

/// Nor are they counted among the lines that were left out.
#[test]
fn differences_of_the_control_are_not_logged() {
    let mut sim = sim(&json!({}));
    for _ in 0..20 {
        let (stream, copies) = copied(&mut sim);
        stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
        stream.gone();
        sim.answer(&copies[0], Answer::of_envoy(503));
        sim.answer(&copies[1], json_answer(404, ""));
    }
    sim.advance(Duration::from_secs(200));
    assert_eq!(sim.counted("m-control")["comparisons mismatch"], 20);
    assert_eq!(sim.logged(Level::Warn), [""; 0]);
    assert_eq!(sim.tick_period(), None);
}

#[test]
fn without_a_copy_for_the_control_the_shadow_is_compared_alone() {
    let respond = |sim: &mut Sim, method: &str| {
        let stream = sim.request().method(method).send();
        sim.tick();
        stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
        stream.gone();
        let copy = sim.unanswered().into_iter().find(|copy| copy.cluster == "shadow").expect("a copy");
        sim.answer(&copy, json_answer(200, r#"{"id":2,"price":29}"#));
        compared(sim, "m")
    };
    let expected = [("comparisons mismatch".to_owned(), 1), ("differences body".to_owned(), 1)];
    assert_eq!(respond(&mut sim(&json!({})), "POST"), expected);
    for refuse in [Sim::forget_cluster, Sim::empty_cluster] {
        let mut sim = sim(&json!({}));
        refuse(&mut sim, "v1");
        assert_eq!(respond(&mut sim, "GET"), expected);
        let counted = sim.counted("m-control");
        assert_eq!(
            (counted["requests"], counted.get("sent"), compared(&mut sim, "m-control").len()),
            (1, None, 0)
        );
        sim.assert_all_settled();
    }
}

#[test]
fn a_control_is_compared_though_its_shadow_has_no_copy() {
    let mut sim = sim(&json!({}));
    sim.forget_cluster("shadow");
    let stream = sim.request().send();
    sim.tick();
    stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
    stream.gone();
    sim.answer(&sim.only_callout(), json_answer(200, PRIMARY));
    assert_eq!(results(&mut sim), [vec![], vec!["match".to_owned()]]);
    sim.assert_all_settled();
}

#[test]
fn a_primary_that_breaks_off_leaves_nothing_to_compare() {
    for begins in [true, false] {
        for late in [true, false] {
            let mut sim = sim(&json!({}));
            let (stream, copies) = copied(&mut sim);
            let answer =
                |sim: &mut Sim| copies.iter().for_each(|copy| sim.answer(copy, json_answer(200, PRIMARY)));
            if !late {
                answer(&mut sim);
            }
            if begins {
                stream.response(200);
            }
            stream.gone();
            if late {
                answer(&mut sim);
            }
            assert_eq!(results(&mut sim), [["incomparable"]; 2], "begins {begins}, late {late}");
            sim.assert_all_settled();
        }
    }
}

#[test]
fn the_controls_time_is_measured_as_a_mirrors() {
    let mut sim = sim(&json!({}));
    let (stream, copies) = copied(&mut sim);
    let sent = sim.now();
    let at = |sim: &mut Sim, millis| sim.advance(sent + Duration::from_millis(millis) - sim.now());
    at(&mut sim, 10);
    stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
    stream.gone();
    at(&mut sim, 20);
    sim.answer(&copies[1], json_answer(200, PRIMARY));
    at(&mut sim, 40);
    sim.answer(&copies[0], json_answer(500, PRIMARY));
    sim.rest();
    let millis = |mirror, side| {
        let labels = [("mirror", mirror), ("side", side)];
        let all = sim.observations("shadow_duration_microseconds", &labels);
        all.into_iter().map(|micros| micros / 1000).collect::<Vec<_>>()
    };
    for (mirror, took) in [("m", 40), ("m-control", 20)] {
        // The copies may have been sent a millisecond after the request had ended.
        for (side, took) in [("shadow", took), ("primary", 10)] {
            let found = millis(mirror, side);
            assert!(found.len() == 1 && found[0].abs_diff(took) <= 1, "{mirror} {side} {found:?}");
        }
        let slowdown = sim.observations("shadow_slowdown_percent", &[("mirror", mirror)]);
        assert!(slowdown.len() == 1 && slowdown[0].abs_diff(took * 10) < 60, "{slowdown:?}");
    }
    assert_eq!(sim.counted("m-control")["responses shadow 2xx"], 1);
    assert_eq!(sim.counted("m")["responses shadow 5xx"], 1);
    sim.assert_all_settled();
}

/// Answers wait for the control by themselves: no timer runs fast for them.
#[test]
fn a_control_that_hangs_keeps_no_timer_busy() {
    let mut sim = sim(&json!({"timeout": "2s"}));
    let (stream, copies) = copied(&mut sim);
    stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
    stream.gone();
    sim.answer(&copies[0], json_answer(200, PRIMARY));
    sim.rest();
    let before = sim.ticks();
    sim.advance(Duration::from_secs(1));
    assert!(sim.ticks() - before <= 4, "{} ticks", sim.ticks() - before);
    assert_eq!(results(&mut sim), [[""; 0]; 2].map(Vec::from));
    sim.answer(&copies[1], Answer::of_envoy(504));
    assert_eq!(results(&mut sim), [["match"], ["incomparable"]]);
    sim.assert_all_settled();
}

/// An answer that Envoy never tells of is given up, and does not hold the shadow's for ever.
#[test]
fn a_control_of_which_nothing_is_heard_is_given_up() {
    let mut sim = sim(&json!({"timeout": "2s"}));
    let (stream, copies) = copied(&mut sim);
    stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
    stream.gone();
    sim.answer(&copies[0], json_answer(200, PRIMARY));
    sim.advance(Duration::from_secs(10));
    assert_eq!(results(&mut sim), [["match"], ["incomparable"]]);
    assert_eq!(sim.counted("m-control")["failed timeout"], 1);
    sim.assert_all_settled();
}

#[test]
fn a_new_configuration_leaves_what_waits_to_the_old_one() {
    let random = |id| json_answer(200, &format!(r#"{{"id":{id},"price":29}}"#));
    for same_root in [true, false] {
        let mut sim = sim(&json!({}));
        let (stream, copies) = copied(&mut sim);
        sim.answer(&copies[0], random(2));
        if same_root {
            sim.reconfigure_same_root(r#"{"mirrors": [{"cluster": "other", "name": "m", "compare": {}}]}"#);
        } else {
            sim.new_root(config(&json!({"percentage": 0})));
        }
        stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
        stream.gone();
        sim.answer(&copies[1], random(3));
        assert_eq!(results(&mut sim)[0], ["noise"], "same root {same_root}");
        sim.assert_all_settled();
    }
}

#[test]
fn a_root_ends_when_the_control_has_ended() {
    let mut sim = sim(&json!({}));
    let (stream, copies) = copied(&mut sim);
    stream.respond_with(200, &[("a", "1")], &[PRIMARY.as_bytes()]);
    stream.gone();
    sim.answer(&copies[0], json_answer(200, r#"{"id":2,"price":29}"#));
    sim.tick();
    assert!(!sim.end_root(sim.root()));
    sim.answer(&copies[1], json_answer(200, r#"{"id":3,"price":29}"#));
    sim.tick();
    assert!(!sim.has(sim.root()));
    assert_eq!(results(&mut sim)[0], ["noise"]);
    sim.assert_all_settled();
}
