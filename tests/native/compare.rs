// SPDX-License-Identifier: Apache-2.0
//! Answers of both sides side by side: in any order, within the budget, and never in the primary's way.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::{Answer, Callout, Level, Sim, Stream};

fn sim(compare: &Value) -> Sim {
    Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m", "compare": compare}]}))
}

/// The counters of comparisons, those that are not zero.
fn compared(sim: &mut Sim) -> Vec<(String, i64)> {
    let counted = sim.counted("m");
    let is_one = |name: &str| name.starts_with("comparisons") || name.starts_with("differences");
    counted.into_iter().filter(|(name, _)| is_one(name)).collect()
}

fn result(name: &str) -> Vec<(String, i64)> {
    vec![(format!("comparisons {name}"), 1)]
}

fn mismatch(kinds: &[&str]) -> Vec<(String, i64)> {
    let kinds = kinds.iter().map(|kind| (format!("differences {kind}"), 1));
    result("mismatch").into_iter().chain(kinds).collect()
}

/// A request with its copy on the wire.
fn copied(sim: &mut Sim) -> (Stream, Callout) {
    let stream = sim.request().path("/items?user=7").header("x-request-id", "r-1").send();
    sim.tick();
    (stream, sim.unanswered().pop().expect("a copy"))
}

/// The only difference that was logged.
fn logged(sim: &Sim) -> Value {
    let lines = sim.logged(Level::Warn);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    serde_json::from_str(lines[0].strip_prefix("shadow difference ").expect("the words")).expect("JSON")
}

/// The time that is logged of an answer that came before the request's end.
#[test]
fn a_primary_that_answers_early_took_no_time() {
    let mut sim = sim(&json!({}));
    sim.advance(Duration::from_secs(1000));
    let stream = sim.request().method("POST").headers_only();
    stream.respond_with(200, &[], &[b"early"]);
    sim.advance(Duration::from_secs(2));
    stream.last_chunk("x");
    stream.gone();
    sim.tick();
    sim.answer(&sim.only_callout(), Answer::status(500));
    sim.rest();
    assert_eq!(logged(&sim)["primary"]["ms"], 0);
}

/// Nothing of the primary's answer is read for a mirror that made no copy.
#[test]
fn an_answer_is_not_read_for_a_mirror_without_a_copy() {
    let big = json!({"body": "json"});
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "shadow", "name": "m", "limits": {"max_in_flight": 1}, "compare": big},
        {"cluster": "other"},
    ]}));
    let (held, _) = copied(&mut sim);
    let stream = sim.request().send();
    let before = sim.host_calls();
    stream.respond_with(200, &[("a", "1")], &[b"x", b"y"]);
    assert!(sim.host_calls() - before <= 3, "a status, the time, and the tick");
    stream.gone();
    held.gone();
    assert_eq!(sim.counted("m")["skipped in_flight"], 1);
}

#[test]
fn nothing_is_compared_unless_that_is_asked_for() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m"}]}));
    let (stream, copy) = copied(&mut sim);
    let before = sim.host_calls();
    stream.respond_with(200, &[("a", "1")], &[b"x", b"y"]);
    assert!(sim.host_calls() - before <= 3, "a status, the time, and the tick");
    stream.gone();
    sim.answer(&copy, Answer::status(500));
    assert_eq!(compared(&mut sim), []);
    assert!(!sim.has_metric("shadow_comparisons_total"));
    sim.assert_all_settled();
}

