// SPDX-License-Identifier: Apache-2.0
//! `match` and `exclude`.

use serde_json::json;

use crate::sim::{Request, Sim};

#[test]
fn only_eligible_requests_are_copied() {
    let mut sim = Sim::with_config(json!({"mirrors": [{
        "cluster": "c", "name": "m",
        "match": [{"methods": ["GET"], "path": {"prefix": "/api"}}, {"headers": {"x-try": {"present": true}}}],
        "exclude": [{"query": {"token": {"present": true}}}],
    }]}));
    type Case = (&'static str, fn(Request) -> Request, bool);
    let requests: [Case; 5] = [
        ("/api/a", |request| request, true),
        ("/api/b", |request| request.method("POST"), false),
        ("/other", |request| request, false),
        ("/other/try", |request| request.method("POST").header("x-try", b"\xff"), true),
        ("/api/c?a=1&tok%65n=x", |request| request, false),
    ];
    for (path, request, _) in requests {
        request(sim.request().path(path)).send();
    }
    sim.tick();
    let copied = requests.iter().filter(|(_, _, copied)| *copied).map(|(path, ..)| *path);
    let paths: Vec<String> = sim.callouts().iter().map(|copy| copy.header(":path")).collect();
    assert_eq!(paths, copied.collect::<Vec<_>>());
    assert_eq!(sim.counted("m")["skipped unmatched"], 3);
    sim.assert_adds_up();
}

#[test]
fn each_mirror_has_conditions_of_its_own() {
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "reads", "match": [{"methods": ["GET", "HEAD"]}]},
        {"cluster": "writes", "exclude": [{"methods": ["GET", "HEAD"]}]},
    ]}));
    sim.request().send();
    sim.request().method("PUT").body("x").send();
    sim.tick();
    let copies = sim.callouts();
    let seen: Vec<_> = copies.iter().map(|copy| (copy.cluster.as_str(), copy.header(":method"))).collect();
    assert_eq!(seen, [("reads", "GET".to_owned()), ("writes", "PUT".to_owned())]);
    sim.assert_adds_up();
}

#[test]
fn a_body_that_nobody_may_have_is_not_read() {
    let sim = Sim::with_config(json!({"mirrors": [{"cluster": "c", "exclude": [{}]}]}));
    let stream = sim.request().method("POST").headers_only();
    let before = sim.host_calls();
    stream.chunk("a body");
    stream.end();
    assert_eq!(sim.host_calls(), before);
}

#[test]
fn a_loop_and_an_upgrade_come_before_conditions_and_chance_before_all() {
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "c", "name": "m", "match": [{"methods": ["PUT"]}]},
        {"cluster": "c", "name": "off", "percentage": 0, "match": [{"methods": ["PUT"]}]},
    ]}));
    sim.request().header("x-shadow-mirror", "m").send();
    sim.request().method("CONNECT").send();
    sim.request().send();
    let counted = sim.counted("m");
    for reason in ["skipped loop", "skipped upgrade", "skipped unmatched"] {
        assert_eq!(counted[reason], 1, "{reason}");
    }
    assert_eq!(sim.counted("off")["skipped unsampled"], 3);
}
