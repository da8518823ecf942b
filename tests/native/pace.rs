// SPDX-License-Identifier: Apache-2.0
//! When the filter ticks and when it tells its sums: soon enough, and no more than it must.

use std::time::Duration;

use serde_json::json;

use crate::sim::{Answer, Sim};

const SECOND: Duration = Duration::from_secs(1);

fn sim() -> Sim {
    Sim::with_config(
        json!({"mirrors": [{"cluster": "shadow", "name": "m", "limits": {"max_in_flight": 1_000_000}}]}),
    )
}

fn requests(sim: &Sim) -> i64 {
    sim.metric("shadow_requests_total", &[])
}

#[test]
fn a_copy_that_comes_now_and_then_does_not_wait() {
    let mut sim = sim();
    for i in 1..100 {
        sim.request().send().gone();
        assert_eq!(sim.callouts().len(), i);
        sim.advance(Duration::from_millis(3));
    }
}

#[test]
fn one_of_many_copies_waits_eight_milliseconds_at_most() {
    // From 500 a second to 5,000, with a change of the rate in between.
    for (gap, next) in [(2000, 2000), (1900, 200), (1000, 1900), (200, 2000), (200, 200)] {
        let mut sim = sim();
        let mut made = Vec::new();
        for step in 0..5000 {
            sim.request().send().gone();
            made.push(sim.now());
            sim.advance(Duration::from_micros(if step < 2500 { gap } else { next }));
        }
        sim.advance(Duration::from_millis(8));
        let sent = sim.callouts();
        assert_eq!(sent.len(), made.len());
        let longest = sent.iter().zip(&made).map(|(copy, made)| copy.at - *made).max();
        assert!(longest <= Some(Duration::from_millis(8)), "every {gap}, then {next} µs: {longest:?}");
    }
}

#[test]
fn a_tick_sends_several_copies_at_any_rate_that_is_not_low() {
    for gap in [1900, 1000, 700, 400, 300] {
        let mut sim = sim();
        for _ in 0..3000 {
            sim.request().send().gone();
            sim.advance(Duration::from_micros(gap));
        }
        let (ticks, sent) = (sim.ticks(), sim.callouts().len());
        for _ in 0..2000 {
            sim.request().send().gone();
            sim.advance(Duration::from_micros(gap));
        }
        let (ticks, sent) = (sim.ticks() - ticks, sim.callouts().len() - sent);
        assert!(sent >= ticks * 3, "every {gap} µs: {ticks} ticks for {sent} copies");
    }
}

#[test]
fn batches_end_with_the_traffic_that_needs_them() {
    let mut sim = sim();
    sim.fill_a_window();
    sim.advance(2 * SECOND);
    // The window with the many is over; one with few goes by.
    sim.request().send().gone();
    sim.advance(2 * SECOND);
    let sent = sim.callouts().len();
    sim.request().send().gone();
    assert_eq!(sim.callouts().len(), sent + 1);
}

#[test]
fn a_copy_does_not_wait_for_sums() {
    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "shadow"}]}));
    // Leaves sums that wait for a slow tick.
    sim.request().method("CONNECT").send().gone();
    sim.advance(Duration::from_millis(10));
    sim.request().send();
    sim.tick();
    assert_eq!(sim.callouts().len(), 1);
}

#[test]
fn copies_of_one_period_are_sent_in_one_tick() {
    let mut sim = sim();
    let sent = sim.fill_a_window();
    let ticks = sim.ticks();
    for _ in 0..16 {
        sim.request().body("x").send().gone();
    }
    assert_eq!(sim.callouts().len(), sent);
    sim.advance(sim.tick_period().expect("copies wait"));
    assert_eq!(sim.callouts().len(), sent + 16);
    assert_eq!(sim.ticks(), ticks + 1);
}

/// On a worker that is busy all the time a tick comes late, and sends for half a millisecond.
#[test]
fn copies_leave_as_they_are_made_where_ticks_do_not_keep_up() {
    let mut sim = sim();
    let sent = sim.fill_a_window();
    for made in 1..1000 {
        sim.request().body("x").send().gone();
        let waiting = sent + made - sim.callouts().len();
        assert!(waiting <= 17, "{waiting} of {made} copies wait");
    }
    assert!(sim.callouts().len() > sent + 900);
}

#[test]
fn copies_keep_the_order_of_their_requests() {
    let mut sim = sim();
    for i in 0..50 {
        sim.request().body(i.to_string()).send().gone();
    }
    sim.tick();
    let bodies: Vec<Vec<u8>> = sim.callouts().into_iter().map(|copy| copy.body).collect();
    assert_eq!(bodies, (0..50).map(|i| i.to_string().into_bytes()).collect::<Vec<_>>());
}

#[test]
fn a_quiet_filter_does_not_tick() {
    let mut sim = sim();
    assert_eq!(sim.tick_period(), None);
    sim.advance(60 * SECOND);
    assert_eq!(sim.ticks(), 0);
    let stream = sim.request().send();
    sim.rest();
    let slow = sim.tick_period().is_some_and(|period| period >= Duration::from_millis(100));
    assert!(slow, "a copy in flight is looked after, seldom");
    let copy = sim.only_callout();
    sim.answer(&copy, Answer::status(200));
    stream.respond(200);
    stream.gone();
    sim.rest();
    assert_eq!(sim.tick_period(), None);
    let ticks = sim.ticks();
    sim.advance(60 * SECOND);
    assert_eq!(sim.ticks(), ticks);
}

