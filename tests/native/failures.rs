// SPDX-License-Identifier: Apache-2.0
//! What is counted where a copy has no answer, and what is an answer.

use shadow_filter::compare::Observed;
use shadow_filter::config::Config;
use shadow_filter::mirror::{Ended, Worker};

use std::time::Duration;

use serde_json::json;

use crate::sim::{Answer, Level, Sim};

fn sim() -> Sim {
    Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m"}]}))
}

/// What is counted for one copy with this answer, apart from the request and the sending.
fn counted(content_type: &str, answer: Answer) -> Vec<String> {
    let mut sim = sim();
    sim.request().method("POST").header("content-type", content_type).send().gone();
    sim.tick();
    let copy = sim.only_callout();
    sim.answer(&copy, answer);
    sim.assert_all_settled();
    let counted = sim.counted("m");
    counted.into_keys().filter(|name| name != "requests" && name != "sent").collect()
}

#[test]
fn every_answer_of_the_shadow_is_an_answer_whatever_its_status() {
    for (status, class) in
        [(200, "2xx"), (302, "3xx"), (404, "4xx"), (500, "5xx"), (502, "5xx"), (503, "5xx"), (504, "5xx")]
    {
        let expected = format!("responses shadow {class}");
        assert_eq!(counted("text/plain", Answer::status(status)), [expected.as_str()]);
        let of_grpc = ["grpc_responses shadow UNKNOWN", expected.as_str()];
        assert_eq!(counted("application/grpc", Answer::status(status)), of_grpc);
    }
}

#[test]
fn answers_that_envoy_made_are_failures() {
    assert_eq!(counted("text/plain", Answer::of_envoy(502)), ["failed unreachable"]);
    assert_eq!(counted("text/plain", Answer::of_envoy(503)), ["failed unreachable"]);
    assert_eq!(counted("text/plain", Answer::of_envoy(504)), ["failed timeout"]);
    assert_eq!(counted("text/plain", Answer::without_headers()), ["failed reset"]);
}

#[test]
fn answers_that_envoy_made_to_grpc_are_failures_too() {
    for grpc in ["application/grpc", "application/grpc+proto"] {
        let timeout = Answer::of_envoy_to_grpc("upstream request timeout");
        assert_eq!(counted(grpc, timeout), ["failed timeout"]);
        let unreachable = Answer::of_envoy_to_grpc("upstream connect error or disconnect/reset");
        assert_eq!(counted(grpc, unreachable), ["failed unreachable"]);
        assert_eq!(counted(grpc, Answer::without_headers()), ["failed reset"]);
    }
    // To these Envoy does not answer in gRPC's way: 200 is the shadow's.
    for other in ["application/grpc-web", "application/grpc;v=1"] {
        let answer = Answer::of_envoy_to_grpc("upstream request timeout");
        assert_eq!(counted(other, answer), ["responses shadow 2xx"]);
    }
}

#[test]
fn an_answer_without_a_status_is_a_server_error() {
    let answer = Answer::status(200).without(":status");
    assert_eq!(counted("text/plain", answer), ["responses shadow 5xx"]);
}

#[test]
fn a_copy_for_a_cluster_that_envoy_does_not_have_is_never_sent() {
    let mut sim = sim();
    sim.forget_cluster("shadow");
    sim.request().send().gone();
    assert_eq!(sim.counted("m"), [("requests".into(), 1), ("failed unknown_cluster".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn a_copy_for_a_cluster_without_endpoint_is_rejected() {
    let mut sim = sim();
    sim.empty_cluster("shadow");
    sim.request().body("held").send().gone();
    assert_eq!(sim.counted("m"), [("requests".into(), 1), ("failed rejected".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn rejected_copies_are_logged_when_they_begin_and_when_they_have_ended() {
    let mut sim = sim();
    let send = |sim: &mut Sim, times: usize| {
        for _ in 0..times {
            sim.request().send().gone();
            sim.tick();
            sim.unanswered().iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
        }
    };
    for _ in 0..5 {
        // At its limits a cluster takes some and rejects others.
        sim.empty_cluster("shadow");
        send(&mut sim, 3);
        sim.add_cluster("shadow");
        send(&mut sim, 3);
    }
    let begins = sim.logged(Level::Warn);
    assert_eq!(begins.len(), 1, "{begins:#?}");
    assert!(begins[0].starts_with("mirror m, cluster shadow: Envoy rejects copies: look for"), "{begins:?}");
    let ends = "mirror m, cluster shadow: Envoy takes copies again";
    assert!(!sim.logged(Level::Info).contains(&ends.to_owned()));
    sim.advance(Duration::from_secs(10));
    send(&mut sim, 3);
    let infos = sim.logged(Level::Info);
    assert_eq!(infos.iter().filter(|line| *line == ends).count(), 1, "{infos:#?}");
    assert_eq!(sim.counted("m")["failed rejected"], 15);
    sim.assert_all_settled();
}

#[test]
fn an_unknown_cluster_is_logged_once_for_each_change() {
    let mut sim = sim();
    let send = |sim: &mut Sim| {
        for _ in 0..3 {
            sim.request().send().gone();
            sim.tick();
        }
    };
    let infos = sim.logged(Level::Info).len();
    send(&mut sim);
    assert_eq!(sim.logged(Level::Info).len(), infos, "a cluster that is there is no news");
    sim.forget_cluster("shadow");
    send(&mut sim);
    assert_eq!(
        sim.logged(Level::Warn),
        ["mirror m, cluster shadow: Envoy does not have this cluster: copies fail until it has"]
    );
    sim.add_cluster("shadow");
    send(&mut sim);
    assert_eq!(sim.logged(Level::Info)[infos..], ["mirror m, cluster shadow: Envoy has this cluster now"]);
    sim.forget_cluster("shadow");
    send(&mut sim);
    assert_eq!(sim.logged(Level::Warn).len(), 2);
}

#[test]
fn a_header_block_that_is_not_whole_is_counted_and_disturbs_nothing() {
    for block in [&b""[..], b"\x01", b"\xff\xff\xff\xff", b"\x01\0\0\0\xff\xff\xff\xff\x01\0\0\0x\0"] {
        let mut sim = sim();
        let stream = sim.request().raw_headers(block).body("x").send();
        stream.respond(200);
        stream.gone();
        sim.tick();
        assert!(sim.callouts().is_empty());
        assert_eq!(sim.counted("m")["requests"], 1);
        sim.assert_all_settled();
    }
}

#[test]
fn an_answer_to_a_copy_that_nobody_sent_changes_nothing() {
    let config = Config::parse(br#"{"mirrors": [{"cluster": "shadow"}]}"#).expect("valid");
    let mut worker = Worker::new(config, 1);
    assert_eq!(worker.awaited(7, Duration::ZERO), None);
    worker.settle(7, Ended::NO_HEADERS, Observed::default(), Duration::ZERO);
    assert!(!worker.waiting().news);
}
