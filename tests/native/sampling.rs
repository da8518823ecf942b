// SPDX-License-Identifier: Apache-2.0
//! Which share of requests is copied.

use serde_json::{Value, json};

use crate::sim::Sim;

const REQUESTS: i64 = 10_000;

/// How many of many requests were copied.
fn sampled(percentage: Value) -> i64 {
    let mirror = json!({"cluster": "shadow", "name": "m", "percentage": percentage,
        "limits": {"max_in_flight": 100_000}});
    let mut sim = Sim::with_config(json!({"mirrors": [mirror]}));
    for _ in 0..REQUESTS {
        sim.request().send().gone();
    }
    sim.assert_adds_up();
    let counted = sim.counted("m");
    assert_eq!(counted["requests"], REQUESTS);
    let of = |name| counted.get(name).copied().unwrap_or(0);
    assert_eq!(of("skipped unsampled") + of("sent"), REQUESTS);
    of("sent")
}

#[test]
fn all_or_none_is_exact() {
    assert_eq!(sampled(json!(0)), 0);
    assert_eq!(sampled(json!(0.0)), 0);
    assert_eq!(sampled(json!(100)), REQUESTS);
}

#[test]
fn ten_per_cent_is_about_a_tenth() {
    // Six standard deviations of the binomial distribution are 180.
    assert!((820..=1180).contains(&sampled(json!(10))));
}

#[test]
fn mirrors_decide_for_themselves() {
    let mirrors = json!([{"cluster": "a", "percentage": 50}, {"cluster": "b", "percentage": 50}]);
    let mut sim = Sim::with_config(json!({"annotate": true, "mirrors": mirrors}));
    for _ in 0..1000 {
        sim.request().send().gone();
    }
    sim.tick();
    let both = sim.filter_state().iter().filter(|(_, names)| names == "a,b").count();
    // 250 are expected; six standard deviations are 82.
    assert!((168..=332).contains(&both), "{both}");
    sim.assert_adds_up();
}