#[test]
fn the_first_answer_waits_for_the_other() {
    let compare = json!({"headers": ["content-type"], "body": "json", "ignore": ["/ts"]});
    for primary_first in [true, false] {
        for (status, kind, body, expected) in [
            (200, "application/json", r#"{ "b": 1.0, "a": [1], "ts": 9 }"#, result("match")),
            (201, "application/json", r#"{"a":[1],"b":1,"ts":1}"#, mismatch(&["status"])),
            (200, "text/plain", r#"{"a":[1],"b":1}"#, mismatch(&["header"])),
            (200, "application/json", r#"{"a":[2],"b":1}"#, mismatch(&["body"])),
            (404, "text/plain", "gone", mismatch(&["body", "header", "status"])),
        ] {
            let mut sim = sim(&compare);
            let (stream, copy) = copied(&mut sim);
            let answer = Answer::status(status).header("content-type", kind).body(body);
            if !primary_first {
                sim.answer(&copy, answer.clone());
                assert_eq!(compared(&mut sim), []);
            }
            stream.respond_with(
                200,
                &[("content-type", "application/json")],
                &[b"{\"a\":[1]", b",\"b\":1,\"ts\":1}"],
            );
            stream.gone();
            if primary_first {
                assert_eq!(compared(&mut sim), []);
                sim.answer(&copy, answer);
            }
            assert_eq!(compared(&mut sim), expected, "{status} {body}, primary first: {primary_first}");
            sim.assert_all_settled();
        }
    }
}

#[test]
fn a_primary_that_answers_before_the_copy_leaves_is_compared() {
    let mut sim = sim(&json!({"body": "bytes"}));
    let stream = sim.request().send();
    stream.respond_with(200, &[], &[b"same"]);
    stream.gone();
    sim.tick();
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200).body("same"));
    assert_eq!(compared(&mut sim), result("match"));
    sim.assert_all_settled();
}

#[test]
fn a_primary_that_answers_before_the_request_ends_is_compared() {
    let mut sim = sim(&json!({"body": "bytes"}));
    let stream = sim.request().method("POST").headers_only();
    stream.respond_with(200, &[], &[b"early"]);
    stream.last_chunk("x");
    stream.gone();
    sim.tick();
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200).body("late"));
    assert_eq!(compared(&mut sim), mismatch(&["body"]));
    sim.assert_all_settled();
}

#[test]
fn answers_that_never_came_are_incomparable() {
    for shadow in [Answer::of_envoy(503), Answer::of_envoy(504), Answer::without_headers()] {
        let mut sim = sim(&json!({}));
        let (stream, copy) = copied(&mut sim);
        stream.respond(200);
        stream.gone();
        sim.answer(&copy, shadow);
        assert_eq!(compared(&mut sim), result("incomparable"));
        sim.assert_all_settled();
    }
    for shadow_first in [true, false] {
        let mut sim = sim(&json!({"body": "json"}));
        let (stream, copy) = copied(&mut sim);
        if shadow_first {
            sim.answer(&copy, Answer::status(200).body("{}"));
        }
        stream.gone();
        if !shadow_first {
            sim.answer(&copy, Answer::status(200).body("{}"));
        }
        assert_eq!(compared(&mut sim), result("incomparable"), "shadow first: {shadow_first}");
        sim.assert_all_settled();
    }
}

#[test]
fn an_answer_that_breaks_off_is_incomparable() {
    let mut sim = sim(&json!({"body": "bytes"}));
    let (stream, copy) = copied(&mut sim);
    sim.answer(&copy, Answer::status(200).body("half"));
    stream.response(200);
    stream.response_chunk(b"half");
    stream.gone();
    assert_eq!(compared(&mut sim), result("incomparable"));
    sim.assert_all_settled();
}

#[test]
fn copies_that_were_never_sent_are_not_compared() {
    let mut sim = sim(&json!({}));
    sim.forget_cluster("shadow");
    let stream = sim.request().send();
    sim.tick();
    stream.respond(200);
    stream.gone();
    assert_eq!(compared(&mut sim), []);
    sim.assert_all_settled();
}

#[test]
fn bodies_over_the_limit_are_not_kept() {
    let limit = 100;
    for (primary, shadow, expected) in [
        (100, 100, "match"),
        (101, 100, "incomparable"),
        (100, 101, "incomparable"),
        (101, 101, "incomparable"),
    ] {
        let mut sim = sim(&json!({"body": "bytes", "max_body_bytes": limit}));
        let (stream, copy) = copied(&mut sim);
        let chunks = vec![&b"x"[..]; primary];
        stream.respond_with(200, &[], &chunks);
        stream.gone();
        sim.answer(&copy, Answer::status(200).body("x".repeat(shadow)));
        assert_eq!(compared(&mut sim), result(expected), "{primary} {shadow}");
        sim.assert_all_settled();
    }
}

