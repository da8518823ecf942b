// SPDX-License-Identifier: Apache-2.0
//! Generated plugin configurations: valid ones by construction, and invalid ones, which have one error put into them.

#![expect(clippy::indexing_slicing, reason = "of JSON and YAML that this program makes or knows")]

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use serde_json::{Map, Value, json};

use super::keys::{matching, optional_objects};
use super::schema::Schema;
use crate::random;

#[derive(Clone, Debug)]
pub struct Configuration {
    pub text: String,
    /// The error in it.
    pub error: Option<&'static str>,
}

/// The configuration with this number, and everything that is smaller than it.
pub fn tree(schema: Schema, seed: u64, number: u64) -> impl ValueTree<Value = Configuration> {
    random::tree(&configurations(schema), seed, number)
}

fn configurations(schema: Schema) -> impl Strategy<Value = Configuration> {
    let errors = prop_oneof![4 => Just(None), 1 => select(ERRORS.to_vec()).prop_map(Some)];
    (valid(schema), errors).prop_map(|(mut value, error)| {
        let text = match error {
            None => value.to_string(),
            Some("not JSON") => format!("{value}}}"),
            Some(error) => {
                put(&mut value, error);
                value.to_string()
            }
        };
        Configuration { text, error }
    })
}

const ERRORS: [&str; 14] = [
    "unknown key",
    "unknown key of a mirror",
    "percentage over 100",
    "percentage as text",
    "timeout of 0",
    "timeout as a number",
    "mirrors is no list",
    "duplicate name",
    "regex without an end",
    "negative max_bytes",
    "null",
    "empty cluster",
    "seventeen mirrors",
    "not JSON",
];

fn put(value: &mut Value, error: &str) {
    let mut mirror = value["mirrors"][0].take();
    match error {
        "unknown key" => value["mirror"] = json!([]),
        "unknown key of a mirror" => mirror["percent"] = json!(1),
        "percentage over 100" => mirror["percentage"] = json!(100.5),
        "percentage as text" => mirror["percentage"] = json!("10"),
        "timeout of 0" => mirror["timeout"] = json!("0s"),
        "timeout as a number" => mirror["timeout"] = json!(5),
        "regex without an end" => mirror["match"] = json!([{"path": {"regex": "(a"}}]),
        "negative max_bytes" => mirror["body"] = json!({"max_bytes": -1}),
        "null" => mirror["dry_run"] = Value::Null,
        "empty cluster" => mirror["cluster"] = json!(""),
        "mirrors is no list" => {
            value["mirrors"] = json!({"0": mirror});
            return;
        }
        "duplicate name" => value["mirrors"] = json!([mirror.clone(), mirror.clone()]),
        "seventeen mirrors" => {
            let named = (0..17).map(|number| json!({"name": format!("n{number}"), "cluster": "works"}));
            value["mirrors"] = named.collect();
            return;
        }
        _ => {}
    }
    value["mirrors"][0] = mirror;
}

fn valid(schema: Schema) -> impl Strategy<Value = Value> {
    let mirrors = (0..8_usize, vec(mirror(schema), 1..4)).prop_map(|(first, mirrors)| {
        // Few names: each is a set of metrics for Envoy's life.
        let named = mirrors.into_iter().enumerate().map(|(index, mut mirror)| {
            mirror["name"] = format!("m{}", (first + index) % 8).into();
            mirror
        });
        named.collect::<Value>()
    });
    let buffered = select(vec![1_u64, 1_000, 100_000, 33_554_432]);
    (mirrors, option::of(any::<bool>()), option::of(buffered), option::of(any::<bool>())).prop_map(
        |(mirrors, loop_guard, buffered, annotate)| {
            object([
                ("mirrors", Some(mirrors)),
                ("loop_guard", loop_guard.map(Into::into)),
                ("max_buffered_bytes", buffered.map(Into::into)),
                ("annotate", annotate.map(Into::into)),
            ])
        },
    )
}

fn mirror(schema: Schema) -> impl Strategy<Value = Value> {
    let clusters = prop_oneof![6 => Just("works"), 2 => Just("slow"), 2 => Just("hangs"), 1 => Just("dead"), 1 => Just("missing")];
    let target = prop_oneof![
        8 => clusters.prop_map(|cluster| ("cluster", json!(cluster))),
        1 => Just(("cluster_header", json!({"name": "x-shadow-to", "allowed": ["works", "slow"]}))),
    ];
    let mut timeouts = vec!["100ms", "250ms", "500ms", "3s"];
    timeouts.extend(schema.takes_fractions().then_some("0.25s"));
    let timeouts = select(timeouts).prop_map(|timeout| json!(timeout));
    let percentages =
        option::of(select(vec![json!(0), json!(0.0001), json!(12.5), json!(50), json!(1e2), json!(100.0)]));
    let sending = (target, timeouts, percentages);
    (sending, matching(), optional_objects(), newer(schema)).prop_map(
        |((target, timeout, percentage), matching, others, newer)| {
            let mut mirror = object([("timeout", Some(timeout)), ("percentage", percentage)]);
            mirror[target.0] = target.1;
            for (key, value) in matching.into_iter().chain(others).chain(newer) {
                if let Some(value) = value {
                    mirror[key] = value;
                }
            }
            mirror
        },
    )
}

/// Keys that only newer builds have.
fn newer(schema: Schema) -> impl Strategy<Value = Vec<(&'static str, Option<Value>)>> {
    let keys = [("send", json!("primary_end")), ("scheme", json!("keep"))];
    let known: Vec<_> = keys.into_iter().filter(|(key, _)| schema.has(key)).collect();
    let count = known.len();
    vec(any::<bool>(), count).prop_map(move |chosen| {
        let all = known.iter().zip(chosen);
        all.map(|((key, value), chosen)| (*key, chosen.then(|| value.clone()))).collect()
    })
}

fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}
