// SPDX-License-Identifier: Apache-2.0
//! Another path: another beginning, or what an expression makes of it. The query stays.

mod pattern;

use std::borrow::Cow;

pub use self::pattern::PathPattern;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathRewrite {
    /// As Envoy's `prefix_rewrite`: a prefix of the text, not of segments. Neither has a query.
    Prefix {
        prefix: Vec<u8>,
        replacement: Vec<u8>,
    },
    Pattern(PathPattern),
}

impl PathRewrite {
    pub fn apply<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Prefix { prefix, replacement } => match path.strip_prefix(prefix.as_slice()) {
                Some(rest) => [replacement, rest].concat().into(),
                None => path.into(),
            },
            Self::Pattern(pattern) => pattern.apply(path),
        }
    }

    /// Upper bound of the bytes by which a path of this length grows.
    pub fn most_growth(&self, len: usize) -> usize {
        match self {
            Self::Prefix { replacement, .. } => replacement.len(),
            Self::Pattern(pattern) => pattern.most_growth(len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn replaces_a_prefix_and_nothing_else() {
        for (prefix, replacement, path, rewritten) in [
            ("/api", "/v2/api", "/api/a?b=/api", "/v2/api/a?b=/api"),
            ("/api", "/v2", "/apis", "/v2s"),
            ("/api", "/v2", "/api", "/v2"),
            ("/api", "/v2", "/ap", "/ap"),
            ("/api", "/v2", "/x/api", "/x/api"),
            ("/api", "/", "/api/x", "//x"),
            ("/api", "/", "/api?x", "/?x"),
            ("/api", "/", "/apis", "/s"),
            ("/", "/all/", "/a", "/all/a"),
            ("/", "/all/", "*", "*"),
            ("/", "/all/", "", ""),
        ] {
            let rewrite = PathRewrite::Prefix { prefix: prefix.into(), replacement: replacement.into() };
            assert_eq!(*rewrite.apply(path.as_bytes()), *rewritten.as_bytes(), "{prefix} {path}");
        }
    }
}
