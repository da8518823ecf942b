// SPDX-License-Identifier: Apache-2.0
//! The first place in a path that an expression matches, replaced by text with groups of the match in it.
//!
//! Only the first, where Envoy's `regex_rewrite` replaces each: to look for all of them takes time that grows with the square of the path,
//! and the path is anybody's.

use std::borrow::Cow;
use std::fmt;

use regex_lite::{Regex, RegexBuilder};

use crate::http::query;
use crate::transform::MAX_HEADER_BYTES;

/// Longest compiled program, in bytes, and longest path that it sees: both bound the time that it takes.
const MAX_PROGRAM: usize = 1 << 16;
const MAX_MATCHED: usize = 4096;

#[derive(Debug, Clone)]
pub struct PathPattern {
    regex: Regex,
    replacement: Vec<Part>,
}

/// A part of the replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A group of the match; 0 is all of it.
    Group(usize),
}

/// Why an expression or its replacement is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathPatternError {
    Regex(String),
    /// A backslash before something else than a digit or another one.
    Escape,
    /// A group that the expression does not have.
    Group {
        group: usize,
        groups: usize,
    },
}

impl PathPattern {
    /// In the replacement `\1` to `\9` are groups, `\0` is the match, and `\\` a backslash.
    ///
    /// # Errors
    /// If either cannot be read.
    pub fn new(expression: &str, replacement: &str) -> Result<Self, PathPatternError> {
        let regex = RegexBuilder::new(expression).size_limit(MAX_PROGRAM).build();
        let regex = regex.map_err(|error| PathPatternError::Regex(error.to_string()))?;
        let groups = regex.captures_len() - 1;
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut characters = replacement.chars();
        while let Some(character) = characters.next() {
            if character != '\\' {
                text.push(character);
                continue;
            }
            let escaped = characters.next();
            match escaped.and_then(|escaped| escaped.to_digit(10)).map(|digit| digit as usize) {
                Some(group) if group > groups => return Err(PathPatternError::Group { group, groups }),
                Some(group) => {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                    parts.push(Part::Group(group));
                }
                None if escaped == Some('\\') => text.push('\\'),
                None => return Err(PathPatternError::Escape),
            }
        }
        parts.push(Part::Text(text));
        Ok(Self { regex, replacement: parts })
    }

    /// The path, but for its query. One that is too long or no UTF-8 stays, as one that does not match.
    pub fn apply<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        let (plain, query) = query::split(path);
        let captures = std::str::from_utf8(plain)
            .ok()
            .filter(|plain| plain.len() <= MAX_MATCHED)
            .and_then(|plain| self.regex.captures(plain));
        let Some((captures, whole)) = captures.and_then(|found| found.get(0).map(|whole| (found, whole)))
        else {
            return path.into();
        };
        let mut rewritten = plain.get(..whole.start()).unwrap_or_default().to_vec();
        for part in &self.replacement {
            match part {
                Part::Text(text) => rewritten.extend_from_slice(text.as_bytes()),
                Part::Group(group) => {
                    let group = captures.get(*group).map_or("", |group| group.as_str());
                    rewritten.extend_from_slice(group.as_bytes());
                }
            }
            if rewritten.len() > MAX_HEADER_BYTES {
                // No call can carry it, so that the copy is not made.
                return rewritten.into();
            }
        }
        rewritten.extend_from_slice(plain.get(whole.end()..).unwrap_or_default());
        if plain.starts_with(b"/") && !rewritten.starts_with(b"/") {
            rewritten.insert(0, b'/');
        }
        if let Some(query) = query {
            rewritten.push(b'?');
            rewritten.extend_from_slice(query);
        }
        rewritten.into()
    }

    pub fn most_growth(&self, len: usize) -> usize {
        let len = len.min(MAX_MATCHED);
        let part = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Group(_) => len,
        };
        self.replacement.iter().map(part).sum::<usize>() + 1
    }
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str() && self.replacement == other.replacement
    }
}

impl Eq for PathPattern {}

impl fmt::Display for PathPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Regex(error) => write!(f, "a text that is no regular expression ({error})"),
            Self::Escape => f.write_str("a backslash before neither a digit nor a backslash"),
            Self::Group { group, groups } => write!(f, "group {group} of an expression with {groups}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn rewritten(expression: &str, replacement: &str, path: &str) -> String {
        let pattern = PathPattern::new(expression, replacement).expect("valid");
        String::from_utf8(pattern.apply(path.as_bytes()).into_owned()).expect("text")
    }

    #[test]
    fn the_first_match_is_replaced_and_the_query_stays() {
        for (expression, replacement, path, expected) in [
            ("^/v1/(.*)$", r"/v2/\1", "/v1/items?q=/v1/", "/v2/items?q=/v1/"),
            ("^/v1/(.*)$", r"/v2/\1", "/v1?q=1", "/v1?q=1"),
            ("^/api(/|$)", "/", "/api", "/"),
            ("^/api(/|$)", "/", "/api/x", "/x"),
            ("^/api(/|$)", "/", "/apis", "/apis"),
            ("^/users/([^/]+)/(.*)$", r"/\2/of/\1", "/users/7/cart", "/cart/of/7"),
            ("([a-z]+)/([0-9]+)", r"\2/\1", "/item/7/item/8", "/7/item/item/8"),
            ("x", r"<\0\0>", "/axb", "/a<xx>b"),
            ("x", r"\\1", "/axb", r"/a\1b"),
            ("x?", "y", "/a", "/y/a"),
            ("^/old/", "", "/old/x", "/x"),
            ("^.*$", "", "/old/x?a", "/?a"),
            ("(a)|(b)", r"[\1\2]", "/b", "/[b]"),
            ("(?i)^/API", "/v2", "/api/x", "/v2/x"),
            ("^/ü", "/u", "/ü/x", "/u/x"),
        ] {
            assert_eq!(rewritten(expression, replacement, path), expected, "{expression} {path}");
        }
    }

    #[test]
    fn what_it_may_not_see_stays() {
        let long = format!("/{}", "x".repeat(MAX_MATCHED));
        assert_eq!(rewritten("x", "y", &long), long);
        assert_eq!(rewritten("x", "y", &long[..MAX_MATCHED])[..3], *"/yx");
        let pattern = PathPattern::new("x", "y").expect("valid");
        assert_eq!(*pattern.apply(b"/\xffx"), *b"/\xffx");
    }

    #[test]
    fn a_path_that_no_copy_can_have_is_not_completed() {
        let path = "x".repeat(MAX_MATCHED);
        let pattern = PathPattern::new("^(x*)$", &r"\1".repeat(512)).expect("valid");
        let len = pattern.apply(path.as_bytes()).len();
        assert!((MAX_HEADER_BYTES + 1..MAX_HEADER_BYTES + 5000).contains(&len), "{len}");
        assert!(pattern.most_growth(path.len()) >= 512 * MAX_MATCHED);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let error =
            |expression, replacement| PathPattern::new(expression, replacement).map(|_| ()).unwrap_err();
        assert!(matches!(error("(", ""), PathPatternError::Regex(_)));
        assert!(matches!(error("x{5000}y{5000}", ""), PathPatternError::Regex(_)));
        assert_eq!(error("(x)", r"\2"), PathPatternError::Group { group: 2, groups: 1 });
        assert_eq!(error("x", r"a\b"), PathPatternError::Escape);
        assert_eq!(error("x", "\\"), PathPatternError::Escape);
    }
}
