// SPDX-License-Identifier: Apache-2.0
//! Which requests a control gets a copy of, and what that looks like.

use std::time::Duration;

use serde_json::json;

use super::{config, sim};
use crate::sim::{Answer, Sim};

#[test]
fn the_control_gets_what_the_shadow_gets_under_the_primarys_address() {
    let mut sim = sim(&json!({
        "authority": {"literal": "v2.test"},
        "path": {"prefix": "/", "replacement": "/v2/"},
        "headers": {"remove": ["$credentials"], "set": {"x-set": "s"}, "add": {"x-add": "a"}},
        "redact": {"headers": ["x-secret"], "query": ["token"], "json": ["/a"]},
        "retry": {"attempts": 2},
        "timeout": "250ms",
    }));
    let request = sim.request().path("/items?token=1").header("cookie", "c").header("x-secret", "s");
    request.header("content-type", "application/json").body(r#"{"a":1,"b":2}"#).send();
    sim.tick();
    let copies = sim.callouts();
    let seen = |name: &str| copies.iter().map(|copy| copy.header(name)).collect::<Vec<_>>();
    assert_eq!(seen("x-shadow-mirror"), ["m", "m-control"]);
    assert_eq!(seen(":authority"), ["v2.test", "svc.test"]);
    assert_eq!(seen(":path"), ["/v2/items?token=%5Bredacted%5D", "/items?token=%5Bredacted%5D"]);
    for (name, value) in [
        (":method", "GET"),
        ("cookie", ""),
        ("x-secret", "[redacted]"),
        ("x-set", "s"),
        ("x-add", "a"),
        ("x-envoy-max-retries", "2"),
    ] {
        assert_eq!(seen(name), [value, value], "{name}");
    }
    for copy in &copies {
        assert_eq!(
            (copy.body.as_slice(), copy.timeout.as_millis()),
            (&br#"{"a":"[redacted]","b":2}"#[..], 250)
        );
    }
}

#[test]
fn only_methods_that_change_nothing_are_sent_to_the_control() {
    for (method, copies) in [
        ("GET", 2),
        ("HEAD", 2),
        ("OPTIONS", 2),
        ("POST", 1),
        ("PUT", 1),
        ("PATCH", 1),
        ("DELETE", 1),
        ("TRACE", 1),
        ("get", 1),
        ("PROPFIND", 1),
        ("", 1),
    ] {
        let mut sim = sim(&json!({}));
        sim.request().method(method).send().gone();
        sim.tick();
        assert_eq!(sim.callouts().len(), copies, "{method}");
        let requests = sim.counted("m-control").get("requests").copied();
        assert_eq!(requests, (copies == 2).then_some(1), "{method}");
        sim.unanswered().iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
        sim.assert_all_settled();
    }
}

#[test]
fn the_mirrors_decision_is_the_controls() {
    let mut sim =
        sim(&json!({"percentage": 30, "match": [{"path": {"prefix": "/a"}}], "body": {"mode": "none"}}));
    for number in 0..1000 {
        sim.request().path(if number % 2 == 0 { "/a" } else { "/b" }).send().gone();
        sim.tick();
    }
    sim.rest();
    let [shadow, control]: [Vec<_>; 2] = ["shadow", "v1"].map(|cluster| {
        let copies = sim.callouts().into_iter().filter(|copy| copy.cluster == cluster);
        copies.map(|copy| copy.at).collect()
    });
    assert!((80..250).contains(&shadow.len()), "{} copies", shadow.len());
    assert_eq!(shadow, control);
    assert_eq!(sim.counted("m")["requests"], 1000);
    let counted = sim.counted("m-control");
    assert_eq!((counted["requests"], counted["sent"]), (shadow.len() as i64, shadow.len() as i64));
    assert!(!counted.keys().any(|name| name.starts_with("skipped")), "{counted:?}");
}

/// A dry run says what the control would get, too.
#[test]
fn a_dry_run_sends_neither() {
    let mut sim = sim(&json!({"dry_run": true, "limits": {"requests_per_second": 0.001, "burst": 2}}));
    for method in ["GET", "POST", "GET"] {
        sim.request().method(method).send().gone();
    }
    sim.tick();
    assert_eq!(sim.callouts().len(), 0);
    assert_eq!(sim.counted("m")["skipped dry_run"], 2);
    assert_eq!(sim.counted("m-control"), [("requests".into(), 1), ("skipped dry_run".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn outside_its_schedule_a_mirror_has_no_control() {
    let mut sim = sim(&json!({"active": {"from": "2026-01-01T00:00:00Z"}}));
    sim.set_clock(1_767_225_600 - 100);
    sim.request().send().gone();
    sim.rest();
    assert_eq!(sim.counted("m-control"), [].into());
    sim.set_clock(1_767_225_600 + 100);
    sim.request().send().gone();
    sim.rest();
    assert_eq!(sim.counted("m-control")["sent"], 1);
}

#[test]
fn a_request_that_chooses_its_shadow_has_the_same_control() {
    let mut config = config(&json!({"cluster_header": {"name": "x-to", "allowed": ["a", "b"]}}));
    config["mirrors"][0].as_object_mut().expect("a mirror").remove("cluster");
    let mut sim = Sim::with_config(config);
    for to in ["b", "a", "c"] {
        sim.request().header("x-to", to).send().gone();
    }
    sim.tick();
    let clusters: Vec<_> = sim.callouts().into_iter().map(|copy| copy.cluster).collect();
    assert_eq!(clusters, ["b", "v1", "a", "v1"]);
    assert_eq!(sim.counted("m-control")["requests"], 2, "there is no copy that it would go with");
}

#[test]
fn the_access_log_is_told_of_both() {
    let mut config = config(&json!({}));
    config["annotate"] = true.into();
    let mut sim = Sim::with_config(config);
    let told = |sim: &mut Sim| {
        sim.request().send().gone();
        sim.request().method("POST").send().gone();
        sim.filter_state().into_iter().map(|(_, names)| names).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut sim), ["m,m-control", "m"]);
    sim.forget_cluster("v1");
    assert_eq!(told(&mut sim)[2..], ["m", "m"]);
}

#[test]
fn a_copy_of_the_control_is_not_mirrored_again() {
    let mut sim = sim(&json!({}));
    sim.request().header("x-shadow-mirror", "m-control").send().gone();
    sim.rest();
    assert_eq!(sim.callouts().len(), 0);
    assert_eq!(sim.counted("m"), [("requests".into(), 1), ("skipped loop".into(), 1)].into());
    assert_eq!(sim.counted("m-control"), [].into());
}

/// Bodies that are redacted in ticks: both copies have one.
#[test]
fn a_long_body_is_redacted_for_both() {
    let mut sim = sim(&json!({"redact": {"json": ["/secret"]}}));
    let body = format!(r#"{{"secret":"hide me","rest":"{}"}}"#, "x".repeat(100_000));
    let send = |sim: &Sim, body: &str| {
        sim.request().header("content-type", "application/json").body(body).send().gone();
    };
    send(&sim, &body);
    send(&sim, &body.replace("rest\"", "rest"));
    (0..50).for_each(|_| sim.tick());
    let copies = sim.callouts();
    assert_eq!(
        copies.iter().map(|copy| copy.header("x-shadow-mirror")).collect::<Vec<_>>(),
        ["m", "m-control"]
    );
    assert!(
        copies
            .iter()
            .all(|copy| copy.body.len() > 100_000 && !copy.body.windows(7).any(|part| part == b"hide me"))
    );
    for copy in copies {
        sim.answer(&copy, Answer::status(200));
    }
    for mirror in ["m", "m-control"] {
        let counted = sim.counted(mirror);
        assert_eq!(
            (counted["requests"], counted["sent"], counted["skipped unredactable"]),
            (2, 1, 1),
            "{mirror}"
        );
    }
    sim.assert_all_settled();
}

/// The second of them waits for no timer, and the first does not wait for it.
#[test]
fn both_leave_at_once() {
    let mut sim = sim(&json!({}));
    sim.advance(Duration::from_secs(1));
    let stream = sim.request().send();
    assert_eq!(sim.callouts().len(), 2);
    stream.gone();
}
