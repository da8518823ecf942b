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
        Verdict::Noise => vec!["noise".into()],
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
        answer(200, &[("content-encoding", "deflate")], Some("0123456789")),
    ] {
        assert_eq!(outcome(&rules, &plain, &other), ["incomparable"]);
        assert_eq!(outcome(&rules, &other, &plain), ["incomparable"]);
    }
    let known = answer(500, &[("a", "1")], None);
    assert_eq!(outcome(&rules, &plain, &known), ["status", "header:a"], "what is known to differ, differs");
}

#[test]
fn equal_bytes_are_equal_whatever_the_encoding() {
    let rules = Rules { max_body_bytes: 10, ..rules(&[], BodyRule::Json) };
    for encoding in ["br", "zstd", "something", "gzip", "deflate, br"] {
        let encoded = |body| answer(200, &[("content-encoding", encoding)], Some(body));
        let (one, same) = (encoded("\u{1f}broken"), encoded("\u{1f}broken"));
        assert_eq!(outcome(&rules, &one, &same), ["match"], "{encoding}");
        let long = encoded("0123456789a");
        assert_eq!(outcome(&rules, &long, &long), ["incomparable"], "{encoding}, over the limit");
    }
    for encoding in ["br", "something"] {
        let encoded = |body| answer(200, &[("content-encoding", encoding)], Some(body));
        assert_eq!(outcome(&rules, &encoded("one"), &encoded("two")), ["incomparable"], "{encoding}");
        assert_eq!(
            outcome(&rules, &encoded("one"), &answer(200, &[], Some("one"))),
            ["incomparable"],
            "{encoding}"
        );
    }
    // What is no encoding is no reason to leave the question open.
    let said = |encoding, body| answer(200, &[("content-encoding", encoding)], Some(body));
    for (one, other) in [("utf-8", "none"), ("gzip", "utf-8"), ("aws-chunked", "gzip"), ("gzip", "gzip")] {
        assert_eq!(
            outcome(&rules, &said(one, "{\"a\":1}"), &said(other, "{\"a\":1.0}")),
            ["match"],
            "{one} {other}"
        );
        assert_eq!(
            outcome(&rules, &said(one, "{\"a\":1}"), &said(other, "{\"a\":2}")),
            ["/a"],
            "{one} {other}"
        );
    }
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

#[test]
fn only_what_will_be_shown_is_listed_and_kept() {
    let rules = rules(&["a"], BodyRule::Bytes);
    let long = |text: &str| answer(200, &[("a", text)], Some(&text.repeat(50_000)));
    let (one, other) = (long("x"), long("y"));
    let verdict = |list| {
        let mut comparison = Comparison::new(list, HashKey::default());
        loop {
            if let Poll::Ready(verdict) = comparison.step(&rules, &one, &other, 1000) {
                break verdict;
            }
        }
    };
    let (Verdict::Mismatch(unlisted), Verdict::Mismatch(listed)) = (verdict(false), verdict(true)) else {
        panic!("they differ")
    };
    assert!(unlisted.listed.is_empty());
    for kind in [DifferenceKind::Header, DifferenceKind::Body] {
        assert!(unlisted.has(kind) && listed.has(kind));
    }
    assert!(matches!(&listed.listed[1].primary, SideValue::Bytes(bytes) if bytes.len() < 2000));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::json::{Pointer, Pointers};

    /// A document with strings and numbers of any length, and names in any order.
    fn document(depth: u32) -> impl Strategy<Value = String> {
        let text = r#"([ab/~]|\\\\u0061|\\\\ud800|é){0,3}"#;
        let text =
            (text, 0..90usize).prop_map(|(text, times)| format!("\"{}\"", text.repeat(times % 9 * times)));
        let number = ("-?[1-9][0-9]{0,3}(\\.[0-9]{1,3})?(e[0-9])?", Just(())).prop_map(|(number, ())| number);
        let long = (1..300usize).prop_map(|digits| format!("{}.0", "7".repeat(digits)));
        let leaf =
            prop_oneof![text.clone(), number, long, Just("null".to_owned()), Just("not JSON".to_owned())];
        leaf.prop_recursive(depth, 30, 6, move |inner| {
            let member = (text.clone(), inner.clone()).prop_map(|(name, value)| format!("{name}: {value}"));
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(" ,"))),
                prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    /// The same members in another order, some spelled in another way.
    fn turned(text: &str) -> String {
        let Some(inner) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
            return text.replace('a', "\\u0061");
        };
        let mut members: Vec<_> = inner.split(',').collect();
        members.reverse();
        format!("{{{}}}", members.join(",").replace("\"b", "\"\\u0062"))
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_it_stops(
            one in document(3), two in document(3), same: bool, anywhere: bool,
            slices in prop::collection::vec(prop_oneof![1..30usize, 1..3000usize], 1..6),
        ) {
            let other = if same { turned(&one) } else { two };
            let of = |texts: &[&str]| {
                Pointers::new(texts.iter().filter_map(|text| Pointer::parse(text)).collect()).expect("few")
            };
            let (ignore, unordered) = (of(&["/a", "/*/0", "/b/*/a"]), of(if anywhere { &["/**"] } else { &["/*"] }));
            let rules = Rules { ignore, unordered, ..rules(&["h"], BodyRule::Json) };
            let (one, other) = (answer(200, &[("h", "1")], Some(&one)), answer(200, &[("h", "1")], Some(&other)));
            let mut comparison = Comparison::new(true, HashKey::new(7));
            let mut steps = slices.iter().cycle();
            let verdict = loop {
                let work = steps.next().copied().unwrap_or(1);
                if let Poll::Ready(verdict) = comparison.step(&rules, &one, &other, work) {
                    break verdict;
                }
            };
            prop_assert_eq!(verdict, rules.compare(&one, &other));
        }
    }
}
