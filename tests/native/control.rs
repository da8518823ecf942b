// SPDX-License-Identifier: Apache-2.0
//! A mirror with a control: which requests the control gets, what they look like, and what its answers make of the shadow's.

mod answers;
mod copies;
mod limits;

use serde_json::{Value, json};

use crate::sim::{Answer, Callout, Sim, Stream};

/// A configuration with one mirror, `m`, that has these keys, and a control that compares JSON.
fn config(keys: &Value) -> Value {
    let compare = json!({"body": "json", "headers": ["a"], "log_values": true, "control": {"cluster": "v1"}});
    let mut mirror = json!({"cluster": "shadow", "name": "m", "compare": compare});
    let keys = keys.as_object().expect("an object").clone();
    mirror.as_object_mut().expect("an object").extend(keys);
    json!({"mirrors": [mirror]})
}

fn sim(keys: &Value) -> Sim {
    Sim::with_config(config(keys))
}

/// A request with its two copies on the wire: to the shadow, and to the control.
fn copied(sim: &mut Sim) -> (Stream, [Callout; 2]) {
    let before = sim.callouts().len();
    let stream = sim.request().header("x-request-id", "r-1").send();
    sim.tick();
    let copies: Vec<_> = sim.callouts().split_off(before);
    let [shadow, control] = copies.try_into().expect("two copies");
    assert_eq!((shadow.cluster.as_str(), control.cluster.as_str()), ("shadow", "v1"));
    (stream, [shadow, control])
}

fn json_answer(status: u16, body: &str) -> Answer {
    Answer::status(status).header("a", "1").body(body)
}

/// The counters of comparisons of a mirror, those that are not zero.
fn compared(sim: &mut Sim, mirror: &str) -> Vec<(String, i64)> {
    let counted = sim.counted(mirror);
    let is_one = |name: &str| name.starts_with("comparisons") || name.starts_with("differences");
    counted.into_iter().filter(|(name, _)| is_one(name)).collect()
}

/// Both results, of the shadow and of its control.
fn results(sim: &mut Sim) -> [Vec<String>; 2] {
    ["m", "m-control"].map(|mirror| {
        let counted = compared(sim, mirror);
        assert!(counted.iter().all(|(_, count)| *count == 1), "{counted:?}");
        counted.into_iter().map(|(name, _)| name.trim_start_matches("comparisons ").to_owned()).collect()
    })
}
