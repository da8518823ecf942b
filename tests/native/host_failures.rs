// SPDX-License-Identifier: Apache-2.0
//! Host calls that fail, each in turn: the primary goes on, no copy has a hole, the counters add up, and one line says so.

use serde_json::{Value, json};

use crate::sim::{Answer, Sim};

fn config() -> Value {
    json!({
        "annotate": true,
        "mirrors": [
            {"cluster": "shadow", "name": "m", "exclude": [{"headers": {"x-secret": {"present": true}}}]},
            {"cluster": "shadow", "name": "j", "compare": {"headers": ["a"], "body": "json"}},
            {"cluster": "shadow", "name": "s", "active": {"from": "1970-01-01T00:00:00Z"}},
        ],
    })
}

/// A request with a body in two chunks, its answer, and the answers to its copies.
fn exchange(sim: &mut Sim) {
    let stream = sim.request().method("POST").header("x-secret", "1").body("one").body("two").send();
    stream.respond_with(200, &[("a", "1")], &[b"[1]"]);
    stream.gone();
    sim.tick();
    for copy in sim.unanswered() {
        assert_eq!(copy.body, b"onetwo", "a copy with a hole");
        sim.answer(&copy, Answer::status(200));
    }
    sim.tick();
}

/// Nothing of an answer but its status is read.
fn plain() -> Value {
    json!({"mirrors": [{"cluster": "shadow", "name": "g"}]})
}

/// A gRPC call, and the answers to its copies.
fn grpc_exchange(sim: &mut Sim) {
    let stream = sim.request().method("POST").header("content-type", "application/grpc").body("call").send();
    stream.response_with(200, &[("content-type", "application/grpc")], false);
    stream.response_trailers_with(&[("grpc-status", "5")]);
    stream.gone();
    sim.tick();
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200).trailer("grpc-status", "5"));
    }
    sim.tick();
}

#[test]
fn a_grpc_status_that_cannot_be_read_counts_as_unknown() {
    let counted = |call: &str| {
        let mut sim = Sim::with_config(plain());
        sim.fail(call);
        grpc_exchange(&mut sim);
        sim.fail_nothing();
        let errors = sim.errors();
        let counted = sim.counted("g").into_keys();
        (counted.filter(|name| name.starts_with("grpc_responses")).collect::<Vec<_>>(), errors)
    };
    let (read, none) = counted("nothing");
    assert_eq!(read, ["grpc_responses primary NOT_FOUND", "grpc_responses shadow NOT_FOUND"]);
    assert!(none.is_empty(), "{none:?}");
    for (call, expected) in [
        ("header 3", ["grpc_responses primary UNKNOWN", "grpc_responses shadow NOT_FOUND"]),
        ("header 7", ["grpc_responses primary NOT_FOUND", "grpc_responses shadow UNKNOWN"]),
    ] {
        let (read, errors) = counted(call);
        assert_eq!(read, expected, "{call}");
        assert!(matches!(&errors[..], [line] if line.contains("it counts as UNKNOWN")), "{errors:?}");
    }
}

/// With rates, breakers and much work at once: nothing is done without end.
#[test]
fn without_a_clock_a_tick_does_one_thing() {
    let mirrors: Vec<_> = (0..12).map(|i| json!({"cluster": format!("c{i}")})).collect();
    let mut sim = Sim::with_config(json!({"mirrors": mirrors}));
    sim.fail("clock 1");
    sim.request().send();
    let sent = sim.callouts().len();
    sim.tick();
    assert_eq!(sim.callouts().len(), sent + 1);
    sim.fail_nothing();
    sim.rest();
    assert_eq!(sim.callouts().len(), 12);
}

/// What is counted for each mirror where a call fails during one exchange.
fn counted_with(call: &str) -> [Vec<String>; 3] {
    let mut sim = Sim::with_config(config());
    sim.fail(call);
    exchange(&mut sim);
    sim.fail_nothing();
    ["m", "j", "s"].map(|mirror| {
        let counted = sim.counted(mirror).into_keys();
        counted.filter(|name| name != "requests" && name != "sent").collect()
    })
}

#[test]
fn each_call_that_fails_has_a_decided_end() {
    const EXCLUDED: &[&str] = &["skipped unmatched"];
    const ANSWERED: &[&str] = &["responses primary 2xx", "responses shadow 2xx"];
    // The headers that differ are enough to know.
    const WITHOUT_BODY: &[&str] =
        &["comparisons mismatch", "differences header", "responses primary 2xx", "responses shadow 2xx"];
    const MISMATCH: &[&str] = &[
        "comparisons mismatch",
        "differences body",
        "differences header",
        "responses primary 2xx",
        "responses shadow 2xx",
    ];
    const MEMORY: &[&str] = &["skipped memory"];
    let table: &[(&str, [&[&str]; 3])] = &[
        ("nothing", [EXCLUDED, MISMATCH, ANSWERED]),
        ("header_map 0", [MEMORY, MEMORY, MEMORY]),
        ("buffer 0", [EXCLUDED, MEMORY, MEMORY]),
        // The headers are read because a mirror compares them.
        (
            "header_map 2",
            [EXCLUDED, &["comparisons incomparable", "responses shadow 2xx"], &["responses shadow 2xx"]],
        ),
        ("buffer 1", [EXCLUDED, WITHOUT_BODY, ANSWERED]),
        (
            "header_map 6",
            [EXCLUDED, &["comparisons incomparable", "failed reset", "responses primary 2xx"], ANSWERED],
        ),
        ("header 6", [EXCLUDED, MISMATCH, &["failed reset", "responses primary 2xx"]]),
        ("http_call", [EXCLUDED, &["failed rejected"], &["failed rejected"]]),
        ("set_property", [EXCLUDED, MISMATCH, ANSWERED]),
        ("clock 1", [EXCLUDED, MISMATCH, ANSWERED]),
        ("clock 0", [EXCLUDED, MISMATCH, &["skipped inactive"]]),
        ("log", [EXCLUDED, MISMATCH, ANSWERED]),
    ];
    for (call, expected) in table {
        assert_eq!(counted_with(call), *expected, "{call} fails");
    }
}

