// SPDX-License-Identifier: Apache-2.0
//! The status of answers to gRPC requests: in trailers, in headers, or missing.

use serde_json::{Value, json};

use crate::sim::{Answer, Level, Sim, Stream};

fn sim(compare: Value) -> Sim {
    Sim::with_config(json!({"mirrors": [{"cluster": "shadow", "name": "m", "compare": compare}]}))
}

fn call(sim: &Sim) -> Stream {
    sim.request().method("POST").header("content-type", "application/grpc").body("call").send()
}

fn statuses(sim: &mut Sim) -> Vec<String> {
    let counted = sim.counted("m").into_keys();
    counted.filter_map(|name| name.strip_prefix("grpc_responses ").map(str::to_owned)).collect()
}

#[test]
fn the_status_is_that_of_the_trailers_or_of_the_headers() {
    let mut sim = sim(json!({}));
    let stream = call(&sim);
    stream.response_with(200, &[("content-type", "application/grpc")], false);
    stream.response_trailers_with(&[("grpc-status", "0")]);
    stream.gone();
    sim.tick();
    sim.answer(&sim.only_callout(), Answer::status(200).trailer("grpc-status", "13"));
    assert_eq!(statuses(&mut sim), ["primary OK", "shadow INTERNAL"]);
    assert_eq!(sim.counted("m")["comparisons mismatch"], 1);
    let lines = sim.logged(Level::Warn);
    assert!(lines.iter().any(|line| line.contains("\"grpc-status\"")), "{lines:?}");
    sim.assert_all_settled();
}

#[test]
fn an_answer_of_trailers_alone_has_its_status_in_the_headers() {
    let mut sim = sim(json!({"headers": ["a"]}));
    let stream = call(&sim);
    stream.response_with(200, &[("grpc-status", "5")], true);
    stream.gone();
    sim.tick();
    sim.answer(&sim.only_callout(), Answer::status(200).header("grpc-status", "5"));
    assert_eq!(statuses(&mut sim), ["primary NOT_FOUND", "shadow NOT_FOUND"]);
    assert_eq!(sim.counted("m")["comparisons match"], 1);
}

#[test]
fn a_status_that_is_missing_or_none_of_the_list_is_unknown() {
    let mut sim = sim(json!({}));
    let stream = call(&sim);
    stream.response(200);
    stream.response_end();
    stream.gone();
    sim.tick();
    sim.answer(&sim.only_callout(), Answer::status(200).trailer("grpc-status", "99"));
    assert_eq!(statuses(&mut sim), ["primary UNKNOWN", "shadow UNKNOWN"]);
}

#[test]
fn other_requests_have_no_grpc_status() {
    let mut sim = sim(json!({}));
    let stream = sim.request().send();
    stream.response_with(200, &[("grpc-status", "13")], true);
    stream.gone();
    sim.tick();
    sim.answer(&sim.only_callout(), Answer::status(200).header("grpc-status", "0"));
    assert_eq!(statuses(&mut sim), Vec::<String>::new());
    assert_eq!(sim.counted("m")["comparisons match"], 1);
}
