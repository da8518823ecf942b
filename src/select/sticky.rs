// SPDX-License-Identifier: Apache-2.0
//! Decisions that stay: the same for a user on every worker, replica and version.
//!
//! The point of a key is XXH64, seed 0, of the salt, a zero byte and the key's value, modulo the steps of a percentage.
//! The salt has no zero byte, so that no other salt and value have the same input. Other systems compute the same point;
//! the README has test vectors. It must never change.

use std::borrow::Cow;

use xxhash_rust::xxh64::Xxh64;

use super::sampling::{Draw, STEPS};
use crate::http::{Head, cookies, host, query};

const SEED: u64 = 0;

/// Where the key of a request is, and what sets these decisions apart from others on the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleBy {
    pub key: Key,
    /// Without zero bytes.
    pub salt: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// In lower case. The first of several counts.
    Header(String),
    Cookie(Vec<u8>),
    /// Compared after percent-decoding, and hashed so.
    Query(Vec<u8>),
}

impl SampleBy {
    /// The point of the request's key. `None` without a key: an empty one is none, or all who have it empty would be
    /// one user.
    pub fn draw(&self, head: &Head) -> Option<Draw> {
        let value: Cow<[u8]> = match &self.key {
            Key::Header(name) if name == ":authority" => host::normal(head.get(name)?, head.get(":scheme")),
            Key::Header(name) => head.get(name)?.into(),
            Key::Cookie(name) => cookies::find(head.values("cookie"), name)?.into(),
            Key::Query(name) => query::values(head.get(":path")?, name).next()?,
        };
        (!value.is_empty()).then(|| Draw(point(&self.salt, &value)))
    }
}

/// Where a key is among the steps.
pub fn point(salt: &str, value: &[u8]) -> u32 {
    let mut hash = Xxh64::new(SEED);
    hash.update(salt.as_bytes());
    hash.update(b"\0");
    hash.update(value);
    u32::try_from(hash.digest() % u64::from(STEPS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::tests::head;
    use crate::select::sampling::Percentage;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn draw(key: Key, headers: &[(&str, &str)]) -> Option<u32> {
        SampleBy { key, salt: String::new() }.draw(&head(headers)).map(|draw| draw.0)
    }

    #[test]
    fn the_key_is_found_where_it_is_said_to_be() {
        let ann = Some(point("", b"ann"));
        let header = || Key::Header("x-user".into());
        assert_eq!(draw(header(), &[("x-user", "ann"), ("x-user", "bob")]), ann);
        assert_eq!(draw(header(), &[("x-user", "")]), None);
        assert_eq!(draw(header(), &[]), None);
        let cookie = || Key::Cookie(b"user".into());
        assert_eq!(draw(cookie(), &[("cookie", "a=b"), ("cookie", "c=d; user=ann")]), ann);
        assert_eq!(draw(cookie(), &[("cookie", "user=")]), None);
        let query = || Key::Query(b"user".into());
        assert_eq!(draw(query(), &[(":path", "/?us%65r=%61nn&user=bob")]), ann);
        assert_eq!(draw(query(), &[(":path", "/")]), None);
        assert_eq!(draw(query(), &[]), None);
    }

    #[test]
    fn points_are_those_of_the_readme() {
        let readme = include_str!("../../README.md");
        let rows = readme.lines().skip_while(|line| !line.starts_with("| salt | value"));
        let rows: Vec<_> = rows.skip(2).take_while(|line| line.starts_with('|')).collect();
        assert!(rows.len() >= 5);
        for row in rows {
            let cells: Vec<_> = row.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, salt, value, hash, steps, percent, _] = cells[..] else { panic!("{row}") };
            let hash = u64::from_str_radix(hash, 16).expect("hexadecimal");
            let point = point(salt, value.as_bytes());
            assert_eq!(u64::from(point), hash % 1_000_000, "{row}");
            assert_eq!(point.to_string(), steps, "{row}");
            let percent = percent.trim_end_matches(" %").parse().expect("a number");
            assert_eq!(Percentage::from_percent(percent), Some(Percentage(point + 1)), "{row}");
        }
    }

    #[test]
    fn salt_and_value_cannot_be_confused() {
        assert_ne!(point("a", b"b"), point("ab", b""));
        assert_ne!(point("", b"a\0b"), point("a", b"b"));
    }

    #[test]
    fn keys_are_spread_evenly_whatever_the_salt() {
        for salt in ["", "2026-11", "another"] {
            for (percent, deviation) in [(1.0, 160), (10.0, 480), (50.0, 800)] {
                let share = Percentage::from_percent(percent).expect("valid");
                let admitted = (0..100_000)
                    .filter(|i| share.admits(Draw(point(salt, format!("user-{i}").as_bytes()))))
                    .count();
                let expected = (percent * 1000.0) as usize;
                // Five standard deviations of the binomial distribution.
                assert!(admitted.abs_diff(expected) <= deviation, "{salt} {percent}: {admitted}");
            }
        }
    }

    #[test]
    fn another_salt_makes_another_choice() {
        let share = Percentage::from_percent(10.0).expect("valid");
        let chosen = |salt, i: u32| share.admits(Draw(point(salt, &i.to_be_bytes())));
        let both = (0..100_000).filter(|i| chosen("a", *i) && chosen("b", *i)).count();
        // 1,000 are expected where the two are independent; five standard deviations are 157.
        assert!((843..=1157).contains(&both), "{both}");
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn a_key_stays_in_every_larger_share(
            salt in "[^\\x00]{0,9}",
            value: Vec<u8>,
            steps in (0..=STEPS, 0..=STEPS),
        ) {
            let draw = || Draw(point(&salt, &value));
            let (small, large) = (Percentage(steps.0.min(steps.1)), Percentage(steps.0.max(steps.1)));
            proptest::prop_assert!(!small.admits(draw()) || large.admits(draw()));
            proptest::prop_assert!(Percentage::ALL.admits(draw()) && !Percentage::NONE.admits(draw()));
        }
    }
}
