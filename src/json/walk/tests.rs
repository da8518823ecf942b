// SPDX-License-Identifier: Apache-2.0
//! What a text has, what is refused, and that it does not matter where reading stops.

use super::*;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// What a text has, read in steps of so much work.
fn sliced(text: &[u8], max_depth: usize, slices: &[usize]) -> Result<Vec<String>, NotJson> {
    let mut walk = Walk::new(max_depth);
    let mut events = Vec::new();
    for slice in slices.iter().cycle() {
        let until = walk.at().saturating_add(*slice);
        while let Poll::Ready(event) = walk.event(text, until)? {
            let (start, end) = walk.span();
            events.push(match event {
                None => return Ok(events),
                Some(Event::Name) => format!("{}:", String::from_utf8_lossy(walk.name(text).spelled)),
                Some(_) => String::from_utf8_lossy(&text[start..end]).into_owned(),
            });
        }
    }
    Ok(events)
}

fn events(text: &str) -> Result<Vec<String>, NotJson> {
    sliced(text.as_bytes(), 3, &[usize::MAX])
}

#[test]
fn tells_what_a_text_has_in_its_order() {
    let text = " { \"a\" : [ 1 , {} , [ ] ] , \"b\":\"x\" } ";
    let expected = ["{", "a:", "[", "1", "{", "}", "[", "]", "]", "b:", "\"x\"", "}"];
    assert_eq!(events(text).expect("JSON"), expected);
    assert_eq!(events("null").expect("JSON"), ["null"]);
}

#[test]
fn refuses_what_is_no_json_and_what_is_nested_too_deeply() {
    for text in [
        "", "{", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{,}", "1 2", "[}", "{]", "[[[[]]]]",
        "[1}", "01", "-", "1.", "1e", "-01", "00",
    ] {
        assert_eq!(events(text), Err(NotJson), "{text}");
    }
    assert!(events("[[[]]]").is_ok());
}

#[test]
fn a_step_reads_little_more_than_it_may() {
    for text in
        ["\"".to_owned() + &"a".repeat(10_000), " ".repeat(10_000), "7".repeat(10_000), "[".repeat(10_000)]
    {
        let mut walk = Walk::new(1024);
        while let Ok(Poll::Ready(Some(_))) = walk.event(text.as_bytes(), 100) {}
        assert!((100..=112).contains(&walk.at), "{} of {text:.5}", walk.at);
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod properties {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    proptest! {
        #[test]
        fn takes_what_serde_json_takes(text in "[\\[\\]{},:\"a1 \\\\-]{0,12}") {
            let strict = serde_json::from_str::<IgnoredAny>(&text).is_ok();
            prop_assert_eq!(sliced(text.as_bytes(), 100, &[usize::MAX]).is_ok(), strict);
        }

        #[test]
        fn takes_the_strings_that_serde_json_takes(
            parts in prop::collection::vec(
                prop_oneof![
                    Just(b"\\ud83d\\ude00".to_vec()), Just(b"\\u00E9".to_vec()), Just(b"\\n".to_vec()),
                    "[a-z\u{0}-\u{20}é€😀]{0,9}".prop_map(String::into_bytes),
                    prop::collection::vec(prop_oneof![0x80..=0xffu8, Just(b'\\'), Just(b'"')], 0..4),
                ],
                0..6,
            ),
            slice in 1..9usize,
        ) {
            let text = [&b"\""[..], &parts.concat(), b"\""].concat();
            let strict = std::str::from_utf8(&text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
            prop_assert_eq!(sliced(&text, 100, &[usize::MAX]).is_ok(), strict);
            prop_assert_eq!(sliced(&text, 100, &[slice]).is_ok(), strict);
        }

        #[test]
        fn it_does_not_matter_where_reading_stops(
            text in "[\\[\\]{},:\"a1 \\\\\\-+.e0utrné]{0,30}",
            value in "[a\u{e9}\u{20ac}\\\\n]{0,12}",
            slices in prop::collection::vec(1..20usize, 1..8),
        ) {
            let whole = format!("{{ \"{value}\" : [ -10.50E+10 , true,{{}}, \"{value}\" ],\"b\":null}}  ");
            for text in [text, whole] {
                let at_once = sliced(text.as_bytes(), 9, &[usize::MAX]);
                prop_assert_eq!(sliced(text.as_bytes(), 9, &slices), at_once, "{}", text);
            }
        }
    }
}
