// SPDX-License-Identifier: Apache-2.0
//! Where pointers lead, against a model that tries every way there is.

use super::*;
use crate::json::Spelling;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

fn pointers(texts: &[&str]) -> Pointers {
    let pointers = texts.iter().map(|text| Pointer::parse(text).expect("a pointer"));
    Pointers::new(pointers.collect()).expect("not too many")
}

/// One step of the way to a value.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    Member(&'static str),
    Element(usize),
}

use Step::{Element, Member};

/// Whether a pointer ends at the end of the way, and whether one leads on from there.
fn found(pointers: &Pointers, way: &[Step]) -> PointerMatch {
    let mut place = pointers.start();
    for (depth, step) in way.iter().enumerate() {
        place = match step {
            Member(name) => {
                let name = Name { spelled: name.as_bytes(), spelling: Spelling::Plain };
                pointers.within(place, Container::Object, depth).member(pointers, name)
            }
            Element(index) => {
                let mut within = pointers.within(place, Container::List, depth);
                // Those before it are asked about as well.
                let _ = (0..*index).map(|index| within.element(pointers, index)).count();
                within.element(pointers, *index)
            }
        };
    }
    place
}

#[test]
fn two_stars_are_any_number_of_levels() {
    for (pointer, hits, misses) in [
        (
            "/**/id",
            &[&[Member("id")][..], &[Member("a"), Element(3), Member("id")], &[Member("id"), Member("id")]][..],
            &[&[][..], &[Member("a")], &[Member("id"), Member("a")], &[Element(0)]][..],
        ),
        ("/**", &[&[], &[Member("a")], &[Element(1), Member("b")]], &[]),
        (
            "/a/**",
            &[&[Member("a")], &[Member("a"), Element(0), Element(0)]],
            &[&[], &[Member("b"), Member("a")]],
        ),
        (
            "/a/**/b/*/c",
            &[
                &[Member("a"), Member("b"), Element(0), Member("c")],
                &[Member("a"), Member("b"), Member("b"), Member("b"), Member("c")],
                &[Member("a"), Member("x"), Member("b"), Member("y"), Member("c")],
            ],
            &[&[Member("a"), Member("b"), Member("c")], &[Member("b"), Element(0), Member("c")]],
        ),
        (
            "/**/1/**/x/**",
            &[&[Element(1), Member("x")], &[Member("1"), Element(0), Member("x"), Member("z")]],
            &[&[Element(0), Member("x")], &[Member("x"), Element(1)]],
        ),
        ("/**/*", &[&[Member("a")], &[Element(0), Element(0)]], &[&[]]),
        (
            "/*/**/0",
            &[&[Member("a"), Element(0)], &[Element(7), Member("0")]],
            &[&[Element(0)], &[Member("0")]],
        ),
    ] {
        let pointers = pointers(&[pointer]);
        hits.iter().for_each(|way| assert!(found(&pointers, way).hit, "{pointer} {way:?}"));
        misses.iter().for_each(|way| assert!(!found(&pointers, way).hit, "{pointer} {way:?}"));
    }
}

#[test]
fn a_pointer_that_cannot_match_any_more_costs_nothing() {
    let pointers = pointers(&["/a/b", "/a/**/c", "/x/0/y"]);
    assert!(!found(&pointers, &[Member("b")]).leads_on());
    assert!(found(&pointers, &[Member("a"), Member("b")]).hit);
    let place = found(&pointers, &[Member("x")]);
    assert!(place.leads_on());
    let mut within = pointers.within(place, Container::List, 1);
    assert_eq!(within.asked(), 1);
    assert!(within.element(&pointers, 0).leads_on());
    assert!(!within.element(&pointers, 1).leads_on());
}

#[test]
fn no_more_are_followed_than_there_are_bits() {
    let of = |text: &str, count: usize| {
        Pointers::new(vec![Pointer::parse(text).expect("a pointer"); count]).is_some()
    };
    assert!(of("/a", MAX_POINTERS) && !of("/a", MAX_POINTERS + 1));
    assert!(of("/a/b/c/d/**/a", MAX_DEEP_TOKENS / 2), "those before it do not count");
    assert!(of(&format!("/**{}", "/a".repeat(MAX_DEEP_TOKENS - 1)), 1));
    assert!(!of(&format!("/**{}", "/a".repeat(MAX_DEEP_TOKENS)), 1));
    assert!(of("/**/a/b/c", 32) && !of("/**/a/b/c", 33));
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    /// Whether the tokens match the way, tried by hand.
    fn matches(tokens: &[&str], way: &[Step]) -> bool {
        let Some((token, rest)) = tokens.split_first() else { return way.is_empty() };
        if *token == "**" {
            return (0..=way.len()).any(|skipped| matches(rest, &way[skipped..]));
        }
        let Some((step, behind)) = way.split_first() else { return false };
        let is = match step {
            Member(name) => token == name,
            Element(index) => *token == index.to_string(),
        };
        (*token == "*" || is) && matches(rest, behind)
    }

    fn token() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["a", "b", "0", "1", "*", "**"])
    }

    fn step() -> impl Strategy<Value = Step> {
        prop::sample::select(vec![Member("a"), Member("b"), Member("0"), Element(0), Element(1), Element(2)])
    }

    proptest! {
        #[test]
        fn they_lead_where_the_model_says(
            all in prop::collection::vec(prop::collection::vec(token(), 0..6), 0..8),
            way in prop::collection::vec(step(), 0..6),
        ) {
            let texts: Vec<String> =
                all.iter().map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect()).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let found = found(&pointers(&texts), &way);
            prop_assert_eq!(found.hit, all.iter().any(|tokens| matches(tokens, &way)));
            // Where none leads on none is found further down.
            if !found.leads_on() {
                for step in [Member("a"), Member("b"), Element(0), Element(1)] {
                    let further = [&way[..], &[step]].concat();
                    prop_assert!(!all.iter().any(|tokens| matches(tokens, &further)));
                }
            }
        }
    }
}
