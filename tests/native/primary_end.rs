// SPDX-License-Identifier: Apache-2.0
//! `"send": "primary_end"`: copies of the request as it was sent, once the primary's exchange is over.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::{Answer, Sim, Stream};

/// What the router makes of the request that the tests send.
const SENT: [(&str, &str); 10] = [
    (":authority", "search.internal:80"),
    (":path", "/v2/items?q=1"),
    (":method", "POST"),
    (":scheme", "http"),
    ("x-user", "7"),
    ("content-length", "4"),
    ("x-added", "by the route"),
    ("traceparent", "00-1-2-01"),
    ("x-envoy-original-path", "/items?q=1"),
    ("x-envoy-expected-rq-timeout-ms", "15000"),
];

fn late(more: &Value) -> Value {
    let mut mirror = json!({"cluster": "shadow", "name": "m", "send": "primary_end"});
    mirror.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    mirror
}

fn sim(more: &Value) -> Sim {
    Sim::with_config(json!({"mirrors": [late(more)]}))
}

/// A request that was read whole and routed.
fn routed(sim: &Sim) -> Stream {
    let request = sim.request().method("POST").path("/items?q=1").header("x-user", "7");
    let stream = request.header("content-length", "4").body("bo").body("dy").send();
    stream.sent_as(&SENT);
    stream
}

fn skipped(sim: &mut Sim) -> Vec<String> {
    sim.counted("m").into_keys().filter(|name| name.starts_with("skipped")).collect()
}

