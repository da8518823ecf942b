// SPDX-License-Identifier: Apache-2.0
//! The primary's side: what it does decides whether there is a copy, and what is counted of its answer.

use std::time::Duration;

use serde_json::json;

use crate::sim::{Answer, Sim};

const SIDE: [(&str, &str); 1] = [("side", "primary")];

fn sim() -> Sim {
    Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m"}]}))
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_client_that_leaves_before_the_end_leaves_no_copy() {
    let mut sim = sim();
    let stream = sim.request().method("POST").headers_only();
    stream.chunk("some");
    stream.gone();
    sim.request().headers_only().gone();
    sim.tick();
    assert!(sim.callouts().is_empty());
    assert_eq!(sim.counted("m"), [("requests".into(), 2), ("skipped aborted".into(), 2)].into());
    sim.assert_all_settled();
}

#[test]
fn a_request_of_its_announced_length_is_whole_though_its_end_was_not_signalled() {
    let mut sim = sim();
    let stream = sim.request().method("POST").header("content-length", "3").headers_only();
    stream.chunk("all");
    stream.respond(200);
    stream.gone();
    let short = sim.request().method("POST").header("content-length", "4").headers_only();
    short.chunk("all");
    short.respond(200);
    short.gone();
    sim.tick();
    let copy = sim.only_callout();
    assert_eq!(copy.body, b"all");
    sim.answer(&copy, Answer::status(200));
    let counted = sim.counted("m");
    assert_eq!(counted["skipped aborted"], 1);
    assert_eq!(counted["responses primary 2xx"], 1);
    sim.assert_all_settled();
}

#[test]
fn a_client_that_leaves_after_the_end_leaves_a_copy() {
    let mut sim = sim();
    sim.request().method("POST").body("all").send().gone();
    sim.tick();
    let copy = sim.only_callout();
    assert_eq!(copy.body, b"all");
    sim.answer(&copy, Answer::status(204));
    let counted = sim.counted("m");
    assert_eq!(counted["responses shadow 2xx"], 1);
    assert!(!counted.keys().any(|name| name.contains("primary")), "{counted:?}");
    sim.assert_all_settled();
}

#[test]
fn its_answer_counts_whenever_it_comes() {
    let mut sim = sim();
    // Before the request has ended, before the copy is sent, before and after the shadow's answer.
    let early = sim.request().method("POST").headers_only();
    early.respond(413);
    early.last_chunk("late");
    sim.request().send().respond(200);
    let [before, after] = [sim.request().send(), sim.request().send()];
    sim.tick();
    before.respond(301);
    let copies = sim.callouts();
    assert_eq!(copies.len(), 4);
    copies.iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
    after.respond(503);
    let counted = sim.counted("m");
    for class in ["2xx", "3xx", "4xx", "5xx"] {
        assert_eq!(counted[&format!("responses primary {class}")], 1, "{class}");
    }
    sim.assert_all_settled();
}

#[test]
fn its_answer_counts_however_it_ends() {
    let mut sim = sim();
    sim.request().send().respond_without_body(204);
    let stream = sim.request().send();
    stream.response(200);
    stream.response_trailers();
    let stream = sim.request().send();
    stream.response(200);
    stream.gone();
    sim.tick();
    assert_eq!(sim.counted("m")["responses primary 2xx"], 3);
}

#[test]
fn an_answer_counts_once() {
    let mut sim = sim();
    let stream = sim.request().send();
    stream.respond(200);
    stream.response_trailers();
    stream.gone();
    sim.tick();
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200));
    assert_eq!(sim.counted("m")["responses primary 2xx"], 1);
}

#[test]
fn an_interim_answer_is_not_the_answer() {
    let mut sim = sim();
    let stream = sim.request().send();
    stream.response(103);
    stream.response(200);
    stream.response_end();
    sim.tick();
    let counted = sim.counted("m");
    assert_eq!(counted["responses primary 2xx"], 1);
    assert!(!counted.contains_key("responses primary 1xx"));
}

