// SPDX-License-Identifier: Apache-2.0
//! What copies may cost, and that everything is given back.

use serde_json::json;

use crate::sim::{Answer, Request, Sim};

fn sim_with(max_buffered_bytes: usize, mirror: serde_json::Value) -> Sim {
    Sim::with_config(json!({"max_buffered_bytes": max_buffered_bytes, "mirrors": [mirror]}))
}

fn mirror() -> serde_json::Value {
    json!({"cluster": "shadow", "name": "m"})
}

#[test]
fn no_more_copies_are_under_way_than_the_mirror_allows() {
    let mut sim = Sim::with_config(json!({"mirrors": [
        {"cluster": "shadow", "name": "m", "limits": {"max_in_flight": 2}},
        {"cluster": "other"},
    ]}));
    for _ in 0..3 {
        sim.request().send().gone();
    }
    sim.tick();
    assert_eq!(sim.counted("m")["sent"], 2);
    assert_eq!(sim.counted("m")["in_flight"], 2);
    assert_eq!(sim.counted("m")["skipped in_flight"], 1);
    assert_eq!(sim.counted("other")["sent"], 3);
    let copies = sim.unanswered();
    let first = copies.iter().find(|copy| copy.cluster == "shadow").expect("sent");
    sim.answer(first, Answer::status(200));
    sim.request().send().gone();
    assert_eq!(sim.counted("m")["sent"], 3);
    for copy in sim.unanswered() {
        sim.answer_without_headers(&copy);
    }
    sim.assert_all_settled();
}

#[test]
fn a_refused_copy_gives_its_place_back() {
    let mut sim =
        sim_with(1 << 20, json!({"cluster": "shadow", "name": "m", "limits": {"max_in_flight": 1}}));
    sim.forget_cluster("shadow");
    sim.request().send().gone();
    sim.tick();
    sim.add_cluster("shadow");
    sim.request().send().gone();
    sim.tick();
    assert_eq!(sim.callouts().len(), 1);
}