#[test]
fn what_waits_is_within_the_budget() {
    let body = vec![b'x'; 1000];
    for shadow_first in [true, false] {
        let mut sim = Sim::with_config(json!({
            "max_buffered_bytes": 20_000,
            "mirrors": [{"cluster": "shadow", "name": "m", "compare": {"body": "bytes"}}],
        }));
        let mut streams = Vec::new();
        for _ in 0..50 {
            streams.push(sim.request().send());
            sim.tick();
            let copy = sim.unanswered().pop();
            if shadow_first && let Some(copy) = copy {
                sim.answer(&copy, Answer::status(200).body(&body));
            } else {
                streams[streams.len() - 1].respond_with(200, &[], &[&body]);
            }
            sim.rest();
            let held = sim.metric("shadow_buffered_bytes", &[]);
            assert!(held <= 20_000, "{held} bytes");
        }
        assert!(sim.metric("shadow_buffered_bytes", &[]) > 10_000, "some wait");
        for stream in streams {
            if shadow_first {
                stream.respond_with(200, &[], &[&body]);
            }
            stream.gone();
        }
        for copy in sim.unanswered() {
            sim.answer(&copy, Answer::status(200).body(&body));
        }
        let sent = sim.counted("m")["sent"];
        let results: i64 = compared(&mut sim).iter().map(|(_, count)| count).sum();
        assert_eq!(results, sent);
        sim.assert_all_settled();
    }
}

