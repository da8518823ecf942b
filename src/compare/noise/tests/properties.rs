// SPDX-License-Identifier: Apache-2.0
//! Noise against a model that knows JSON as values.

use std::task::Poll;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![(0..3i32).prop_map(Value::from), Just(Value::Null), Just("x".into())];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[abc]", inner, 0..4)
                .prop_map(|members| members.into_iter().collect::<Value>()),
        ]
    })
}

/// The document with some of its values changed, as the choices say.
fn changed(value: &Value, choices: &mut impl Iterator<Item = u8>) -> Value {
    match (choices.next().unwrap_or(u8::MAX), value) {
        (0, _) => 7.into(),
        (1, _) => serde_json::json!({"a": 7}),
        (2, Value::Array(items)) => items.iter().skip(1).cloned().collect(),
        (3, Value::Array(items)) => items.iter().cloned().chain([8.into()]).collect(),
        (4, Value::Object(members)) => members.clone().into_iter().skip(1).collect(),
        (5, Value::Object(members)) => {
            members.clone().into_iter().chain([("d".to_owned(), 9.into())]).collect()
        }
        (_, Value::Array(items)) => items.iter().map(|item| changed(item, choices)).collect(),
        (_, Value::Object(members)) => {
            members.iter().map(|(name, item)| (name.clone(), changed(item, choices))).collect()
        }
        (_, leaf) => leaf.clone(),
    }
}

/// Whether the control has another value there as a whole.
fn is_other(primary: &Value, control: Option<&Value>) -> bool {
    match (primary, control) {
        (Value::Object(_), Some(Value::Object(_))) | (Value::Array(_), Some(Value::Array(_))) => false,
        (primary, control) => control != Some(primary),
    }
}

fn other_length(primary: &Value, control: Option<&Value>) -> bool {
    matches!((primary, control), (Value::Array(one), Some(Value::Array(other))) if one.len() != other.len())
}

#[derive(Debug, Default, PartialEq)]
struct Expected {
    differences: Vec<String>,
    noisy: bool,
}

impl Expected {
    fn note(&mut self, at: &str, noise: bool) {
        self.noisy |= noise;
        if !noise {
            self.differences.push(at.into());
        }
    }

    fn values(&mut self, at: &str, outer: bool, p: &Value, c: Option<&Value>, s: &Value) {
        let covered = outer || !at.is_empty() && is_other(p, c) || other_length(p, c);
        // A body that is another one as a whole says nothing of what is in it.
        let inner = if is_other(p, c) { Some(p) } else { c };
        match (p, s) {
            (Value::Object(one), Value::Object(other)) => {
                let names: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
                for name in names {
                    let c = inner.and_then(|c| c.get(name));
                    self.pair(&format!("{at}/{name}"), covered, one.get(name), c, other.get(name));
                }
            }
            (Value::Array(one), Value::Array(other)) => {
                for index in 0..one.len().max(other.len()) {
                    // What only the control and the shadow have is noise by the length alone.
                    let c = inner.and_then(|c| c.get(index)).filter(|_| index < one.len());
                    self.pair(&format!("{at}/{index}"), covered, one.get(index), c, other.get(index));
                }
            }
            (p, s) if p == s => {}
            (p, _) => self.note(at, outer || is_other(p, c)),
        }
    }

    fn pair(&mut self, at: &str, covered: bool, p: Option<&Value>, c: Option<&Value>, s: Option<&Value>) {
        match (p, s) {
            (Some(p), Some(s)) => self.values(at, covered, p, c, s),
            (Some(p), None) => self.note(at, covered || is_other(p, c)),
            (None, _) => self.note(at, covered || c.is_some()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn noise_is_what_the_model_says(
        primary in document(),
        of_control in prop::collection::vec(0..12u8, 0..8),
        of_shadow in prop::collection::vec(0..12u8, 0..8),
        slices in prop::collection::vec(1..300usize, 1..6),
    ) {
        let control = changed(&primary, &mut of_control.into_iter());
        let shadow = changed(&primary, &mut of_shadow.into_iter());
        let mut expected = Expected::default();
        expected.values("", false, &primary, Some(&control), &shadow);
        let [primary, control, shadow] = [primary, control, shadow].map(|body| answer(200, &[], &body.to_string()));
        let [of_control, verdict] = json().compare_with_control(&primary, &control, &shadow);
        match &verdict {
            Verdict::Match => prop_assert_eq!(expected, Expected::default()),
            Verdict::Noise => prop_assert_eq!(expected, Expected { noisy: true, ..Expected::default() }),
            Verdict::Mismatch(found) => {
                let mut places: Vec<_> = found.listed.iter().map(|one| one.at.clone()).collect();
                places.sort();
                expected.differences.sort();
                prop_assert_eq!(places, expected.differences);
            }
            Verdict::Incomparable => prop_assert!(false),
        }
        // It does not matter where it stops, nor that the primary was read before.
        let mut steps = slices.iter().cycle().copied();
        let mut sliced = |mut comparison: Comparison, other: &Observed| loop {
            if let Poll::Ready(verdict) = comparison.step(&json(), &primary, other, steps.next().unwrap_or(1)) {
                break (verdict, comparison);
            }
        };
        let (found, comparison) = sliced(Comparison::of_control(HashKey::default()), &control);
        prop_assert_eq!(&found, &of_control);
        let noise = comparison.into_noise(&primary, &control, &shadow);
        prop_assert_eq!(&sliced(Comparison::without(noise, true, HashKey::default()), &shadow).0, &verdict);
        // The control is compared as any shadow is.
        let plain = json().compare(&primary, &control);
        prop_assert_eq!(plain == Verdict::Match, of_control == Verdict::Match);
        // What equals the control is noise.
        let [_, itself] = json().compare_with_control(&primary, &control, &control);
        prop_assert_eq!(itself == Verdict::Noise, of_control != Verdict::Match);
    }
}