#[test]
fn a_body_beyond_the_budget_is_given_up_in_its_middle() {
    let mut sim = sim_with(1000, mirror());
    let stream = sim.request().method("POST").headers_only();
    stream.chunk(vec![0; 600]);
    sim.rest();
    assert!(sim.metric("shadow_buffered_bytes", &[]) >= 600);
    stream.chunk(vec![0; 600]);
    sim.rest();
    assert_eq!(sim.metric("shadow_buffered_bytes", &[]), 0);
    stream.end();
    stream.respond(200);
    stream.gone();
    assert_eq!(sim.counted("m"), [("requests".into(), 1), ("skipped memory".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn headers_beyond_the_budget_are_given_up() {
    let mut sim = sim_with(1000, mirror());
    sim.request().header("x-long", "x".repeat(1000)).body("x").send().gone();
    assert_eq!(sim.counted("m"), [("requests".into(), 1), ("skipped memory".into(), 1)].into());
    sim.assert_all_settled();
}

#[test]
fn bytes_are_held_until_the_shadow_has_answered() {
    let mut sim = sim_with(1000, mirror());
    let send = |sim: &Sim| sim.request().method("POST").body(vec![0; 600]).send().gone();
    send(&sim);
    send(&sim);
    assert_eq!(sim.counted("m")["skipped memory"], 1);
    assert!(sim.metric("shadow_buffered_bytes", &[]) >= 600);
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200));
    sim.rest();
    assert_eq!(sim.metric("shadow_buffered_bytes", &[]), 0);
    send(&sim);
    assert_eq!(sim.counted("m")["sent"], 2);
    sim.assert_adds_up();
}

#[test]
fn what_is_held_is_told_while_it_grows_and_shrinks() {
    let mut sim = sim_with(100_000, mirror());
    let stream = sim.request().method("POST").headers_only();
    for chunks in 1..=5 {
        stream.chunk(vec![0; 5000]);
        sim.rest();
        let held = sim.metric("shadow_buffered_bytes", &[]);
        assert!(held >= chunks * 5000, "{held} with {chunks} chunks");
    }
    stream.gone();
    sim.rest();
    assert_eq!(sim.metric("shadow_buffered_bytes", &[]), 0);
}

#[test]
fn observations_do_not_pile_up_until_the_next_tick() {
    let limits = json!({"max_in_flight": 10_000});
    let mut sim = sim_with(32 << 20, json!({"cluster": "shadow", "name": "m", "limits": limits}));
    for _ in 0..5000 {
        sim.request().send().gone();
    }
    sim.tick();
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
    assert!(sim.observations("shadow_duration_microseconds", &[]).len() >= 4000);
    sim.assert_all_settled();
}

#[test]
fn never_more_is_held_than_allowed() {
    let mut sim = sim_with(10_000, mirror());
    let streams: Vec<_> = (0..50).map(|_| sim.request().method("POST").headers_only()).collect();
    for _ in 0..20 {
        for stream in &streams {
            stream.chunk([0; 50]);
        }
        sim.rest();
        assert!(sim.metric("shadow_buffered_bytes", &[]) <= 10_000);
    }
    for stream in streams {
        stream.end();
        stream.gone();
    }
    sim.rest();
    assert!(sim.metric("shadow_buffered_bytes", &[]) <= 10_000);
    let counted = sim.counted("m");
    assert!(counted["sent"] > 0 && counted["skipped memory"] > 0, "{counted:?}");
    for copy in sim.unanswered() {
        sim.answer(&copy, Answer::status(200));
    }
    sim.assert_all_settled();
}

#[test]
fn a_copy_without_body_needs_no_room_for_it() {
    let mut sim = Sim::with_config(json!({"max_buffered_bytes": 1000, "mirrors": [
        {"cluster": "full"}, {"cluster": "bare", "body": {"mode": "none"}},
    ]}));
    sim.request().method("POST").body(vec![0; 2000]).send();
    assert_eq!(sim.counted("full")["skipped memory"], 1);
    assert_eq!(sim.counted("bare")["sent"], 1);
}

fn many_headers(mut request: Request, count: usize) -> Request {
    for i in 0..count {
        request = request.header(&format!("x-{i}"), "v");
    }
    request
}

#[test]
fn more_headers_than_the_host_takes_are_not_sent() {
    // Four pseudo-headers and the marker come on top.
    for (count, sent) in [(1019, true), (1020, false), (1100, false)] {
        let mut sim = sim_with(32 << 20, mirror());
        many_headers(sim.request(), count).body("x").send();
        let counted = sim.counted("m");
        assert_eq!(counted.contains_key("sent"), sent, "{count}: {counted:?}");
        assert_eq!(counted.contains_key("skipped headers_too_large"), !sent, "{count}: {counted:?}");
    }
}

#[test]
fn what_a_mirror_removes_does_not_count_towards_too_many_headers() {
    let mut sim = sim_with(32 << 20, json!({"cluster": "c", "name": "m", "headers": {"remove": ["x-*"]}}));
    many_headers(sim.request(), 1100).header("x-big", vec![b'x'; 2 << 20]).send();
    assert_eq!(sim.counted("m")["sent"], 1);
}

#[test]
fn what_a_mirror_adds_counts_towards_too_many_headers() {
    let mut sim =
        sim_with(32 << 20, json!({"cluster": "c", "name": "m", "headers": {"add": {"a": "1", "b": "2"}}}));
    many_headers(sim.request(), 1017).send();
    many_headers(sim.request(), 1018).send();
    let counted = sim.counted("m");
    assert_eq!((counted["sent"], counted["skipped headers_too_large"]), (1, 1));
}

#[test]
fn larger_headers_than_the_host_takes_are_not_sent() {
    let mut sim = sim_with(32 << 20, mirror());
    sim.request().header("x-long", vec![b'x'; 1 << 20]).send();
    assert_eq!(sim.counted("m")["skipped headers_too_large"], 1);
    // Whatever the exact limit is, nothing that the host refuses is sent, and all but the last bytes are used.
    for spare in (0..400).step_by(7) {
        sim.request().header("x-long", vec![b'x'; (1 << 20) - spare]).send();
        sim.tick();
        sim.unanswered().iter().for_each(|copy| sim.answer(copy, Answer::status(200)));
    }
    let counted = sim.counted("m");
    assert!(!counted.contains_key("failed unknown_cluster"), "{counted:?}");
    assert!(counted["sent"] > 25, "{counted:?}");
}

/// Clients that send slowly, or never end, hold what others need.
#[test]
fn slow_uploads_give_way_where_room_is_short() {
    let mut sim = sim_with(10_000, mirror());
    let slow: Vec<_> = (0..3).map(|_| sim.request().method("POST").headers_only()).collect();
    slow.iter().for_each(|stream| stream.chunk(vec![0; 3000]));
    let quick = |sim: &Sim| sim.request().method("POST").body(vec![0; 3000]).send().gone();
    quick(&sim);
    assert_eq!(sim.counted("m")["skipped memory"], 1, "there is no room");
    sim.advance(std::time::Duration::from_secs(40));
    assert_eq!(sim.counted("m")["skipped memory"], 4, "the slow ones gave way");
    quick(&sim);
    assert_eq!(sim.counted("m")["sent"], 1);
    for stream in slow {
        stream.last_chunk("x");
        stream.respond(200);
        stream.gone();
    }
    sim.answer(&sim.only_callout(), Answer::status(200));
    sim.assert_all_settled();
}

#[test]
fn a_slow_upload_is_copied_where_there_is_room() {
    let mut sim = sim_with(100_000, mirror());
    let slow = sim.request().method("POST").headers_only();
    slow.chunk(vec![0; 3000]);
    sim.advance(std::time::Duration::from_secs(100));
    slow.last_chunk("x");
    assert_eq!(sim.counted("m")["sent"], 1);
    slow.gone();
}
