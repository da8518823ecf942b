// SPDX-License-Identifier: Apache-2.0
//! Which requests are mirrored at all, and to whom.

use serde_json::json;

use crate::sim::{Request, Sim};

/// What is counted for one whole request, apart from the request itself.
fn counted(config: serde_json::Value, request: impl FnOnce(Request) -> Request) -> Vec<String> {
    let mut sim = Sim::with_config(config);
    let stream = request(sim.request()).send();
    stream.respond(200);
    stream.gone();
    sim.tick();
    sim.assert_adds_up();
    let counted = sim.counted("m");
    assert_eq!(counted["requests"], 1);
    counted.into_keys().filter(|name| name == "sent" || name.starts_with("skipped")).collect()
}

fn one() -> serde_json::Value {
    json!({"mirrors": [{"cluster": "shadow", "name": "m"}]})
}

#[test]
fn a_copy_is_not_copied_again() {
    let request = |request: Request| request.header("x-shadow-mirror", "elsewhere").body("x");
    assert_eq!(counted(one(), request), ["skipped loop"]);
    let config = json!({"loop_guard": false, "mirrors": [{"cluster": "shadow", "name": "m"}]});
    assert_eq!(counted(config, request), ["sent"]);
}

#[test]
fn without_loop_guard_a_copy_has_the_last_mirrors_name_alone() {
    let mut sim =
        Sim::with_config(json!({"loop_guard": false, "mirrors": [{"cluster": "shadow", "name": "m"}]}));
    sim.request().header("x-shadow-mirror", "a").header("x-shadow-mirror", "b").send();
    sim.tick();
    let copy = sim.only_callout();
    let markers: Vec<_> = copy.headers.iter().filter(|(name, _)| name == b"x-shadow-mirror").collect();
    assert_eq!(markers, [&(b"x-shadow-mirror".to_vec(), b"m".to_vec())]);
}

#[test]
fn connect_and_upgrades_are_not_copied() {
    let upgrade = ["skipped upgrade"];
    assert_eq!(counted(one(), |request| request.method("CONNECT")), upgrade);
    for connection in ["upgrade", "Upgrade", "keep-alive, Upgrade"] {
        let request =
            |request: Request| request.header("connection", connection).header("upgrade", "websocket");
        assert_eq!(counted(one(), request), upgrade);
    }
    assert_eq!(counted(one(), |request| request.header("upgrade", "h2c")), ["sent"]);
    assert_eq!(counted(one(), |request| request.header("connection", "upgrade")), ["sent"]);
    assert_eq!(counted(one(), |request| request.method("connect")), ["sent"]);
}

#[test]
fn a_loop_comes_before_an_upgrade() {
    let request = |request: Request| request.method("CONNECT").header("x-shadow-mirror", "m");
    assert_eq!(counted(one(), request), ["skipped loop"]);
}

#[test]
fn every_mirror_gets_a_copy_of_its_own() {
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "a"},
        {"cluster": "b", "authority": "keep", "timeout": "1s", "headers": {"add": {"x-b": "1"}}},
        {"cluster": "a", "name": "again", "body": {"mode": "none"}},
        {"cluster": "c", "percentage": 0},
    ]}));
    sim.request().method("POST").body("hello").send();
    sim.tick();
    let copies = sim.callouts();
    let clusters: Vec<&str> = copies.iter().map(|copy| copy.cluster.as_str()).collect();
    assert_eq!(clusters, ["a", "b", "a"]);
    let lengths: Vec<usize> = copies.iter().map(|copy| copy.body.len()).collect();
    assert_eq!(lengths, [5, 5, 0]);
    let has_b = |index: usize| copies[index].headers.iter().any(|(name, _)| name == b"x-b");
    assert_eq!([has_b(0), has_b(1), has_b(2)], [false, true, false]);
    for mirror in ["a", "b", "again", "c"] {
        assert_eq!(sim.counted(mirror)["requests"], 1, "{mirror}");
    }
    assert_eq!(sim.counted("c")["skipped unsampled"], 1);
}

#[test]
fn sixteen_mirrors_get_sixteen_copies() {
    let mirrors: Vec<_> = (0..16).map(|i| json!({"cluster": format!("c{i}")})).collect();
    let mut sim = Sim::with_config(json!({"mirrors": mirrors}));
    sim.request().body("x").send();
    sim.tick();
    let copies = sim.callouts();
    assert_eq!(copies.len(), 16);
    assert!(copies.iter().enumerate().all(|(i, copy)| copy.cluster == format!("c{i}")));
}

#[test]
fn names_the_mirrors_for_the_access_log_if_it_is_asked_to() {
    let mirrors = json!([{"cluster": "a"}, {"cluster": "off", "percentage": 0}, {"cluster": "b"}]);
    let sim = Sim::with_config(json!({"annotate": true, "mirrors": mirrors}));
    sim.request().body("x").send();
    sim.request().method("CONNECT").send();
    sim.request().headers_only().gone();
    assert_eq!(sim.filter_state(), [("shadow_mirrors".to_owned(), "a,b".to_owned())]);
    drop(sim);
    let sim = Sim::with_config(json!({"mirrors": mirrors}));
    sim.request().send();
    assert_eq!(sim.filter_state(), []);
}
