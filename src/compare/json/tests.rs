// SPDX-License-Identifier: Apache-2.0
//! Which JSON texts are equal, and where others differ.

use super::tree::MAX_DEPTH;
use super::*;
use crate::compare::HashKey;
use crate::compare::difference::Differences;
use crate::compare::findings::Findings;
use crate::compare::rules::Rules;
use crate::json::{Pointer, Pointers};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn pointers(texts: &[&str]) -> Pointers {
    let pointers = texts.iter().map(|text| Pointer::parse(text).expect("a pointer"));
    Pointers::new(pointers.collect()).expect("not too many")
}

/// The tree of a text, read in steps of so much work.
fn tree(text: &[u8], slices: &[usize]) -> Result<TreeBuilder, TreeError> {
    let mut tree = TreeBuilder::default();
    for slice in slices.iter().cycle() {
        if tree.step(text, &mut slice.clone())?.is_ready() {
            break;
        }
    }
    Ok(tree)
}

fn is_json(text: &[u8]) -> bool {
    tree(text, &[usize::MAX]).is_ok()
}

fn sliced(a: &str, b: &str, rules: &Rules, slices: &[usize]) -> Differences {
    let trees = [a, b].map(|text| tree(text.as_bytes(), slices).expect("JSON"));
    let views = [trees[0].view(a.as_bytes()), trees[1].view(b.as_bytes())];
    let context = HashContext { rules, key: HashKey::new(42) };
    let mut findings = Findings::plain(true);
    let mut comparison = TreeComparison::begin(views, rules, &mut findings, &mut 1).expect("memory");
    for slice in slices.iter().cycle() {
        let step = comparison.step(views, context, &mut findings, &mut slice.clone());
        if step.expect("memory").is_ready() {
            break;
        }
    }
    findings.differences
}

/// Where two texts differ.
fn differences(a: &str, b: &str, ignore: &[&str]) -> Vec<String> {
    let rules = Rules { ignore: pointers(ignore), ..Rules::default() };
    let differences = sliced(a, b, &rules, &[usize::MAX]);
    assert_eq!(differences.is_empty(), differences.listed.is_empty());
    differences.listed.into_iter().map(|difference| difference.at).collect()
}

