// SPDX-License-Identifier: Apache-2.0
//! `active` and `ramp`, by the clock on the wall.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sim::Sim;

/// 2026-11-21T09:00:00Z.
const NINE: u64 = 1_795_251_600;

fn sim(keys: Value) -> Sim {
    let mut mirror = keys;
    mirror["cluster"] = "c".into();
    mirror["name"] = "m".into();
    mirror["limits"] = json!({"max_in_flight": 1_000_000});
    Sim::with_config(json!({"mirrors": [mirror]}))
}

/// How many of a thousand requests at a time are copied.
fn copied_at(sim: &mut Sim, seconds: u64) -> i64 {
    // What was known of the time is forgotten.
    sim.rest();
    sim.set_clock(seconds);
    let before = sim.callouts().len();
    for _ in 0..1000 {
        sim.request().header("x-user", "ann").send().gone();
    }
    sim.tick();
    i64::try_from(sim.callouts().len() - before).unwrap()
}

#[test]
fn a_mirror_is_active_within_its_window() {
    let active = json!({"from": "2026-11-21T10:00:00+01:00", "until": "2026-11-21T09:00:10.5Z"});
    let mut sim = sim(json!({"active": active}));
    assert_eq!(copied_at(&mut sim, NINE - 1), 0);
    assert_eq!(copied_at(&mut sim, NINE), 1000);
    assert_eq!(copied_at(&mut sim, NINE + 10), 1000);
    assert_eq!(copied_at(&mut sim, NINE + 11), 0);
    assert_eq!(sim.counted("m")["skipped inactive"], 2000);
    sim.assert_adds_up();
}

#[test]
fn either_end_may_be_left_open() {
    let mut from = sim(json!({"active": {"from": "2026-11-21T09:00:00Z"}}));
    assert_eq!([copied_at(&mut from, 0), copied_at(&mut from, NINE * 2)], [0, 1000]);
    let mut until = sim(json!({"active": {"until": "2026-11-21T09:00:00Z"}}));
    assert_eq!([copied_at(&mut until, 5), copied_at(&mut until, NINE)], [1000, 0]);
}

#[test]
fn a_ramp_grows_to_the_percentage() {
    let ramp = json!({"start": 10, "over": "100m"});
    let mut sim = sim(json!({"percentage": 50, "active": {"from": "2026-11-21T09:00:00Z"}, "ramp": ramp}));
    // Six standard deviations are 95 at most.
    for (minutes, expected) in [(0, 100), (50, 300), (100, 500), (1000, 500)] {
        let copied = copied_at(&mut sim, NINE + minutes * 60);
        assert!((copied - expected).abs() <= 95, "{copied} after {minutes} min");
    }
    assert_eq!(copied_at(&mut sim, NINE - 1), 0);
}

#[test]
fn a_user_who_is_on_the_ramp_stays_on_it() {
    let mut sim = sim(json!({
        "sample_by": {"header": "x-user"}, "active": {"from": "2026-11-21T09:00:00Z"},
        "ramp": {"start": 0, "over": "100m"},
    }));
    let copied: Vec<i64> = (0..=100).map(|minutes| copied_at(&mut sim, NINE + minutes * 60)).collect();
    assert!(copied.iter().all(|copied| [0, 1000].contains(copied)) && copied.is_sorted(), "{copied:?}");
    assert_eq!([copied[0], copied[100]], [0, 1000]);
}

#[test]
fn the_clock_is_not_asked_for_each_request() {
    let mut sim = sim(json!({"active": {"until": "2026-11-21T09:00:00Z"}}));
    sim.set_clock(NINE);
    sim.request().send().gone();
    let before = sim.host_calls();
    (0..1000).for_each(|_| sim.request().send().gone());
    assert_eq!(sim.host_calls(), before);
    sim.set_clock(NINE - 10);
    sim.advance(Duration::from_millis(500));
    sim.request().send().gone();
    sim.tick();
    assert_eq!(sim.callouts().len(), 1, "it is asked again within half a second");
}