#[test]
fn without_a_copy_nothing_is_counted_of_its_answer() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m"}]}));
    sim.forget_cluster("shadow");
    let stream = sim.request().send();
    sim.tick();
    stream.respond(200);
    stream.gone();
    let counted = sim.counted("m");
    assert_eq!(counted, [("requests".into(), 1), ("failed unknown_cluster".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn its_answer_counts_for_each_mirror_that_got_a_copy() {
    let mut sim =
        Sim::with_config(json!({"mirrors": [{"cluster": "a"}, {"cluster": "b"}, {"cluster": "c"}]}));
    sim.empty_cluster("b");
    let stream = sim.request().send();
    sim.tick();
    stream.respond(200);
    sim.rest();
    let of = |mirror| sim.metric("shadow_responses_total", &[("side", "primary"), ("mirror", mirror)]);
    assert_eq!((of("a"), of("b"), of("c")), (1, 0, 1));
}

/// Neither a client that sends or reads slowly nor the carrying of an answer's body is charged to a side.
#[test]
fn durations_are_from_the_end_of_the_request_to_the_headers_of_the_answer() {
    let mut sim = sim();
    let stream = sim.request().method("POST").headers_only();
    sim.advance(millis(500));
    stream.end();
    sim.advance(millis(20));
    stream.response(200);
    sim.advance(millis(10));
    stream.response_end();
    sim.advance(millis(15));
    let copy = sim.only_callout();
    // Envoy hands the answer over whole, and says how long its headers took.
    sim.answer(&copy, Answer::of_envoy(200).header("x-envoy-upstream-service-time", "25"));
    sim.rest();
    assert_eq!(sim.observations("shadow_duration_microseconds", &SIDE), [20_000]);
    assert_eq!(sim.observations("shadow_duration_microseconds", &[("side", "shadow")]), [25_999]);
    assert_eq!(sim.observations("shadow_slowdown_percent", &[]), [129]);
}

#[test]
fn a_duration_is_exact_where_the_body_took_no_time() {
    for (micros, service_time, expected) in [
        (300, "0", 300),
        (9_500, "3", 9_500),
        (12_345, "12", 12_345),
        (12_345, "x", 12_345),
        (90_000, "12", 12_999),
    ] {
        let mut sim = sim();
        sim.request().send().respond(200);
        sim.advance(Duration::from_micros(micros));
        let answer = Answer::of_envoy(200).header("x-envoy-upstream-service-time", service_time);
        sim.answer(&sim.only_callout(), answer);
        sim.rest();
        let found = sim.observations("shadow_duration_microseconds", &[("side", "shadow")]);
        assert_eq!(found, [expected], "{micros} µs and {service_time} ms");
    }
}

#[test]
fn a_slowdown_is_counted_whichever_side_answers_first() {
    for primary_first in [true, false] {
        let mut sim = sim();
        let stream = sim.request().send();
        let copy = sim.only_callout();
        sim.advance(millis(2));
        if primary_first {
            stream.respond(200);
        } else {
            sim.answer(&copy, Answer::status(200));
        }
        sim.advance(millis(2));
        if primary_first {
            sim.answer(&copy, Answer::status(200));
        } else {
            stream.respond(200);
        }
        sim.rest();
        let expected = if primary_first { 200 } else { 50 };
        assert_eq!(sim.observations("shadow_slowdown_percent", &[]), [expected]);
        stream.gone();
        sim.assert_all_settled();
    }
}

/// Streams are longer than the timeout of copies, on both sides.
#[test]
fn a_timeout_that_the_primary_outlasts_is_no_failure() {
    for (primary, headers, reason) in [
        // How long the primary takes, and whether the shadow's headers had come.
        (None, true, "cut"),
        (None, false, "cut"),
        (Some(6), true, "cut"),
        (Some(1), true, "reset"),
        (Some(1), false, "timeout"),
    ] {
        let mut sim = sim();
        let stream = sim.request().send();
        let copy = sim.only_callout();
        stream.response(200);
        if let Some(seconds) = primary {
            sim.advance(Duration::from_secs(seconds));
            stream.response_end();
            sim.advance(Duration::from_secs(5_u64.saturating_sub(seconds)));
        } else {
            sim.advance(Duration::from_secs(5));
        }
        sim.answer(&copy, if headers { Answer::without_headers() } else { Answer::of_envoy(504) });
        let counted = sim.counted("m");
        assert_eq!(counted.get(&format!("failed {reason}")), Some(&1), "{primary:?} {headers}: {counted:?}");
        stream.gone();
        sim.assert_all_settled();
    }
}

/// Envoy has a limit for the answers to calls, and tells no cause.
#[test]
fn an_answer_beyond_envoys_limit_is_no_failure_where_the_primarys_is_as_large() {
    let mut sim = sim();
    let ask = |sim: &mut Sim, size: usize, answer: Answer| {
        let stream = sim.request().send();
        stream.respond_with(200, &[], &[&vec![b'x'; size]]);
        stream.gone();
        sim.tick();
        let copy = sim.unanswered().pop().expect("a copy");
        sim.answer(&copy, answer);
    };
    ask(&mut sim, 100_000, Answer::without_headers());
    assert_eq!(sim.counted("m")["failed reset"], 1, "nothing has come whole yet");
    ask(&mut sim, 100_000, Answer::status(200).body(vec![b'x'; 100_000]));
    ask(&mut sim, 200_000, Answer::without_headers());
    assert_eq!(sim.counted("m")["failed cut"], 1);
    ask(&mut sim, 90_000, Answer::without_headers());
    ask(&mut sim, 10, Answer::without_headers());
    assert_eq!(sim.counted("m")["failed reset"], 3, "answers of that size come whole");
    sim.assert_all_settled();
}

/// The shadow's answer ends at the limit before the primary's, which is as large, has gone by.
#[test]
fn an_answer_beyond_envoys_limit_waits_for_the_end_of_the_primarys() {
    for (size, reason) in [(200_000, "cut"), (1_000, "reset")] {
        let mut sim = sim();
        sim.request().send().respond(200);
        let copy = sim.only_callout();
        sim.answer(&copy, Answer::status(200).body(vec![b'x'; 100_000]));
        let stream = sim.request().send();
        stream.response(200);
        let copy = sim.unanswered().pop().expect("a copy");
        sim.answer(&copy, Answer::without_headers());
        let decided = |sim: &mut Sim| {
            let counted = sim.counted("m");
            ["cut", "reset"].map(|reason| counted.get(&format!("failed {reason}")).copied().unwrap_or(0))
        };
        assert_eq!(decided(&mut sim), [0, 0], "{size}: too early to tell");
        stream.response_chunk(&vec![b'x'; size]);
        stream.response_end();
        let expected = if reason == "cut" { [1, 0] } else { [0, 1] };
        assert_eq!(decided(&mut sim), expected, "{size}");
        stream.gone();
        sim.assert_all_settled();
    }
}

/// Envoy reckons a timeout from before the copy was sent.
#[test]
fn a_timeout_may_come_a_little_early() {
    for (headers, early, reason) in
        [(true, 30, "cut"), (false, 30, "cut"), (true, 300, "reset"), (false, 300, "timeout")]
    {
        let mut sim = sim();
        let stream = sim.request().send();
        let copy = sim.only_callout();
        stream.response(200);
        sim.advance(Duration::from_secs(5) - millis(early));
        sim.answer(&copy, if headers { Answer::without_headers() } else { Answer::of_envoy(504) });
        stream.gone();
        let counted = sim.counted("m");
        assert_eq!(counted.get(&format!("failed {reason}")), Some(&1), "{headers} {early}: {counted:?}");
        sim.assert_all_settled();
    }
}

#[test]
fn what_was_cut_does_not_open_the_breaker() {
    let config = json!({"mirrors": [{"cluster": "shadow", "name": "m", "timeout": "1s", "breaker": {"consecutive_failures": 2}}]});
    let mut sim = Sim::with_config(config);
    for _ in 0..5 {
        let stream = sim.request().send();
        stream.response(200);
        sim.advance(Duration::from_secs(1));
        let copy = sim.unanswered().pop().expect("a copy");
        sim.answer(&copy, Answer::without_headers());
        stream.gone();
    }
    assert_eq!(sim.counted("m")["failed cut"], 5);
}

#[test]
fn an_answer_before_the_end_of_the_request_took_no_time() {
    let mut sim = sim();
    let stream = sim.request().method("POST").headers_only();
    stream.respond(413);
    sim.advance(millis(100));
    stream.end();
    sim.rest();
    assert_eq!(sim.observations("shadow_duration_microseconds", &SIDE), [0]);
}

#[test]
fn a_copy_is_sent_once_whatever_happens_behind_the_end_of_the_request() {
    let mut sim = sim();
    let stream = sim.request().method("POST").body("a").trailers().send();
    stream.end();
    stream.trailers();
    stream.respond(200);
    stream.gone();
    sim.rest();
    assert_eq!(sim.callouts().len(), 1);
}