#[test]
fn equal_texts_have_no_difference() {
    for (a, b) in [
        ("1", " 1.0\n"),
        (r#"{"a":1,"b":[true,null]}"#, r#"{ "b" : [ true , null ], "a" : 1.00 }"#),
        (r#""\u0061\/\ud83d\ude00""#, r#""a/😀""#),
        (r#"{"\u0061":{}}"#, r#"{"a":{}}"#),
        (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":2}"#),
        (r#""\ud800""#, r#""\uD800""#),
        (r#"{"\ud800":1,"\udc00\u0061":2}"#, r#"{"\uDC00a":2,"\uD800":1}"#),
        ("[]", "[ ]"),
        ("9007199254740993", "9.007199254740993e15"),
    ] {
        assert_eq!(differences(a, b, &[]), Vec::<String>::new(), "{a} {b}");
        assert_eq!(differences(b, a, &[]), Vec::<String>::new(), "{b} {a}");
    }
}

#[test]
fn a_difference_says_where_it_is() {
    for (a, b, places) in [
        ("1", "2", &[""][..]),
        ("9007199254740992", "9007199254740993", &[""]),
        ("[]", "{}", &[""]),
        ("0", "false", &[""]),
        ("\"1\"", "1", &[""]),
        ("true", "false", &[""]),
        (r#"{"a":{"b":1}}"#, r#"{"a":{"b":2}}"#, &["/a/b"]),
        (r#"{"a":1,"b":2}"#, r#"{"b":2,"c":3}"#, &["/a", "/c"]),
        ("[1,2,3]", "[1,3]", &["/1", "/2"]),
        ("[1]", "[1,2,3]", &["/1", "/2"]),
        (r#"[{"price":29}]"#, r#"[{"price":31}]"#, &["/0/price"]),
        (r#"{"a/b":1,"m~n":1}"#, r#"{"a/b":2,"m~n":2}"#, &["/a~1b", "/m~0n"]),
        (r#"{"a":1,"a":2}"#, r#"{"a":1,"a":3}"#, &["/a"]),
        (r#"{"a":1,"a":2}"#, r#"{"a":1}"#, &["/a"]),
        (r#""\ud800""#, r#""\ud801""#, &[""]),
        (r#""\ud800\u0061""#, r#""\ud800b""#, &[""]),
        (r#""\ud800""#, r#""\"\\ud800\"""#, &[""]),
        (r#""\ud800""#, r#""\ufffd""#, &[""]),
        (r#""a""#, r#""A""#, &[""]),
        (r#"{"a":null}"#, "{}", &["/a"]),
    ] {
        assert_eq!(differences(a, b, &[]), places, "{a} {b}");
        assert_eq!(differences(b, a, &[]), places, "{b} {a}");
    }
}

#[test]
fn what_is_ignored_does_not_differ() {
    for (a, b, ignore) in [
        (r#"{"ts":1,"v":2}"#, r#"{"ts":9,"v":2}"#, &["/ts"][..]),
        (r#"{"v":2}"#, r#"{"ts":{"x":9},"v":2}"#, &["/ts"]),
        (
            r#"{"items":[{"id":1,"p":2},{"id":3,"p":4}]}"#,
            r#"{"items":[{"id":8,"p":2},{"p":4}]}"#,
            &["/items/*/id"],
        ),
        (r#"[1,2]"#, r#"[1,3,4]"#, &["/1", "/2"]),
        (r#"{"a":1}"#, "[7]", &[""]),
        (r#"{"\u0061":1}"#, r#"{"a":2}"#, &["/a"]),
    ] {
        assert_eq!(differences(a, b, ignore), Vec::<String>::new(), "{a} {b} {ignore:?}");
    }
    assert_eq!(differences(r#"{"a":{"b":1,"c":1}}"#, r#"{"a":{"b":2,"c":2}}"#, &["/a/b"]), ["/a/c"]);
}

#[test]
fn what_is_not_json_is_no_tree() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(is_json(deep(MAX_DEPTH).as_bytes()));
    let too_deep = deep(MAX_DEPTH + 1);
    for text in [
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "01",
        "1 2",
        "nul",
        "'a'",
        "[1",
        "\"\u{1}\"",
        "{\"a\":1,}",
        "+1",
        "\u{feff}1",
        "NaN",
        "{\"a\" 1}",
        &too_deep,
    ] {
        assert!(!is_json(text.as_bytes()), "{text}");
    }
    assert!(!is_json(b"\"\xff\""));
}

#[test]
fn many_differences_are_one_list_of_bounded_length() {
    let list = |value: &str| format!("[{}]", vec![value; 30_000].join(","));
    let found = differences(&list("0"), &list("1"), &[]);
    assert!((10..100).contains(&found.len()), "{}", found.len());
}

mod unordered;

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;
    use serde_json::{Map, Value as Json, json};

    use super::*;

    fn value() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (-5..5i64).prop_map(Json::from),
            any::<u64>().prop_map(Json::from),
            "[a-cé\\\\\"\u{1}]{0,3}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map("[a-d/~]{1,2}", inner, 0..4)
                    .prop_map(|map| Json::Object(map.into_iter().collect())),
            ]
        })
    }

    /// The same value in another spelling: members in reverse, white space, numbers with a fraction.
    fn respelled(value: &Json) -> String {
        match value {
            Json::Object(map) => {
                let members: Vec<_> = map
                    .iter()
                    .rev()
                    .map(|(name, value)| format!(" {} :{}", json!(name), respelled(value)))
                    .collect();
                format!("{{{}\n}}", members.join(","))
            }
            Json::Array(items) => {
                format!("[ {}]", items.iter().map(respelled).collect::<Vec<_>>().join(" ,"))
            }
            Json::Number(number) => format!("{number}.0e0"),
            other => other.to_string(),
        }
    }

    /// Every pointer to a leaf, and the document with that leaf replaced by something that it is not.
    fn changed(value: &Json) -> Vec<(String, Json)> {
        let within = |entries: Vec<(String, Json)>, put: &dyn Fn(Json) -> Json, token: &str| {
            let token = token.replace('~', "~0").replace('/', "~1");
            entries.into_iter().map(|(at, value)| (format!("/{token}{at}"), put(value))).collect::<Vec<_>>()
        };
        match value {
            Json::Object(map) => map
                .iter()
                .flat_map(|(name, inner)| {
                    let put = |value| {
                        let mut map: Map<_, _> = map.clone();
                        map.insert(name.clone(), value);
                        Json::Object(map)
                    };
                    within(changed(inner), &put, name)
                })
                .collect(),
            Json::Array(items) => items
                .iter()
                .enumerate()
                .flat_map(|(index, inner)| {
                    let put = |value| {
                        let mut items = items.clone();
                        items[index] = value;
                        Json::from(items)
                    };
                    within(changed(inner), &put, &index.to_string())
                })
                .collect(),
            _ => vec![(String::new(), json!("something else"))],
        }
    }

    proptest! {
        #[test]
        fn spelling_is_no_difference(value in value()) {
            prop_assert_eq!(differences(&value.to_string(), &respelled(&value), &[]), Vec::<String>::new());
        }

        #[test]
        fn one_change_is_one_difference_where_it_was_made(value in value()) {
            for (at, other) in changed(&value) {
                let (a, b) = (value.to_string(), respelled(&other));
                prop_assert_eq!(differences(&a, &b, &[]), std::slice::from_ref(&at));
                prop_assert_eq!(differences(&b, &a, &[&at]), Vec::<String>::new());
            }
        }

        #[test]
        fn no_text_is_too_odd(a in "[\\[\\]{}\",:0-9eE.\\-tfn\\\\u ]{0,40}") {
            let own = is_json(a.as_bytes());
            let serdes = serde_json::from_str::<serde::de::IgnoredAny>(&a).is_ok();
            prop_assert_eq!(own, serdes, "{}", a);
        }
    }
}
