// SPDX-License-Identifier: Apache-2.0
//! What of the shadow's differences is noise, by what the control has.

#[cfg(not(target_arch = "wasm32"))]
mod properties;

use super::super::{BodyRule, Comparison, Rules, Verdict};
use super::*;
use crate::compare::HashKey;
use crate::http::GrpcStatus;
use crate::http::tests::head;
use crate::json::{Pointer, Pointers};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Observed {
    Observed { status, grpc: None, headers: head(headers), body: Some(body.into()) }
}

fn json() -> Rules {
    Rules { body: BodyRule::Json, headers: vec!["a".into(), "b".into()], ..Rules::default() }
}

fn places(verdict: Verdict) -> Vec<String> {
    match verdict {
        Verdict::Match => vec!["match".into()],
        Verdict::Noise => vec!["noise".into()],
        Verdict::Incomparable => vec!["incomparable".into()],
        Verdict::Mismatch(differences) => differences.listed.into_iter().map(|found| found.at).collect(),
    }
}

fn pointers(texts: &[&str]) -> Pointers {
    let pointers = texts.iter().map(|text| Pointer::parse(text).expect("a pointer"));
    Pointers::new(pointers.collect()).expect("not too many")
}

/// What the shadow's answer is held to be.
fn found(rules: &Rules, [primary, control, shadow]: [&Observed; 3]) -> Vec<String> {
    let [_, verdict] = rules.compare_with_control(primary, control, shadow);
    places(verdict)
}

fn of_bodies(rules: &Rules, bodies: [&str; 3]) -> Vec<String> {
    let answers = bodies.map(|body| answer(200, &[], body));
    found(rules, [&answers[0], &answers[1], &answers[2]])
}