#[test]
fn every_call_may_fail_at_any_time_and_is_reported_once() {
    for call in [
        "header_map 0",
        "header_map 2",
        "header_map 6",
        "header 2",
        "header 3",
        "header 6",
        "header 7",
        "buffer 0",
        "buffer 1",
        "buffer 4",
        "http_call",
        "get_shared_data",
        "set_shared_data",
        "set_property",
        "set_tick_period",
        "clock 0",
        "clock 1",
        "log",
    ] {
        let mut lines = 0;
        let exchanges: [fn(&mut Sim); 2] = [exchange, grpc_exchange];
        for (config, exchange) in [config(), plain()].into_iter().zip(exchanges) {
            let mut sim = Sim::with_config(config);
            for _ in 0..3 {
                sim.fail(call);
                exchange(&mut sim);
                exchange(&mut sim);
                sim.fail_nothing();
                exchange(&mut sim);
            }
            sim.assert_all_settled();
            let errors = sim.errors();
            let of_sim = errors.iter().filter(|line| line.contains("the filter could not")).count();
            assert!(of_sim <= 1, "{call}: {errors:?}");
            lines += of_sim;
        }
        // A refused copy counts, and a line that cannot be logged is not there.
        assert!(["http_call", "log"].contains(&call) == (lines == 0), "{call} failed without a word");
    }
}

#[test]
fn a_metric_that_cannot_be_defined_or_updated_is_reported() {
    for (call, text) in [
        ("define_metric", "define a metric"),
        ("increment_metric", "update a metric"),
        ("record_metric", "update a metric"),
    ] {
        let mut sim = Sim::with_config(config());
        sim.fail(call);
        sim.reconfigure_same_root(json!({"mirrors": [{"cluster": "other"}]}));
        sim.request().send().respond(200);
        sim.rest();
        let lines: Vec<_> = sim.errors().into_iter().filter(|line| line.contains(text)).collect();
        assert_eq!(lines.len(), 1, "{call}: {:?}", sim.errors());
        assert_eq!(sim.callouts().len(), 1, "copies do not depend on metrics");
    }
}

#[test]
fn a_timer_that_could_not_be_set_is_set_by_the_next_request() {
    let mut sim = Sim::with_config(config());
    sim.fail("set_tick_period");
    exchange(&mut sim);
    assert_eq!(sim.tick_period(), None);
    sim.fail_nothing();
    exchange(&mut sim);
    sim.assert_all_settled();
    assert_eq!(sim.metric("shadow_sent_total", &[("mirror", "s")]), 2);
}

#[test]
fn a_configuration_that_cannot_be_read_is_invalid() {
    let mut sim = Sim::with_config(config());
    sim.fail("buffer 7");
    sim.reconfigure_same_root(config());
    assert!(sim.accepted());
    assert_eq!(sim.metric("shadow_config_invalid", &[]), 1);
    assert!(sim.errors()[0].starts_with("Envoy did not hand over the configuration"), "{:?}", sim.errors());
    sim.request().send().respond(200);
    assert!(sim.callouts().is_empty());
}

#[test]
fn a_plugin_without_a_name_is_counted_as_unknown() {
    let mut sim = Sim::with_config(config());
    sim.fail("property");
    sim.reconfigure_same_root("{}");
    assert_eq!(sim.metric("shadow_config_invalid", &[("plugin", "unknown")]), 1);
    let errors = sim.errors();
    let told = |text: &str| errors.iter().filter(|line| line.contains(text)).count();
    assert_eq!((told("read the plugin's name"), told("read the plugin's root id")), (1, 1), "{errors:?}");
}

/// Otherwise all plugins without a name would share their limits.
#[test]
fn a_plugin_without_a_name_shares_no_limits() {
    let mut sim = Sim::with_config(config());
    sim.fail("property");
    let limited = json!({"cluster": "shadow", "limits": {"max_in_flight": 1, "scope": "envoy"}});
    sim.reconfigure_same_root(json!({"mirrors": [limited]}));
    let before = sim.shared_data_calls();
    sim.request().send().gone();
    sim.request().send().gone();
    sim.rest();
    assert_eq!(sim.shared_data_calls(), before);
    assert_eq!(sim.metric("shadow_skipped_total", &[("reason", "in_flight")]), 1);
}

#[test]
fn a_root_whose_end_is_not_taken_leaves_no_timer() {
    let mut sim = Sim::with_config(config());
    sim.request().method("POST").body("x").send().gone();
    sim.tick();
    let root = sim.root();
    assert!(!sim.end_root(root));
    sim.fail("done");
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
    sim.rest();
    sim.assert_all_settled();
    let lines = sim.errors().into_iter().filter(|line| line.contains("end the old configuration"));
    assert_eq!(lines.count(), 1);
}
