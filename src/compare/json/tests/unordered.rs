// SPDX-License-Identifier: Apache-2.0
//! Lists whose elements may be in any order.

use super::*;
use crate::compare::difference::SideValue;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn rules(unordered: &[&str], ignore: &[&str]) -> Rules {
    Rules { ignore: pointers(ignore), unordered: pointers(unordered), ..Rules::default() }
}

/// Where two texts differ.
fn places(a: &str, b: &str, rules: &Rules) -> Vec<String> {
    let found = sliced(a, b, rules, &[usize::MAX]).listed;
    found.into_iter().map(|difference| difference.at).collect()
}

#[test]
fn the_order_of_elements_does_not_matter() {
    for (a, b, unordered) in [
        ("[1,2,3]", "[3,1.0,2e0]", &[""][..]),
        (r#"{"tags":["a","b","b"]}"#, r#"{"tags":["b","a","\u0062"]}"#, &["/tags"]),
        (r#"[{"a":1,"b":[]},null,"x"]"#, r#"["\u0078",{"b":[ ],"a":1e0},null]"#, &[""]),
        (r#"{"a":[[1,2],[3]]}"#, r#"{"a":[[3],[1,2]]}"#, &["/a"]),
        (r#"{"a":[[1,2],[3]]}"#, r#"{"a":[[3],[2,1]]}"#, &["/a", "/a/*"]),
        (r#"{"a":[[1,2],{"b":[3,4]}]}"#, r#"{"a":[{"b":[4,3]},[2,1]]}"#, &["/**"]),
        (r#"{"x":{"ids":[1,2]},"ids":[3,4]}"#, r#"{"x":{"ids":[2,1]},"ids":[4,3]}"#, &["/**/ids"]),
        ("[[],{},\"\",0,null,false,true]", "[true,false,null,-0.0e9,\"\",{},[]]", &[""]),
        ("[1e99999999999999999999,2]", "[2,1e99999999999999999999]", &[""]),
        ("[]", "[ ]", &["/**"]),
    ] {
        for (a, b) in [(a, b), (b, a)] {
            assert_eq!(places(a, b, &rules(unordered, &[])), Vec::<String>::new(), "{a} {b} {unordered:?}");
        }
        if a != "[]" {
            assert_ne!(places(a, b, &Rules::default()), Vec::<String>::new(), "{a} {b}");
        }
    }
}

#[test]
fn what_one_side_has_more_often_is_told_where_its_list_is() {
    let json = |text: &str| SideValue::Json(text.into());
    for (a, b, unordered, expected) in [
        ("[1,2]", "[2,3]", "", &[("", "1", ""), ("", "", "3")][..]),
        ("[1,1,2]", "[2,1]", "", &[("", "1", "")]),
        ("[2,1]", "[1,2,1,1]", "", &[("", "", "1"), ("", "", "1")]),
        (
            r#"{"t":["a"],"u":1}"#,
            r#"{"t":["A"],"u":2}"#,
            "/t",
            &[("/t", "\"a\"", ""), ("/t", "", "\"A\""), ("/u", "1", "2")],
        ),
        (r#"{"a":[{"t":[1]}]}"#, r#"{"a":[{"t":[]}]}"#, "/a/*/t", &[("/a/0/t", "1", "")]),
        (
            r#"[{"a":[1,2]}]"#,
            r#"[{"a":[2,1]}]"#,
            "",
            &[("", r#"{"a":[1,2]}"#, ""), ("", "", r#"{"a":[2,1]}"#)],
        ),
        ("[[1,2]]", "[[2,1]]", "", &[("", "[1,2]", ""), ("", "", "[2,1]")]),
        ("[1]", "[\"1\"]", "", &[("", "1", ""), ("", "", "\"1\"")]),
        ("[null]", "[]", "", &[("", "null", "")]),
        ("[{}]", "[[]]", "", &[("", "{}", ""), ("", "", "[]")]),
        (
            "[9007199254740992]",
            "[9007199254740993]",
            "",
            &[("", "9007199254740992", ""), ("", "", "9007199254740993")],
        ),
        ("{}", "[]", "", &[("", "{}", "[]")]),
        (r#"{"t":[1]}"#, r#"{"t":1}"#, "/t", &[("/t", "[1]", "1")]),
    ] {
        let listed = sliced(a, b, &rules(&[unordered], &[]), &[usize::MAX]).listed;
        let found: Vec<_> = listed.into_iter().map(|one| (one.at, one.primary, one.shadow)).collect();
        let side = |text: &str| if text.is_empty() { SideValue::Absent } else { json(text) };
        let expected: Vec<_> = expected
            .iter()
            .map(|(at, primary, shadow)| ((*at).to_owned(), side(primary), side(shadow)))
            .collect();
        assert_eq!(found, expected, "{a} {b} {unordered:?}");
    }
}

#[test]
fn what_is_ignored_in_an_element_does_not_count() {
    for (a, b, ignore) in [
        (r#"[{"id":1,"v":2},{"id":2,"v":3}]"#, r#"[{"v":3},{"id":7,"v":2}]"#, &["/*/id"][..]),
        (r#"[{"x":{"id":1}},{"x":{}}]"#, r#"[{"x":{}},{"x":{"id":5}}]"#, &["/**/id"]),
        (r#"[[1,2],[3,4]]"#, r#"[[3,9],[1,8]]"#, &["/*/1"]),
        (r#"[[1],[3,4]]"#, r#"[[3],[1,8]]"#, &["/*/1"]),
        // An index is the place of an element in its own list.
        ("[7,1,2]", "[8,2,1]", &["/0"]),
        ("[1,2]", "[5,6,7]", &["/*"]),
    ] {
        assert_eq!(places(a, b, &rules(&[""], ignore)), Vec::<String>::new(), "{a} {b} {ignore:?}");
    }
    let rules = rules(&[""], &["/*/1"]);
    assert_eq!(places("[[1,2,3]]", "[[1,3]]", &rules), ["", ""], "what is ignored keeps its place");
    assert_eq!(places(r#"[{"a":1}]"#, r#"[{"a":1,"b":1}]"#, &rules), ["", ""]);
}

#[test]
fn many_lone_elements_are_one_list_of_bounded_length() {
    let list = |from: usize| {
        format!("[{}]", (from..from + 5000).map(|n| n.to_string()).collect::<Vec<_>>().join(","))
    };
    let found = sliced(&list(0), &list(2500), &rules(&[""], &[]), &[1000]).listed;
    assert!((10..100).contains(&found.len()), "{}", found.len());
    assert!(found.iter().all(|one| one.shadow == SideValue::Absent), "the primary's come first");
}

// There is no clock on wasm.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn elements_that_are_all_alike_take_no_longer_than_others() {
    // One by one with each other they would take minutes.
    let list = |last: &str| format!("[{}{last}]", "1,".repeat(300_000));
    let start = std::time::Instant::now();
    assert_eq!(places(&list("2"), &list("3"), &rules(&[""], &[])), ["", ""]);
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (0..3i64).prop_map(Json::from),
            "[ab]{0,1}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            prop_oneof![
                2 => prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                1 => prop::collection::btree_map("[ab]", inner, 0..3)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Lists turned around anywhere.
    fn turned(value: &Json, turns: &mut impl FnMut() -> bool) -> Json {
        match value {
            Json::Array(items) => {
                let mut items: Vec<_> = items.iter().map(|item| turned(item, turns)).collect();
                if turns() {
                    items.reverse();
                }
                items.into()
            }
            Json::Object(map) => {
                map.iter().map(|(name, value)| (name.clone(), turned(value, turns))).collect()
            }
            other => other.clone(),
        }
    }

    /// Whether one of the pointers ends at the end of the way.
    fn ends(pointers: &[String], way: &[String]) -> bool {
        fn matches(tokens: &[&str], way: &[String]) -> bool {
            match tokens.split_first() {
                None => way.is_empty(),
                Some((&"**", rest)) => (0..=way.len()).any(|skipped| matches(rest, &way[skipped..])),
                Some((token, rest)) => way
                    .split_first()
                    .is_some_and(|(step, behind)| (*token == "*" || step == token) && matches(rest, behind)),
            }
        }
        pointers.iter().any(|pointer| matches(&pointer.split('/').skip(1).collect::<Vec<_>>(), way))
    }

    struct Model {
        unordered: Vec<String>,
        ignore: Vec<String>,
    }

    impl Model {
        /// One text for all that is equal.
        fn form(&self, value: &Json, way: &[String]) -> String {
            let within = |name: String, value: &Json| {
                let way = [way, std::slice::from_ref(&name)].concat();
                (!ends(&self.ignore, &way)).then(|| (name, self.form(value, &way)))
            };
            match value {
                Json::Array(items) => {
                    let items =
                        items.iter().enumerate().filter_map(|(index, item)| within(index.to_string(), item));
                    if ends(&self.unordered, way) {
                        let mut forms: Vec<_> = items.map(|(_, form)| form).collect();
                        forms.sort();
                        format!("set{forms:?}")
                    } else {
                        format!("list{:?}", items.collect::<BTreeMap<_, _>>())
                    }
                }
                Json::Object(map) => {
                    let members = map.iter().filter_map(|(name, value)| within(name.clone(), value));
                    format!("map{:?}", members.collect::<BTreeMap<_, _>>())
                }
                other => other.to_string(),
            }
        }

        /// Where two values differ.
        fn places(&self, a: Option<&Json>, b: Option<&Json>, way: &[String]) -> Vec<String> {
            if ends(&self.ignore, way) {
                return Vec::new();
            }
            let here = || way.iter().map(|step| format!("/{step}")).collect::<String>();
            let both = |names: &[String], get: &dyn Fn(&str) -> [Option<Json>; 2]| {
                let within = names.iter().map(|name| {
                    let [a, b] = get(name);
                    self.places(a.as_ref(), b.as_ref(), &[way, std::slice::from_ref(name)].concat())
                });
                within.flatten().collect()
            };
            match (a, b) {
                (Some(Json::Array(a)), Some(Json::Array(b))) if ends(&self.unordered, way) => {
                    let forms = |items: &[Json]| {
                        let within = |index: usize| [way, &[index.to_string()]].concat();
                        let counted = (0..items.len()).filter(|index| !ends(&self.ignore, &within(*index)));
                        counted.map(|index| self.form(&items[index], &within(index))).collect::<Vec<_>>()
                    };
                    let (mut left, right) = (forms(a), forms(b));
                    let mut lone = 0;
                    for form in &right {
                        match left.iter().position(|other| other == form) {
                            Some(at) => drop(left.remove(at)),
                            None => lone += 1,
                        }
                    }
                    vec![here(); left.len() + lone]
                }
                (Some(Json::Array(a)), Some(Json::Array(b))) => {
                    let names: Vec<_> = (0..a.len().max(b.len())).map(|index| index.to_string()).collect();
                    both(&names, &|name| {
                        let index: usize = name.parse().expect("an index");
                        [a.get(index).cloned(), b.get(index).cloned()]
                    })
                }
                (Some(Json::Object(a)), Some(Json::Object(b))) => {
                    let mut names: Vec<_> = a.keys().chain(b.keys()).cloned().collect();
                    names.sort();
                    names.dedup();
                    both(&names, &|name| [a.get(name).cloned(), b.get(name).cloned()])
                }
                (a, b) if a == b => Vec::new(),
                _ => vec![here()],
            }
        }
    }

    fn some_pointers() -> impl Strategy<Value = Vec<String>> {
        let token = prop::sample::select(vec!["a", "b", "0", "1", "*", "**"]);
        let pointer = prop::collection::vec(token, 0..4)
            .prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect());
        prop::collection::vec(pointer, 0..3)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn differences_are_those_of_the_model(
            one in value(), two in value(), same: bool, turns: Vec<bool>,
            unordered in some_pointers(), ignore in some_pointers(),
            slices in prop::collection::vec(1..200usize, 1..4),
        ) {
            let mut turns = turns.into_iter();
            let other = if same { turned(&one, &mut || turns.next().unwrap_or(true)) } else { two };
            let model = Model { unordered: unordered.clone(), ignore: ignore.clone() };
            let texts = |list: &[String]| pointers(&list.iter().map(String::as_str).collect::<Vec<_>>());
            let rules = Rules { unordered: texts(&unordered), ignore: texts(&ignore), ..Rules::default() };
            let (a, b) = (json!(one).to_string(), json!(other).to_string());
            let mut expected = model.places(Some(&one), Some(&other), &[]);
            let found = sliced(&a, &b, &rules, &slices);
            prop_assert_eq!(found.is_empty(), expected.is_empty());
            let mut found: Vec<_> = found.listed.into_iter().map(|one| one.at).collect();
            prop_assume!(expected.len() <= 20);
            found.sort();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}