#[test]
fn a_copy_is_the_request_as_it_was_sent_and_leaves_when_the_primarys_exchange_is_over() {
    let mut sim = sim(&json!({"match": [{"path": {"prefix": "/items"}}]}));
    let stream = routed(&sim);
    stream.respond(200);
    sim.rest();
    assert!(sim.callouts().is_empty(), "the exchange is not over");
    stream.gone();
    sim.tick();
    let copy = sim.only_callout();
    assert_eq!(copy.body, b"body");
    let headers: Vec<_> = copy.headers.iter().map(|(name, value)| (text(name), text(value))).collect();
    let mut expected: Vec<_> = SENT[1..8].iter().map(|(name, value)| (*name, *value)).collect();
    expected.insert(0, (":authority", "search.internal-shadow:80"));
    expected.push(("x-shadow-mirror", "m"));
    assert_eq!(headers, expected);
    sim.answer(&copy, Answer::status(200));
    let counted = sim.counted("m");
    assert_eq!((counted["responses primary 2xx"], counted["responses shadow 2xx"]), (1, 1));
    sim.assert_all_settled();
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// How an exchange ends, by what is called on its stream, and what is counted of it.
type End = (&'static str, fn(&Stream), Option<&'static str>);

#[test]
fn a_request_that_no_upstream_answered_is_not_copied() {
    const ENDS: [End; 16] = [
        ("an answer", |stream| stream.respond(200), None),
        ("an answer without a body", |stream| stream.respond_without_body(204), None),
        ("an error", |stream| stream.respond(500), None),
        ("an answer that broke off", |stream| stream.response(200), None),
        ("no route", |stream| stream.local_reply(404, "route_not_found"), Some("not_forwarded")),
        ("a direct response", |stream| stream.local_reply(200, "direct_response"), Some("not_forwarded")),
        (
            "another filter",
            |stream| stream.local_reply(403, "rbac_access_denied_matched_policy[p]"),
            Some("not_forwarded"),
        ),
        (
            "a connection that was refused",
            |stream| {
                stream.asked("10.0.0.1:80");
                stream.local_reply(503, "upstream_reset_before_response_started{connection_failure}");
            },
            Some("not_forwarded"),
        ),
        (
            "a timeout before the answer",
            |stream| stream.asked("10.0.0.1:80").local_reply(504, "response_timeout"),
            Some("not_forwarded"),
        ),
        (
            "a timeout within the answer",
            |stream| {
                stream.asked("10.0.0.1:80").cut_by("response_timeout");
                stream.response_with(200, &[("x-envoy-upstream-service-time", "3")], false);
            },
            None,
        ),
        (
            "a client that goes away within the answer",
            |stream| {
                stream.asked("10.0.0.1:80").cut_by("downstream_remote_disconnect");
                stream.response_with(200, &[("x-envoy-upstream-service-time", "3")], false);
            },
            None,
        ),
        ("a client that goes away before the answer", |_| {}, Some("aborted")),
        (
            "a client that goes away, though an endpoint was asked",
            |stream| {
                stream.asked("10.0.0.1:80").cut_by("downstream_remote_disconnect");
            },
            Some("aborted"),
        ),
        (
            "an answer out of a cache",
            |stream| {
                stream.cut_by("cache.response_from_cache_filter");
                stream.response_with(200, &[("x-envoy-upstream-service-time", "3")], true);
            },
            Some("not_forwarded"),
        ),
        (
            "a redirect that Envoy follows",
            |stream| {
                stream.asked("10.0.0.1:80").cut_by("internal_redirect");
                stream.response_with(302, &[("x-envoy-upstream-service-time", "3")], true);
            },
            Some("not_forwarded"),
        ),
        ("a word that is not known", |stream| stream.local_reply(418, "teapot"), Some("not_forwarded")),
    ];
    for (name, end, expected) in ENDS {
        let mut sim = sim(&json!({}));
        let stream = routed(&sim);
        end(&stream);
        stream.gone();
        sim.tick();
        assert_eq!(sim.callouts().len(), usize::from(expected.is_none()), "{name}");
        for copy in sim.unanswered() {
            sim.answer(&copy, Answer::status(200));
        }
        let expected: Vec<_> = expected.map(|reason| format!("skipped {reason}")).into_iter().collect();
        assert_eq!(skipped(&mut sim), expected, "{name}");
        assert_eq!(sim.errors(), Vec::<String>::new(), "{name}");
        sim.assert_all_settled();
    }
}

#[test]
fn mirrors_of_both_kinds_share_a_request() {
    let mut sim = Sim::with_config(json!({"annotate": true, "mirrors": [
        late(&json!({"name": "late"})),
        {"cluster": "shadow", "name": "early"},
        late(&json!({"name": "bare", "body": {"mode": "none"}})),
    ]}));
    let stream = routed(&sim);
    sim.tick();
    let early = sim.only_callout();
    assert_eq!(
        (early.header(":path"), early.header("x-shadow-mirror")),
        ("/items?q=1".into(), "early".into())
    );
    stream.respond(200);
    stream.gone();
    sim.tick();
    let seen = |copy: &crate::sim::Callout| {
        (copy.header("x-shadow-mirror"), copy.header(":path"), String::from_utf8(copy.body.clone()).unwrap())
    };
    let copies: Vec<_> = sim.callouts().iter().map(seen).collect();
    assert_eq!(
        copies,
        [("early", "/items?q=1", "body"), ("late", "/v2/items?q=1", "body"), ("bare", "/v2/items?q=1", "")]
            .map(|(mirror, path, body)| (mirror.to_owned(), path.to_owned(), body.to_owned()))
    );
    let told: Vec<_> = sim.filter_state().into_iter().map(|(_, names)| names).collect();
    assert_eq!(told, ["early", "late,early,bare"]);
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
    for mirror in ["late", "early", "bare"] {
        assert_eq!(sim.counted(mirror)["responses primary 2xx"], 1, "{mirror}");
    }
    sim.assert_all_settled();
}

#[test]
fn bytes_are_held_and_charged_while_the_primary_answers() {
    let mut sim = Sim::with_config(json!({"max_buffered_bytes": 20_000, "mirrors": [
        late(&json!({})),
        late(&json!({"name": "bare", "body": {"mode": "none"}})),
    ]}));
    let upload = sim.request().method("POST").body(vec![b'x'; 15_000]).send();
    sim.rest();
    assert!(sim.metric("shadow_buffered_bytes", &[]) > 15_000);
    // While one slow primary holds most of the room, its request gives way after half a minute.
    sim.advance(Duration::from_secs(29));
    assert!(sim.metric("shadow_buffered_bytes", &[]) > 15_000);
    sim.advance(Duration::from_secs(3));
    assert_eq!(sim.counted("m")["skipped memory"], 1);
    assert!(sim.metric("shadow_buffered_bytes", &[]) < 1000);
    upload.respond(200);
    upload.gone();
    sim.tick();
    let copy = sim.only_callout();
    assert_eq!((copy.header("x-shadow-mirror"), copy.body.len()), ("bare".to_owned(), 0));
    sim.answer(&copy, Answer::status(200));
    sim.assert_all_settled();
}

#[test]
fn a_request_that_is_not_whole_is_aborted_and_one_of_its_announced_length_is_whole() {
    let mut sim = sim(&json!({}));
    for (announced, whole) in [("3", true), ("4", false)] {
        let stream = sim.request().method("POST").header("content-length", announced).headers_only();
        stream.chunk("all");
        stream.respond(413);
        stream.gone();
        sim.tick();
        assert_eq!(sim.unanswered().len(), usize::from(whole), "{announced}");
        for copy in sim.unanswered() {
            sim.answer(&copy, Answer::status(200));
        }
    }
    let counted = sim.counted("m");
    assert_eq!((counted["sent"], counted["skipped aborted"]), (1, 1));
    sim.assert_all_settled();
}

#[test]
fn answers_are_compared_and_timed_as_with_the_other_form() {
    let mut sim = sim(&json!({"compare": {"headers": ["a"], "body": "json"}}));
    for (body, expected) in [("[1.0]", "comparisons match"), ("[2]", "comparisons mismatch")] {
        let stream = routed(&sim);
        sim.advance(Duration::from_millis(7));
        stream.respond_with(200, &[("a", "1")], &[b"[1]"]);
        stream.gone();
        sim.tick();
        let copy = sim.unanswered().remove(0);
        sim.advance(Duration::from_millis(3));
        sim.answer(&copy, Answer::status(200).header("a", "1").body(body));
        assert_eq!(sim.counted("m")[expected], 1);
    }
    let took = |side| sim.observations("shadow_duration_microseconds", &[("mirror", "m"), ("side", side)]);
    assert_eq!(took("primary"), [7000, 7000]);
    assert!(took("shadow").iter().all(|micros| (3000..=4000).contains(micros)), "{:?}", took("shadow"));
    sim.assert_all_settled();
}

#[test]
fn limits_and_the_breaker_are_asked_when_the_copy_is_made() {
    let mut sim = sim(&json!({"limits": {"max_in_flight": 1}}));
    let (first, second) = (routed(&sim), routed(&sim));
    second.respond(200);
    second.gone();
    sim.tick();
    first.respond(200);
    first.gone();
    sim.tick();
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200));
    assert_eq!(skipped(&mut sim), ["skipped in_flight"]);
    sim.assert_all_settled();
}

