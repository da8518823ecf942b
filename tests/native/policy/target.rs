// SPDX-License-Identifier: Apache-2.0
//! Where copies go, and whether they go at all: `cluster_header`, `dry_run`, `retry`.

use serde_json::{Value, json};

use crate::sim::{Answer, Level, Sim};

fn sim(keys: Value) -> Sim {
    let mut mirror = keys;
    mirror["name"] = "m".into();
    Sim::with_config(json!({"annotate": true, "mirrors": [mirror, {"cluster": "plain"}]}))
}

fn choice() -> Value {
    json!({"cluster_header": {"name": "X-Shadow-To", "allowed": ["a", "b"]}})
}

#[test]
fn a_request_chooses_its_cluster_among_those_allowed() {
    let mut sim = sim(choice());
    for to in ["a", "b", "c", "", "plain"] {
        sim.request().header("x-shadow-to", to).send();
    }
    sim.request().send();
    sim.tick();
    let own = |copy: &crate::sim::Callout| copy.header("x-shadow-mirror") == "m";
    let clusters: Vec<_> = sim.callouts().into_iter().filter(own).map(|copy| copy.cluster).collect();
    assert_eq!(clusters, ["a", "b"]);
    assert_eq!(sim.counted("m")["skipped no_target"], 4);
    assert_eq!(sim.counted("plain")["sent"], 6);
    sim.assert_adds_up();
}

#[test]
fn each_unknown_cluster_is_told_once() {
    let mut sim = sim(choice());
    sim.forget_cluster("a");
    for _ in 0..3 {
        for to in ["a", "b"] {
            sim.request().header("x-shadow-to", to).send();
            sim.tick();
        }
    }
    assert_eq!(sim.counted("m")["failed unknown_cluster"], 3);
    assert_eq!(
        sim.logged(Level::Warn),
        ["mirror m, cluster a: Envoy does not have this cluster: copies fail until it has"]
    );
    sim.add_cluster("a");
    sim.request().header("x-shadow-to", "a").send();
    sim.tick();
    assert_eq!(sim.logged(Level::Info).last().unwrap(), "mirror m, cluster a: Envoy has this cluster now");
}

#[test]
fn the_access_log_names_no_mirror_whose_copy_envoy_refused() {
    for refusal in [Sim::forget_cluster, Sim::empty_cluster] {
        for batches in [false, true] {
            let mut sim = Sim::with_config(json!({"annotate": true, "mirrors": [
                {"cluster": "a", "name": "refused"}, {"cluster": "b", "name": "taken"}, {"cluster": "a", "name": "too"},
            ]}));
            refusal(&mut sim, "a");
            if batches {
                sim.fill_a_window();
            }
            sim.request().send().gone();
            let (_, names) = sim.filter_state().pop().expect("names");
            assert_eq!(names, "taken", "in batches: {batches}");
        }
    }
}

/// Any client may name a dead cluster that is allowed.
#[test]
fn a_dead_cluster_does_not_stop_the_copies_to_another() {
    let mut sim = sim(choice());
    for _ in 0..60 {
        sim.request().header("x-shadow-to", "a").send().gone();
        sim.tick();
        for copy in sim.unanswered() {
            let dead = copy.cluster == "a";
            sim.answer(&copy, if dead { Answer::of_envoy(503) } else { Answer::status(200) });
        }
    }
    assert_eq!(sim.counted("m")["skipped breaker"], 10, "the breaker of a is open");
    sim.request().header("x-shadow-to", "b").send().gone();
    sim.tick();
    assert!(sim.callouts().iter().any(|copy| copy.cluster == "b"));
    assert_eq!(sim.counted("m")["skipped breaker"], 10);
    let warnings = sim.logged(Level::Warn);
    assert!(warnings[0].starts_with("mirror m, cluster a: the breaker opens"), "{warnings:?}");
}

#[test]
fn the_name_of_a_mirror_whose_requests_choose_is_that_of_the_header() {
    let mut sim = Sim::with_config(json!({"mirrors": [choice()]}));
    sim.request().header("x-shadow-to", "a").send();
    sim.tick();
    assert_eq!(sim.only_callout().header("x-shadow-mirror"), "x-shadow-to");
    assert_eq!(sim.counted("x-shadow-to")["sent"], 1);
}

#[test]
fn a_dry_run_does_everything_but_the_sending() {
    let mut sim = sim(json!({
        "cluster": "c", "dry_run": true, "limits": {"requests_per_second": 0.001, "burst": 2},
        "match": [{"methods": ["POST"]}], "body": {"max_bytes": 5}, "redact": {"json": ["/a"]},
    }));
    let post = |sim: &Sim, body: &str| {
        sim.request().method("POST").header("content-type", "application/json").body(body).send()
    };
    post(&sim, "[1]");
    post(&sim, "[12345]");
    post(&sim, "[");
    sim.request().send();
    post(&sim, "[]").gone();
    post(&sim, "[2]");
    sim.request().method("POST").headers_only().gone();
    let counted = sim.counted("m");
    for (reason, count) in [
        ("dry_run", 2),
        ("body_too_large", 1),
        ("unredactable", 1),
        ("unmatched", 1),
        ("rate", 1),
        ("aborted", 1),
    ] {
        assert_eq!(counted[&format!("skipped {reason}")], count, "{reason}: {counted:?}");
    }
    assert!(sim.callouts().iter().all(|copy| copy.cluster == "plain"));
    assert!(sim.filter_state().iter().all(|(_, names)| names == "plain"));
    sim.unanswered().iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
    sim.assert_adds_up();
    assert_eq!(sim.metric("shadow_in_flight", &[]), 0);
}

#[test]
fn retries_are_asked_of_envoy_on_the_copy_alone() {
    let mut sim = sim(json!({
        "cluster": "c", "timeout": "2s",
        "retry": {"attempts": 2, "retry_on": ["5xx", "reset"], "per_try_timeout": "1s"},
    }));
    sim.request().header("x-envoy-max-retries", "9").header("x-envoy-retry-on", "x").send();
    sim.tick();
    let copies = sim.callouts();
    assert_eq!(copies[0].header("x-envoy-max-retries"), "2");
    assert_eq!(copies[0].header("x-envoy-retry-on"), "5xx,reset");
    assert_eq!(copies[0].header("x-envoy-upstream-rq-per-try-timeout-ms"), "1000");
    assert!(copies[1].headers.iter().all(|(name, _)| !name.starts_with(b"x-envoy-")));
}

#[test]
fn retries_have_defaults() {
    let mut sim = sim(json!({"cluster": "c", "retry": {"attempts": 1}}));
    sim.request().send();
    sim.tick();
    let copies = sim.callouts();
    assert_eq!(copies[0].header("x-envoy-retry-on"), "connect-failure,refused-stream,reset");
    assert_eq!(copies[0].header("x-envoy-upstream-rq-per-try-timeout-ms"), "");
}

#[test]
fn what_retries_add_counts_towards_too_many_headers() {
    let mut sim = sim(json!({"cluster": "c", "retry": {"attempts": 1, "per_try_timeout": "1s"}}));
    for count in [1015, 1016] {
        let request = (0..count).fold(sim.request(), |request, i| request.header(&format!("x-{i}"), "v"));
        request.send();
    }
    let counted = sim.counted("m");
    assert_eq!((counted["sent"], counted["skipped headers_too_large"]), (1, 1), "{counted:?}");
}
