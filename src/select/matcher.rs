// SPDX-License-Identifier: Apache-2.0
//! Tests of a value: the path, a header's, a query parameter's.
//!
//! Values are bytes and need not be UTF-8. Everything that a test needs is made when the configuration is read,
//! regular expressions included; those take time linear in the value.

use regex_lite::{Regex, RegexBuilder};

/// Longest regular expression as the compiled program's size in bytes, which bounds the time for each byte of a value.
const MAX_PROGRAM: usize = 1 << 16;

/// Longest value that a regular expression sees, in bytes: the time that it takes would be the caller's choice, for each condition and
/// mirror. Of a longer one it is not known whether it matches.
pub const MAX_REGEX_VALUE: usize = 4096;

#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// Holds if there is a value at all, or if there is none.
    Present(bool),
    /// Holds if one of the values passes.
    Value(Test),
}

/// A test of one value. Case is that of ASCII.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    Exact(Text),
    Prefix(Text),
    Suffix(Text),
    Contains(Text),
    Whole(Pattern),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    pub bytes: Vec<u8>,
    pub ignore_case: bool,
}

/// A regular expression that the whole value must match. Bytes that are not UTF-8 are U+FFFD to it.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    ignore_case: bool,
}

impl Matcher {
    /// Whether it holds for these values, which are all that there are under one name. `unknown` is the answer where it cannot be
    /// known.
    pub fn holds<V: AsRef<[u8]>>(&self, mut values: impl Iterator<Item = V>, unknown: bool) -> bool {
        match self {
            Self::Present(expected) => values.next().is_some() == *expected,
            Self::Value(test) => values.any(|value| test.passes(value.as_ref()).unwrap_or(unknown)),
        }
    }
}

impl Test {
    /// `None` if that cannot be known.
    pub fn passes(&self, value: &[u8]) -> Option<bool> {
        Some(match self {
            Self::Exact(text) => text.is(value),
            Self::Prefix(text) => value.get(..text.bytes.len()).is_some_and(|start| text.is(start)),
            Self::Suffix(text) => {
                let start = value.len().checked_sub(text.bytes.len());
                start.and_then(|start| value.get(start..)).is_some_and(|end| text.is(end))
            }
            Self::Contains(text) => {
                text.bytes.is_empty() || value.windows(text.bytes.len()).any(|part| text.is(part))
            }
            Self::Whole(_) if value.len() > MAX_REGEX_VALUE => return None,
            Self::Whole(pattern) => pattern.regex.is_match(&String::from_utf8_lossy(value)),
        })
    }
}

impl Text {
    fn is(&self, value: &[u8]) -> bool {
        if self.ignore_case { self.bytes.eq_ignore_ascii_case(value) } else { self.bytes == value }
    }
}

impl Pattern {
    /// # Errors
    /// What is wrong with the expression, in words.
    pub fn new(expression: &str, ignore_case: bool) -> Result<Self, String> {
        let compile = |expression: &str| {
            let mut builder = RegexBuilder::new(expression);
            builder.case_insensitive(ignore_case).size_limit(MAX_PROGRAM);
            builder.build().map_err(|error| error.to_string())
        };
        // First alone: what would close the group that is put around it is no expression.
        compile(expression)?;
        compile(&format!(r"\A(?:{expression})\z")).map(|regex| Self { regex, ignore_case })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.ignore_case == other.ignore_case
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn text(text: &str, ignore_case: bool) -> Text {
        Text { bytes: text.into(), ignore_case }
    }

    fn regex(expression: &str, ignore_case: bool) -> Test {
        Test::Whole(Pattern::new(expression, ignore_case).expect("valid"))
    }

    #[test]
    fn each_test_passes_what_it_says() {
        let table: &[(Test, &[&str], &[&str])] = &[
            (Test::Exact(text("ab", false)), &["ab"], &["", "a", "abc", "Ab"]),
            (Test::Exact(text("", false)), &[""], &["a"]),
            (Test::Exact(text("aB", true)), &["ab", "AB"], &["abc"]),
            (Test::Prefix(text("ab", false)), &["ab", "abc"], &["a", "xab", "Abc"]),
            (Test::Prefix(text("ab", true)), &["aBc"], &["b"]),
            (Test::Suffix(text("ab", false)), &["ab", "xab"], &["b", "abx", "xAB"]),
            (Test::Suffix(text("ab", true)), &["xAB"], &["xA"]),
            (Test::Contains(text("ab", false)), &["ab", "xabx"], &["axb", "AB", ""]),
            (Test::Contains(text("ab", true)), &["xAbx"], &["axb"]),
            (Test::Contains(text("", false)), &["", "x"], &[]),
            (regex("a|ab", false), &["a", "ab"], &["abc", "xa", "", "A"]),
            (regex("/v[0-9]+/.*", false), &["/v12/x"], &["/v/x", "//v1/x"]),
            (regex("a", true), &["a", "A"], &["aa"]),
            (regex("(?i)a", false), &["A"], &[]),
            (regex("^a$", false), &["a"], &["a\n"]),
            (regex("", false), &[""], &["a"]),
        ];
        for (test, passing, failing) in table {
            passing.iter().for_each(|value| {
                assert_eq!(test.passes(value.as_bytes()), Some(true), "{test:?} {value:?}")
            });
            failing.iter().for_each(|value| {
                assert_eq!(test.passes(value.as_bytes()), Some(false), "{test:?} {value:?}")
            });
        }
    }

    #[test]
    fn values_need_not_be_utf8() {
        assert_eq!(regex("a.*z", false).passes(b"a\xff\xfez"), Some(true));
        assert_eq!(regex("[a-z]+", false).passes(b"a\xff"), Some(false));
        assert_eq!(Test::Contains(text("b", false)).passes(b"\xffb"), Some(true));
    }

    #[test]
    fn an_expression_does_not_see_a_value_that_is_too_long() {
        let value = |len: usize| format!("/{}", "x".repeat(len - 1));
        assert_eq!(regex("/.*", false).passes(value(MAX_REGEX_VALUE).as_bytes()), Some(true));
        let longer = value(MAX_REGEX_VALUE + 1);
        assert_eq!(regex("/.*", false).passes(longer.as_bytes()), None);
        let matcher = Matcher::Value(regex("/.*", false));
        assert!(matcher.holds([&longer].iter(), true) && !matcher.holds([&longer].iter(), false));
    }

    #[test]
    fn one_of_several_values_is_enough() {
        let matcher = Matcher::Value(Test::Exact(text("b", false)));
        assert!(matcher.holds(["a", "b"].iter(), false));
        assert!(!matcher.holds(["a"].iter(), false));
        assert!(!matcher.holds(std::iter::empty::<&str>(), false));
        assert!(Matcher::Present(true).holds([""].iter(), false));
        assert!(!Matcher::Present(true).holds(std::iter::empty::<&str>(), false));
        assert!(Matcher::Present(false).holds(std::iter::empty::<&str>(), false));
    }

    #[test]
    fn an_expression_that_closes_the_group_around_it_is_none() {
        for expression in ["a)|(?:b", "(", "a{9999}{9999}", "\\p{Greek}", "(?x)a #"] {
            assert!(Pattern::new(expression, false).is_err(), "{expression}");
        }
    }
}