#[test]
fn an_unordered_list_that_the_control_has_otherwise_is_noise_as_a_whole() {
    let rules = Rules { unordered: pointers(&["/t"]), ..json() };
    for (primary, control, shadow, expected) in [
        (r#"{"t":[1,2,3]}"#, r#"{"t":[3,2,1]}"#, r#"{"t":[2,1,3]}"#, &["match"][..]),
        (r#"{"t":[1,2,3]}"#, r#"{"t":[3,2,1]}"#, r#"{"t":[2,1]}"#, &["/t"]),
        (r#"{"t":[1,2],"v":1}"#, r#"{"t":[2,9],"v":1}"#, r#"{"t":[2,8,7],"v":1}"#, &["noise"]),
        (r#"{"t":[1,2],"v":1}"#, r#"{"t":[2,9],"v":1}"#, r#"{"t":[2,8],"v":2}"#, &["/v"]),
        (r#"{"t":[1,2]}"#, r#"{"t":[2]}"#, r#"{"t":[1,2,3]}"#, &["noise"]),
        (r#"{"t":[1,2]}"#, r#"{"t":[1,2,5]}"#, r#"{"t":[1]}"#, &["noise"]),
    ] {
        assert_eq!(of_bodies(&rules, [primary, control, shadow]), expected, "{primary} {control} {shadow}");
    }
}

#[test]
fn what_differs_in_the_control_too_is_noise() {
    for (primary, control, shadow, expected) in [
        (r#"{"id":1,"v":7}"#, r#"{"id":2,"v":7}"#, r#"{"id":3,"v":7}"#, &["noise"][..]),
        (r#"{"id":1,"v":7}"#, r#"{"id":2,"v":7}"#, r#"{"id":3,"v":8}"#, &["/v"]),
        (r#"{"id":1,"v":7}"#, r#"{"id":2,"v":7}"#, r#"{"id":1,"v":7}"#, &["match"]),
        (r#"{"id":1,"v":7}"#, r#"{"v":7,"id":1.0}"#, r#"{"id":2,"v":7}"#, &["/id"]),
        // Whatever the shadow has there, and whichever order members are in.
        (r#"{"id":1,"v":7}"#, r#"{"v":7,"id":2}"#, r#"{"v":7}"#, &["noise"]),
        (r#"{"id":1,"v":7}"#, r#"{"v":7}"#, r#"{"v":7,"id":{"x":1}}"#, &["noise"]),
        (r#"{"v":7}"#, r#"{"v":7,"a\u0062":1}"#, r#"{"ab":2,"v":7}"#, &["noise"]),
        (r#"{"v":7}"#, r#"{"v":7,"ab":1}"#, r#"{"ac":2,"v":7}"#, &["/ac"]),
        (r#"{"a":{},"b":{}}"#, r#"{"a":{"x":1},"b":{}}"#, r#"{"a":{},"b":{"x":1}}"#, &["/b/x"]),
        // Within what the control has another value for.
        (r#"{"a":{"b":1,"c":[1]}}"#, r#"{"a":null}"#, r#"{"a":{"b":2,"c":[1,2],"d":0}}"#, &["noise"]),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, r#"{"a":null}"#, &["/a"]),
        // Lists: element by element, unless their lengths differ.
        (r#"{"l":[1,2]}"#, r#"{"l":[1,3]}"#, r#"{"l":[1,4]}"#, &["noise"]),
        (r#"{"l":[1,2]}"#, r#"{"l":[1,3]}"#, r#"{"l":[0,4]}"#, &["/l/0"]),
        (r#"{"l":[1,2]}"#, r#"{"l":[1,3]}"#, r#"{"l":[1,2,5]}"#, &["/l/2"]),
        (r#"{"l":[1,2],"v":7}"#, r#"{"l":[1,2,3],"v":7}"#, r#"{"l":[9],"v":7}"#, &["noise"]),
        (r#"{"l":[1,2],"v":7}"#, r#"{"l":[1],"v":7}"#, r#"{"l":[0,2,{"x":1}],"v":8}"#, &["/v"]),
        (r#"{"l":[1,2]}"#, r#"{"l":[1]}"#, r#"{"l":{}}"#, &["/l"]),
        ("[1,2]", "[1]", "[2,2,{}]", &["noise"]),
        // The body as a whole.
        ("plain", "other", "third", &["noise"]),
        ("plain", "plain", "third", &[""]),
        (r#"{"a":1}"#, "<html>", "<html>", &["noise"]),
        (r#"{"a":1}"#, "<html>", r#"{"a":2}"#, &["/a"]),
        (r#"{"a":1}"#, "[]", r#"{"a":2}"#, &["/a"]),
        (r#"{"a":1}"#, "[]", "null", &["noise"]),
        (r#"{"a":1}"#, r#"{"a":2}"#, "null", &[""]),
    ] {
        assert_eq!(of_bodies(&json(), [primary, control, shadow]), expected, "{primary} {control} {shadow}");
    }
    let bytes = Rules { body: BodyRule::Bytes, ..Rules::default() };
    assert_eq!(of_bodies(&bytes, ["a", "b", "c"]), ["noise"]);
    assert_eq!(of_bodies(&bytes, ["a", "a", "c"]), [""]);
}

#[test]
fn status_and_headers_are_places_of_their_own() {
    let rules = Rules { body: BodyRule::Off, ..json() };
    let primary = answer(200, &[("a", "1"), ("b", "1")], "");
    for (control, shadow, expected) in [
        ((200, "2", "1"), (200, "3", "1"), &["noise"][..]),
        ((200, "2", "1"), (200, "3", "3"), &["header:b"]),
        ((503, "1", "1"), (503, "1", "1"), &["noise"]),
        ((503, "1", "1"), (500, "1", "1"), &["noise"]),
        ((503, "1", "1"), (503, "2", "1"), &["header:a"]),
        ((200, "1", "1"), (503, "1", "1"), &["status"]),
    ] {
        let of = |(status, a, b)| answer(status, &[("a", a), ("b", b)], "");
        assert_eq!(found(&rules, [&primary, &of(control), &of(shadow)]), expected, "{control:?} {shadow:?}");
    }
    let grpc = |status| Observed { grpc: Some(status), ..answer(200, &[], "") };
    let (ok, lost) = (grpc(GrpcStatus::Ok), grpc(GrpcStatus::Unavailable));
    assert_eq!(found(&Rules::default(), [&ok, &lost, &lost]), ["noise"]);
    assert_eq!(found(&Rules::default(), [&ok, &ok, &lost]), ["grpc-status"]);
}

/// A control that answers everything with an error would otherwise make noise of all that the shadow has wrong.
#[test]
fn a_control_with_a_status_of_its_own_says_nothing_of_the_rest() {
    let primary = answer(200, &[("a", "1")], r#"{"v":7}"#);
    let error = |status| answer(status, &[("a", "2")], r#"{"error":1}"#);
    let wrong = answer(200, &[("a", "3")], r#"{"v":8,"error":1}"#);
    assert_eq!(found(&json(), [&primary, &error(404), &wrong]), ["header:a", "/error", "/v"]);
    let [control, _] = json().compare_with_control(&primary, &error(404), &wrong);
    assert_eq!(places(control), Vec::<String>::new(), "a mismatch, of which nothing is listed");
    // The shadow fails in the way that the control does.
    assert_eq!(found(&json(), [&primary, &error(404), &error(404)]), ["noise"]);
    assert_eq!(found(&json(), [&primary, &error(404), &error(500)]), ["header:a", "/error", "/v"]);
}

#[test]
fn without_the_controls_body_the_shadows_is_compared_as_if_there_were_none() {
    let (primary, shadow) = (answer(200, &[("a", "1")], "{}"), answer(200, &[("a", "2")], "[]"));
    let control = Observed { body: None, ..answer(200, &[("a", "3")], "") };
    let [of_control, of_shadow] = json().compare_with_control(&primary, &control, &shadow);
    assert!(matches!(of_control, Verdict::Mismatch(_)));
    assert_eq!(places(of_shadow), [""], "the header is noise");
    let same = Observed { body: None, ..answer(200, &[("a", "1")], "") };
    assert_eq!(json().compare_with_control(&primary, &same, &primary)[0], Verdict::Incomparable);
    // Noise where something is not known is not all that there may be.
    let unknown = Observed { body: None, ..answer(200, &[("a", "2")], "") };
    let other = answer(200, &[("a", "3")], "{}");
    assert_eq!(found(&json(), [&primary, &other, &unknown]), ["incomparable"]);
}

#[test]
fn what_is_ignored_is_neither_noise_nor_a_difference() {
    let rules = Rules { ignore: pointers(&["/ts"]), ..json() };
    assert_eq!(of_bodies(&rules, [r#"{"ts":1,"v":1}"#, r#"{"ts":2,"v":1}"#, r#"{"ts":3,"v":1}"#]), ["match"]);
    assert_eq!(of_bodies(&rules, [r#"{"ts":1,"v":1}"#, r#"{"ts":2,"v":2}"#, r#"{"v":1}"#]), ["match"]);
}

/// Names that only the control has are remembered up to a bound. What is beyond it is no noise.
#[test]
fn what_is_not_remembered_is_a_difference() {
    let object = |value: usize| {
        let members: Vec<String> = (0..1000).map(|index| format!(r#""k{index:04}":{value}"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    let (control, shadow) = (object(1), object(2));
    let found = of_bodies(&json(), ["{}", &control, &shadow]);
    assert_eq!((found.len(), found[0].as_str()), (20, "/k0256"));
    let long = |value| format!(r#"{{"{}":{value}}}"#, "x".repeat(MAX_NAME + 1));
    let (control, shadow) = (long(1), long(2));
    assert_eq!(of_bodies(&json(), ["{}", &control, &shadow]).len(), 1);
    // Every value of the primary is remembered.
    let (primary, control) = (object(0), object(1));
    assert_eq!(of_bodies(&json(), [&primary, &control, &object(2)]), ["noise"]);
}

#[test]
fn what_is_remembered_is_told_and_given_back() {
    let list = |value: usize| format!("[{}]", vec![value.to_string(); 5000].join(","));
    let [primary, control, shadow] = [0, 1, 2].map(|value| answer(200, &[], &list(value)));
    let rules = json();
    let mut comparison = Comparison::of_control(HashKey::default());
    let mut most = 0;
    while comparison.step(&rules, &primary, &control, 1000).is_pending() {
        most = most.max(comparison.held_bytes());
    }
    let noise = comparison.into_noise(&primary, &control, &shadow);
    let tree = noise.primary.held_bytes();
    assert!(noise.held_bytes() >= tree + 5000 / 8, "a bit for each value");
    assert!(noise.held_bytes() < most, "the control's tree is gone");
    assert!(Comparison::without(noise, true, HashKey::default()).held_bytes() > tree);
}