#[test]
fn a_difference_is_logged_without_values() {
    let mut sim = sim(&json!({"body": "json"}));
    let (stream, copy) = copied(&mut sim);
    sim.advance(Duration::from_millis(6));
    stream.respond_with(200, &[], &[br#"{"items":[{"price":29}]}"#]);
    stream.gone();
    sim.advance(Duration::from_millis(90));
    sim.answer(&copy, Answer::status(500).body(r#"{"items":[{"price":31}]}"#));
    sim.rest();
    let expected = json!({
        "mirror": "m", "method": "GET", "path": "/items", "request_id": "r-1",
        "primary": {"status": 200, "ms": 7}, "shadow": {"status": 500, "ms": 97},
        "differences": [{"at": "status"}, {"at": "/items/0/price"}],
    });
    assert_eq!(logged(&sim), expected);
}

#[test]
fn values_are_logged_only_where_that_is_asked_for() {
    let mut sim = sim(&json!({"body": "json", "headers": ["a"], "log_values": true}));
    let (stream, copy) = copied(&mut sim);
    stream.respond_with(200, &[("a", "1"), ("a", "2")], &[br#"{"price":29,"old":true}"#]);
    sim.answer(&copy, Answer::status(200).body(r#"{"price":"31"}"#));
    sim.rest();
    let expected = json!([
        {"at": "header:a", "primary": "1, 2", "shadow": null},
        {"at": "/old", "primary": true, "shadow": null},
        {"at": "/price", "primary": 29, "shadow": "31"},
    ]);
    assert_eq!(logged(&sim)["differences"], expected);
}

#[test]
fn lists_may_be_unordered_and_pointers_lead_to_any_level() {
    let mut sim = sim(&json!({"body": "json", "unordered": ["/**/tags"], "ignore": ["/**/id"]}));
    let primary = r#"{"id":1,"items":[{"id":2,"tags":["a","b",{"id":3,"x":1}]}]}"#;
    for (shadow, expected) in [
        (r#"{"items":[{"tags":[{"x":1.0},"b","a"],"id":9}]}"#, result("match")),
        (r#"{"items":[{"tags":["a","b"]}]}"#, mismatch(&["body"])),
    ] {
        let (stream, copy) = copied(&mut sim);
        let before = sim.counted("m");
        stream.respond_with(200, &[], &[primary.as_bytes()]);
        stream.gone();
        sim.answer(&copy, Answer::status(200).body(shadow));
        let after = sim.counted("m");
        let new: Vec<_> = compared(&mut sim)
            .into_iter()
            .filter(|(name, _)| after.get(name) != before.get(name))
            .map(|(name, _)| (name, 1))
            .collect();
        assert_eq!(new, expected, "{shadow}");
    }
    assert_eq!(logged(&sim)["differences"], json!([{"at": "/items/0/tags"}]));
    sim.assert_all_settled();
}

/// What it takes to repeat a request is that of the copy: what was taken out of it is not in the log either.
#[test]
fn a_request_can_be_repeated_from_the_log() {
    let mut sim = Sim::with_config(json!({"mirrors": [{
        "cluster": "shadow", "name": "m", "path": {"prefix": "/items", "replacement": "/v2"},
        "headers": {"remove": ["x-gone"], "set": {"x-set": "by the mirror"}},
        "redact": {"query": ["user"], "headers": ["x-user"]},
        "compare": {
            "log_query": true,
            "log_headers": ["Accept", "x-gone", "x-set", "x-user", "x-long", "host", "x-none"],
        },
    }]}));
    let stream = sim.request().path("/items?user=7&page=2").header("x-request-id", "r-1");
    let stream = stream.header("accept", "a").header("accept", "b").header("x-gone", "s3cret");
    let stream =
        stream.header("x-user", "s3cret").header("x-set", "s3cret").header("x-long", "l".repeat(5000));
    let stream = stream.header("x-other", "s3cret").send();
    sim.tick();
    let copy = sim.unanswered().pop().expect("a copy");
    stream.respond(200);
    stream.gone();
    sim.answer(&copy, Answer::status(404));
    sim.rest();
    let line = logged(&sim);
    assert_eq!(line["path"], "/items?user=%5Bredacted%5D&page=2");
    let long = line["headers"]["x-long"].as_str().expect("text");
    assert!(long.len() < 600 && long.ends_with('…'));
    let mut headers = line["headers"].clone();
    headers["x-long"].take();
    let expected = json!({
        "accept": "a, b", "x-set": "by the mirror", "x-user": "[redacted]", "host": "svc.test-shadow", "x-long": null,
    });
    assert_eq!(headers, expected);
    assert!(!line.to_string().contains("s3cret"), "{line}");
}

#[test]
fn pairs_of_which_the_shadow_was_slow_are_logged_like_differences() {
    let mut sim = sim(&json!({"log_slower_than": 3, "log_per_minute": 2}));
    let compare = |sim: &mut Sim, primary: u64, shadow: u64, status: u16| {
        let (stream, copy) = copied(sim);
        let (first, second) = (primary.min(shadow), primary.max(shadow) - primary.min(shadow));
        for (wait, is_primary) in [(first, primary <= shadow), (second, primary > shadow)] {
            sim.advance(Duration::from_micros(wait));
            if is_primary {
                stream.respond(200);
            } else {
                sim.answer(&copy, Answer::status(status));
            }
        }
        stream.gone();
        sim.rest();
    };
    let slow = |sim: &Sim| {
        let lines = sim.logged(Level::Warn);
        let lines = lines.iter().filter_map(|line| line.strip_prefix("shadow slow ").map(str::to_owned));
        lines.map(|line| serde_json::from_str::<Value>(&line).expect("JSON")).collect::<Vec<_>>()
    };
    compare(&mut sim, 10_000, 29_000, 200);
    compare(&mut sim, 29_000, 10_000, 200);
    // So little may be chance.
    compare(&mut sim, 100, 1_000, 200);
    assert_eq!(slow(&sim), Vec::<Value>::new());
    compare(&mut sim, 10_000, 40_000, 200);
    let lines = slow(&sim);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["path"], &lines[0]["differences"]), (&json!("/items"), &json!([])));
    assert_eq!((&lines[0]["mirror"], &lines[0]["request_id"]), (&json!("m"), &json!("r-1")));
    assert!(
        lines[0]["shadow"]["ms"].as_u64() > lines[0]["primary"]["ms"].as_u64().map(|ms| ms * 2),
        "{lines:?}"
    );
    // One line for what differs, too.
    compare(&mut sim, 10_000, 50_000, 404);
    assert_eq!((slow(&sim).len(), sim.logged(Level::Warn).len()), (1, 2));
    // The rate is that of both.
    compare(&mut sim, 10_000, 50_000, 200);
    compare(&mut sim, 10_000, 50_000, 404);
    assert_eq!(sim.logged(Level::Warn).len(), 2);
    sim.advance(Duration::from_secs(61));
    let lines = sim.logged(Level::Warn);
    assert!(lines.iter().any(|line| line.contains("2 more differences or slow answers")), "{lines:#?}");
    sim.assert_all_settled();
}

#[test]
fn keys_that_the_configuration_does_not_name_are_logged_only_as_places_of_a_pattern() {
    let compare =
        json!({"body": "json", "ignore": ["/users/*/seen"], "headers": ["a"], "log_places": "pattern"});
    let mut sim = sim(&compare);
    let (stream, copy) = copied(&mut sim);
    let users = br#"{"users":{"ann@example.test":{"seen":1,"tags":["x"]},"bob@example.test":{}}}"#;
    stream.respond_with(200, &[("a", "1")], &[users]);
    sim.answer(&copy, Answer::status(200).body(r#"{"users":{"ann@example.test":{"tags":["y"]}}}"#));
    sim.rest();
    let line = logged(&sim);
    assert_eq!(line["differences"], json!([{"at": "header:a"}, {"at": "/users/*/*/*"}, {"at": "/users/*"}]));
    assert!(!line.to_string().contains("example.test"), "{line}");
}

#[test]
fn differences_are_logged_up_to_a_rate_and_the_rest_is_counted() {
    let mut sim = sim(&json!({"log_per_minute": 3}));
    let differ = |sim: &mut Sim| {
        let (stream, copy) = copied(sim);
        stream.respond(200);
        stream.gone();
        sim.answer(&copy, Answer::status(404));
        sim.rest();
    };
    for _ in 0..10 {
        differ(&mut sim);
    }
    assert_eq!(sim.logged(Level::Warn).len(), 3);
    sim.advance(Duration::from_secs(60));
    differ(&mut sim);
    let lines = sim.logged(Level::Warn);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    assert!(
        lines.iter().any(|line| line.contains("7 more differences or slow answers were not logged")),
        "{lines:#?}"
    );
    assert_eq!(sim.counted("m")["comparisons mismatch"], 11);
}

/// A mirror of which differences were left out of the log.
fn left_out() -> Sim {
    let mut sim = sim(&json!({"log_per_minute": 1}));
    for _ in 0..5 {
        let (stream, copy) = copied(&mut sim);
        stream.respond(200);
        stream.gone();
        sim.answer(&copy, Answer::status(404));
        sim.rest();
    }
    assert_eq!(sim.logged(Level::Warn).len(), 1);
    sim
}

fn assert_told(sim: &Sim) {
    let lines = sim.logged(Level::Warn);
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines[1].contains("4 more differences or slow answers were not logged"), "{lines:#?}");
}

#[test]
fn what_was_left_out_is_told_though_nothing_comes_any_more() {
    let mut sim = left_out();
    sim.advance(Duration::from_secs(61));
    assert_told(&sim);
    assert_eq!(sim.tick_period(), None, "and then there is rest");
}

#[test]
fn what_was_left_out_is_told_when_the_configuration_changes() {
    let mut sim = left_out();
    sim.reconfigure_same_root(r#"{"mirrors": [{"cluster": "other"}]}"#);
    assert_told(&sim);
    let mut sim = left_out();
    sim.end_root(sim.root());
    assert_told(&sim);
}

/// A tick that finds more to do than it has time for leaves the rest to the next one.
#[test]
fn answers_are_compared_for_half_a_millisecond_at_a_time() {
    let mut sim = sim(&json!({"body": "json"}));
    let streams: Vec<_> = (0..50).map(|_| sim.request().send()).collect();
    sim.tick();
    for stream in streams {
        stream.respond_with(200, &[], &[b"[1]"]);
        stream.gone();
    }
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200).body("[1]"));
    }
    sim.work_takes(Duration::from_micros(200));
    let before = sim.ticks();
    while sim.tick_period() == Some(Duration::from_millis(1)) {
        sim.tick();
    }
    let ticks = sim.ticks() - before;
    assert!((17..=50).contains(&ticks), "{ticks} ticks");
    sim.work_takes(Duration::ZERO);
    assert_eq!(compared(&mut sim), [("comparisons match".to_owned(), 50)]);
    sim.assert_all_settled();
}

#[test]
fn mirrors_compare_for_themselves() {
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "a", "compare": {"body": "bytes", "max_body_bytes": 3}},
        {"cluster": "b", "compare": {"headers": ["x"]}},
        {"cluster": "c"},
    ]}));
    let stream = sim.request().send();
    sim.tick();
    for copy in sim.callouts() {
        sim.answer(&copy, Answer::status(200).header("x", "1").body("abc"));
    }
    stream.respond_with(200, &[], &[b"abc"]);
    stream.gone();
    assert_eq!(sim.counted("a")["comparisons match"], 1);
    assert_eq!(sim.counted("b")["differences header"], 1);
    assert!(!sim.counted("c").keys().any(|name| name.starts_with("comparisons")));
    sim.assert_all_settled();
}

#[test]
fn a_root_ends_when_its_pairs_are_compared() {
    let mut sim = sim(&json!({}));
    let (stream, copy) = copied(&mut sim);
    stream.respond(200);
    stream.gone();
    assert!(!sim.end_root(sim.root()));
    sim.answer(&copy, Answer::status(200));
    sim.tick();
    assert!(!sim.has(sim.root()));
    assert_eq!(compared(&mut sim), result("match"));
    sim.assert_all_settled();
}