#[test]
fn a_request_that_waits_keeps_the_configuration_that_it_began_with() {
    let mut sim = sim(&json!({}));
    let (same, other) = (routed(&sim), routed(&sim));
    sim.reconfigure_same_root(json!({"mirrors": [{"cluster": "other", "name": "n"}]}));
    same.respond(200);
    same.gone();
    let old = sim.new_root(json!({"mirrors": []}));
    other.respond(200);
    other.gone();
    sim.tick();
    assert!(sim.callouts().iter().all(|copy| copy.cluster == "shadow"));
    assert!(!sim.end_root(old), "copies are in flight");
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
    assert_eq!(sim.counted("m")["sent"], 2);
    sim.assert_all_settled();
}

#[test]
fn conditions_may_ask_for_the_answer() {
    let keys = json!({
        "match": [{"methods": ["POST"], "answer": {"status": ["2xx", 404]}}, {"methods": ["GET"]}],
        "exclude": [{"answer": {"status": [204]}}],
    });
    for (status, copied) in [(200, true), (204, false), (301, false), (404, true), (500, false)] {
        let mut sim = sim(&keys);
        let stream = routed(&sim);
        stream.respond(status);
        stream.gone();
        sim.tick();
        assert_eq!(sim.callouts().len(), usize::from(copied), "{status}");
        let expected: &[&str] = if copied { &[] } else { &["skipped unmatched"] };
        assert_eq!(skipped(&mut sim), expected, "{status}");
    }
    // What no condition can hold for is not held.
    let mut sim = sim(&keys);
    sim.request().method("PUT").body("body").send();
    assert_eq!(skipped(&mut sim), ["skipped unmatched"]);
    assert_eq!(sim.metric("shadow_buffered_bytes", &[]), 0);
    // A status that cannot be read is none that is asked for, and may be one that is excluded.
    for condition in [
        json!({"match": [{"answer": {"status": ["2xx"]}}]}),
        json!({"exclude": [{"answer": {"status": [500]}}]}),
    ] {
        let mut sim = self::sim(&condition);
        let stream = routed(&sim);
        sim.fail("header 2");
        stream.respond(200);
        stream.gone();
        sim.fail_nothing();
        assert_eq!(skipped(&mut sim), ["skipped unmatched"], "{condition}");
    }
}

#[test]
fn without_the_callback_nothing_is_copied_and_the_log_says_so_once() {
    let mut sim = sim(&json!({}));
    sim.never_log();
    for _ in 0..2 {
        let stream = routed(&sim);
        stream.respond(200);
        stream.gone();
    }
    assert_eq!(sim.counted("m")["skipped memory"], 2);
    assert!(matches!(&sim.errors()[..], [line] if line.contains("proxy_on_log")), "{:?}", sim.errors());
    sim.assert_all_settled();
}

#[test]
fn what_the_host_does_not_tell_is_not_guessed() {
    for call in ["property", "header_map 0"] {
        let mut sim = sim(&json!({}));
        let stream = routed(&sim);
        stream.respond(200);
        sim.fail(call);
        stream.gone();
        sim.fail_nothing();
        assert_eq!(skipped(&mut sim), ["skipped memory"], "{call}");
        assert_eq!(sim.errors().len(), 1, "{:?}", sim.errors());
        sim.assert_all_settled();
    }
}

#[test]
fn nothing_is_asked_where_nobody_waits_for_the_primary() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "percentage": 0}]}));
    let stream = sim.request().send();
    stream.respond(200);
    sim.rest();
    let before = sim.host_calls();
    stream.gone();
    assert_eq!(sim.host_calls(), before);
}
