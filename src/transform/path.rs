// SPDX-License-Identifier: Apache-2.0
//! Another beginning of the path.

use std::borrow::Cow;

/// As Envoy's `prefix_rewrite`: a prefix of the text, not of segments. Neither has a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRewrite {
    pub prefix: Vec<u8>,
    pub replacement: Vec<u8>,
}

impl PathRewrite {
    pub fn apply<'a>(&self, path: &'a [u8]) -> Cow<'a, [u8]> {
        match path.strip_prefix(self.prefix.as_slice()) {
            Some(rest) => [&self.replacement, rest].concat().into(),
            None => path.into(),
        }
    }

    pub fn most_growth(&self) -> usize {
        self.replacement.len()
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
            ("/", "/all/", "/a", "/all/a"),
            ("/", "/all/", "*", "*"),
            ("/", "/all/", "", ""),
        ] {
            let rewrite = PathRewrite { prefix: prefix.into(), replacement: replacement.into() };
            assert_eq!(*rewrite.apply(path.as_bytes()), *rewritten.as_bytes(), "{prefix} {path}");
        }
    }
}