#[test]
fn sums_alone_are_told_slowly() {
    let sim = sim();
    sim.request().method("CONNECT").send().gone();
    assert!(sim.tick_period().is_some_and(|period| period >= Duration::from_millis(100)));
}

#[test]
fn one_request_a_second_costs_less_than_ten_ticks_each() {
    let mut sim = sim();
    for _ in 0..30 {
        let stream = sim.request().send();
        sim.advance(Duration::from_millis(5));
        stream.respond(200);
        stream.gone();
        sim.advance(Duration::from_millis(45));
        for copy in sim.unanswered() {
            sim.answer(&copy, Answer::status(200));
        }
        sim.advance(Duration::from_millis(950));
    }
    assert!(sim.ticks() < 300, "{} ticks", sim.ticks());
}

#[test]
fn sums_arrive_within_a_second_of_any_event() {
    // From rest, and at every point between two flushes.
    for offset in (0..1000).step_by(37) {
        let mut sim = sim();
        sim.request().send().gone();
        sim.advance(Duration::from_millis(offset));
        sim.request().send().gone();
        sim.rest();
        assert_eq!(requests(&sim), 2, "{offset} ms apart");
        assert_eq!(sim.metric("shadow_sent_total", &[]), 2, "{offset} ms apart");
        let copies = sim.callouts();
        sim.answer(&copies[0], Answer::status(200));
        sim.advance(Duration::from_millis(offset));
        sim.answer_without_headers(&copies[1]);
        sim.rest();
        assert_eq!(sim.metric("shadow_responses_total", &[]), 1, "{offset} ms apart");
        assert_eq!(sim.metric("shadow_failed_total", &[]), 1, "{offset} ms apart");
    }
}

#[test]
fn copies_at_the_worst_moment_do_not_hold_sums_back() {
    // A copy has the filter tick fast, and the sums must not start to wait anew with that.
    for moment in (1..1000).step_by(7) {
        let mut sim = sim();
        sim.request().method("CONNECT").send().gone();
        while requests(&sim) == 0 {
            sim.tick();
        }
        sim.request().method("CONNECT").send().gone();
        sim.advance(Duration::from_millis(moment));
        sim.request().send().gone();
        sim.advance(SECOND - Duration::from_millis(moment));
        assert!(requests(&sim) >= 2, "with a copy {moment} ms behind the event");
    }
}

#[test]
fn sums_arrive_within_a_second_under_traffic_of_any_density() {
    for (gap, copied) in
        [(1, true), (3, true), (50, true), (399, true), (401, true), (1, false), (390, false)]
    {
        let mut sim = sim();
        let mut sent = std::collections::VecDeque::new();
        let mut arrived = 0;
        for at in 0..4000 {
            if at % gap == 0 {
                let method = if copied { "GET" } else { "CONNECT" };
                sim.request().method(method).send().gone();
                sent.push_back(sim.now());
            }
            sim.tick();
            while i64::from(arrived) < requests(&sim) {
                arrived += 1;
                let event = sent.pop_front().expect("an event for each count");
                assert!(sim.now() - event <= SECOND, "every {gap} ms: {:?} late", sim.now() - event);
            }
            let oldest = sent.front().copied().unwrap_or(sim.now());
            assert!(sim.now() - oldest <= SECOND, "every {gap} ms: not told in time");
        }
    }
}

#[test]
fn a_request_that_is_not_sampled_makes_no_host_call_of_its_own() {
    let mut sim = Sim::with_config(
        json!({"mirrors": [{"cluster": "a", "percentage": 0}, {"cluster": "b", "percentage": 0}]}),
    );
    let calls = |sim: &Sim| {
        let before = sim.host_calls();
        let stream = sim.request().method("POST").body("x").body("y").trailers().send();
        stream.respond(200);
        stream.gone();
        sim.host_calls() - before
    };
    assert!(calls(&sim) <= 2, "the first one has the sums told later");
    for _ in 0..100 {
        assert_eq!(calls(&sim), 0);
    }
    sim.assert_all_settled();
    assert!(calls(&sim) <= 2);
}

#[test]
fn an_inert_filter_makes_no_host_call() {
    let sim = Sim::with_bytes(b"{}");
    let before = sim.host_calls();
    let stream = sim.request().method("POST").body("x").trailers().send();
    stream.respond(200);
    stream.gone();
    assert_eq!(sim.host_calls(), before);
}

/// What is too much for a request's callback waits for the tick, and what is too much for a tick for the next.
#[test]
fn many_or_large_copies_do_not_leave_in_the_callback_of_their_request() {
    let mirrors: Vec<_> = (0..16).map(|i| json!({"cluster": format!("c{i}")})).collect();
    let mut sim = Sim::with_config(json!({"mirrors": mirrors}));
    sim.request().send();
    assert_eq!(sim.callouts().len(), 4, "the others wait for the tick");
    sim.work_takes(Duration::from_micros(200));
    sim.tick();
    let first = sim.callouts().len() - 4;
    assert!((1..=4).contains(&first), "{first} copies in the first tick");
    sim.work_takes(Duration::ZERO);
    sim.rest();
    assert_eq!(sim.callouts().len(), 16);

    let mut sim = Sim::with_config(json!({"mirrors": [{"cluster": "c"}]}));
    sim.request().method("POST").body(vec![0; 60_000]).send().gone();
    assert_eq!(sim.callouts().len(), 1, "a small body leaves at once");
    sim.request().method("POST").body(vec![0; 70_000]).send().gone();
    assert_eq!(sim.callouts().len(), 1);
    sim.tick();
    assert_eq!(sim.callouts().len(), 2);
}
