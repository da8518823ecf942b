// SPDX-License-Identifier: Apache-2.0
//! What of two answers is compared, and what comes out.

use super::*;
use crate::http::tests::head;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn answer(status: u16, headers: &[(&str, &str)], body: Option<&str>) -> Observed {
    Observed { status, grpc: None, headers: head(headers), body: body.map(|body| body.as_bytes().to_vec()) }
}

fn rules(headers: &[&str], body: BodyRule) -> Rules {
    Rules { headers: headers.iter().map(|name| (*name).to_owned()).collect(), body, ..Rules::default() }
}

/// Where the answers differ, or why that is not known.
fn outcome(rules: &Rules, primary: &Observed, shadow: &Observed) -> Vec<String> {
    match rules.compare(primary, shadow) {
        Verdict::Match => vec!["match".into()],
        Verdict::Incomparable => vec!["incomparable".into()],
        Verdict::Mismatch(differences) => differences.listed.into_iter().map(|found| found.at).collect(),
    }
}

#[test]
fn without_more_the_status_is_compared_alone() {
    let rules = Rules::default();
    let ok = answer(200, &[], None);
    assert_eq!(outcome(&rules, &ok, &answer(200, &[("a", "1")], Some("x"))), ["match"]);
    assert_eq!(outcome(&rules, &ok, &answer(201, &[], None)), ["status"]);
    let blind = Rules { status: false, ..self::rules(&["a"], BodyRule::Off) };
    assert_eq!(outcome(&blind, &ok, &answer(500, &[], None)), ["match"]);
}

#[test]
fn headers_are_compared_with_all_their_values() {
    let rules = rules(&["a", "b"], BodyRule::Off);
    let primary = answer(200, &[("a", "1"), ("a", "2"), ("c", "3")], None);
    for (headers, found) in [
        (&[("a", "1"), ("a", "2")][..], &["match"][..]),
        (&[("a", "2"), ("a", "1")], &["header:a"]),
        (&[("a", "1, 2")], &["header:a"]),
        (&[("a", "1")], &["header:a"]),
        (&[], &["header:a"]),
        (&[("a", "1"), ("a", "2"), ("b", "")], &["header:b"]),
        (&[("b", "1")], &["header:a", "header:b"]),
    ] {
        assert_eq!(outcome(&rules, &primary, &answer(200, headers, None)), found, "{headers:?}");
    }
}

#[test]
fn bodies_are_bytes_or_json() {
    for (rule, one, other, found) in [
        (BodyRule::Bytes, "a", "a", "match"),
        (BodyRule::Bytes, "1", "1.0", ""),
        (BodyRule::Json, "1", "1.0", "match"),
        (BodyRule::Json, r#"{"a":1}"#, r#"{"a":2}"#, "/a"),
        (BodyRule::Json, "not json", "not json", "match"),
        (BodyRule::Json, "not json", "nor this", ""),
        (BodyRule::Json, "", "", "match"),
        (BodyRule::Json, "", "x", ""),
        (BodyRule::Json, "{}", "x", ""),
        (BodyRule::Json, "{}", "", ""),
    ] {
        let (one, other) = (answer(200, &[], Some(one)), answer(200, &[], Some(other)));
        assert_eq!(outcome(&rules(&[], rule), &one, &other), [found], "{one:?} {other:?}");
        assert_eq!(outcome(&rules(&[], rule), &other, &one), [found], "{other:?} {one:?}");
    }
}

#[test]
fn a_body_that_is_not_known_leaves_the_question_open() {
    let rules = Rules { max_body_bytes: 10, ..rules(&["a"], BodyRule::Bytes) };
    let plain = answer(200, &[], Some("0123456789"));
    assert_eq!(outcome(&rules, &plain, &plain), ["match"]);
    for other in [
        answer(200, &[], None),
        answer(200, &[], Some("0123456789a")),
        answer(200, &[("content-encoding", "br")], Some("0123456789")),
        answer(200, &[("content-encoding", "gzip")], Some("0123456789")),
    ] {
        assert_eq!(outcome(&rules, &plain, &other), ["incomparable"]);
        assert_eq!(outcome(&rules, &other, &plain), ["incomparable"]);
    }
    let known = answer(500, &[("a", "1")], None);
    assert_eq!(outcome(&rules, &plain, &known), ["status", "header:a"], "what is known to differ, differs");
}

#[test]
fn kinds_are_known_even_where_the_list_is_full() {
    let names: Vec<String> = (0..60).map(|index| format!("h{index}")).collect();
    let rules = Rules { headers: names.clone(), ..rules(&[], BodyRule::Json) };
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let (one, other) = (answer(200, &headers, Some("1")), answer(404, &[], Some("2")));
    let Verdict::Mismatch(differences) = rules.compare(&one, &other) else { panic!("they differ") };
    assert!(DifferenceKind::ALL.iter().all(|(kind, _)| differences.has(*kind)));
    assert!(differences.listed.len() < 60);
}

#[test]
fn a_comparison_needs_no_more_than_its_rules() {
    assert_eq!(Rules::default().need(), Need { headers: false, body: None });
    assert_eq!(rules(&["a"], BodyRule::Off).need(), Need { headers: true, body: None });
    assert_eq!(rules(&[], BodyRule::Bytes).need(), Need { headers: true, body: Some(65536) });
}
