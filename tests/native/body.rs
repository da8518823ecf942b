// SPDX-License-Identifier: Apache-2.0
//! The body of a copy: how it is collected, and what happens where it is too long.

use serde_json::{Value, json};

use crate::sim::{Answer, Sim};

fn sim_with_body(body: Value) -> Sim {
    Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m", "body": body}]}))
}

#[test]
fn chunks_are_joined_in_order() {
    let mut sim = sim_with_body(json!({}));
    let stream = sim.request().method("POST").headers_only();
    let chunks: Vec<Vec<u8>> = (0..200u8).map(|i| vec![i; usize::from(i) * 7]).collect();
    chunks.iter().for_each(|chunk| stream.chunk(chunk));
    stream.end();
    sim.tick();
    assert_eq!(sim.only_callout().body, chunks.concat());
}

#[test]
fn trailers_end_a_request_and_are_not_copied() {
    let mut sim = sim_with_body(json!({}));
    sim.request().method("POST").body("hello").trailers().send();
    sim.request().method("POST").trailers().send();
    sim.tick();
    let bodies: Vec<Vec<u8>> = sim.callouts().into_iter().map(|copy| copy.body).collect();
    assert_eq!(bodies, [&b"hello"[..], b""]);
}

#[test]
fn a_body_of_exactly_the_limit_is_copied() {
    let mut sim = sim_with_body(json!({"max_bytes": 10}));
    sim.request().body("12345").body("67890").send();
    sim.tick();
    assert_eq!(sim.only_callout().body, b"1234567890");
}

#[test]
fn a_longer_body_skips_the_copy() {
    let mut sim = sim_with_body(json!({"max_bytes": 10}));
    let stream = sim.request().body("12345").body("678901").body("more").send();
    stream.respond(200);
    stream.gone();
    sim.tick();
    assert!(sim.callouts().is_empty());
    assert_eq!(sim.counted("m"), [("requests".into(), 1), ("skipped body_too_large".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn a_longer_body_leaves_the_headers_if_the_mirror_says_so() {
    let mut sim = sim_with_body(json!({"max_bytes": 10, "on_overflow": "headers_only"}));
    sim.request().method("POST").header("content-length", "14").body("12345").body("678901234").send();
    sim.tick();
    let copy = sim.only_callout();
    assert_eq!(copy.body, b"");
    assert!(!copy.headers.iter().any(|(name, _)| name == b"content-length"));
    sim.answer(&copy, Answer::status(200));
    assert_eq!(sim.counted("m")["responses shadow 2xx"], 1);
}

#[test]
fn no_body_at_all_fits_a_limit_of_none() {
    let mut sim = sim_with_body(json!({"max_bytes": 0}));
    sim.request().send();
    sim.request().method("POST").body("").send();
    sim.request().method("POST").body("x").send();
    sim.tick();
    assert_eq!(sim.callouts().len(), 2);
    assert_eq!(sim.counted("m")["skipped body_too_large"], 1);
}

#[test]
fn a_mirror_without_bodies_copies_requests_of_any_length() {
    let mut sim = sim_with_body(json!({"mode": "none", "max_bytes": 1}));
    sim.request().method("POST").body(vec![b'x'; 5_000_000]).send();
    sim.tick();
    assert_eq!(sim.only_callout().body, b"");
    assert_eq!(sim.counted("m")["sent"], 1);
}

#[test]
fn each_mirror_has_its_own_limit() {
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "small", "body": {"max_bytes": 3}},
        {"cluster": "cut", "body": {"max_bytes": 3, "on_overflow": "headers_only"}},
        {"cluster": "none", "body": {"mode": "none"}},
        {"cluster": "large"},
    ]}));
    sim.request().method("POST").body("12").body("34").body("56").send();
    sim.request().method("POST").body("123").send();
    sim.tick();
    let got: Vec<_> = sim.callouts().into_iter().map(|copy| (copy.cluster, copy.body)).collect();
    let of = |cluster: &str| -> Vec<&[u8]> {
        got.iter().filter(|(name, _)| name == cluster).map(|(_, body)| body.as_slice()).collect()
    };
    assert_eq!(of("small"), [b"123"]);
    assert_eq!(of("cut"), [&b""[..], b"123"]);
    assert_eq!(of("none"), [b"", b""]);
    assert_eq!(of("large"), [&b"123456"[..], b"123"]);
}

#[test]
fn a_body_that_nobody_can_have_any_more_is_not_held() {
    let mut sim = sim_with_body(json!({"max_bytes": 1000}));
    let stream = sim.request().method("POST").headers_only();
    stream.chunk(vec![0; 900]);
    sim.rest();
    assert!(sim.metric("shadow_buffered_bytes", &[]) > 900);
    stream.chunk(vec![0; 900]);
    sim.rest();
    assert_eq!(sim.metric("shadow_buffered_bytes", &[]), 0);
    let calls = sim.host_calls();
    stream.chunk(vec![0; 900]);
    stream.end();
    assert_eq!(sim.host_calls(), calls, "the rest of the body is not even read");
}

#[test]
fn a_body_that_will_not_be_sent_is_not_held_while_the_headers_are() {
    let mut sim = sim_with_body(json!({"max_bytes": 1000, "on_overflow": "headers_only"}));
    let stream = sim.request().method("POST").headers_only();
    stream.chunk(vec![0; 900]);
    stream.chunk(vec![0; 900]);
    sim.rest();
    let held = sim.metric("shadow_buffered_bytes", &[]);
    assert!((1..900).contains(&held), "{held} bytes");
    stream.end();
    sim.tick();
    assert_eq!(sim.only_callout().body, b"");
}
