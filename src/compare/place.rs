// SPDX-License-Identifier: Apache-2.0
//! The place of a difference as its pattern: keys of JSON objects may be personal, unless the configuration names them.

use std::collections::BTreeSet;

use super::difference::Differences;
use crate::json::Pointer;

/// What stands for an index, and for a key that is not shown.
const ANY: &str = "*";

/// The keys of JSON objects that the configuration names.
#[derive(Debug)]
pub struct KnownNames(BTreeSet<String>);

impl KnownNames {
    pub fn new<'a>(pointers: impl Iterator<Item = &'a Pointer>) -> Self {
        Self(pointers.flat_map(Pointer::names).map(escaped).collect())
    }

    /// Replaces every other key, and every index, in the places of differences.
    pub fn hide_others(&self, differences: &mut Differences) {
        for difference in &mut differences.listed {
            // Other places, such as `status` and `header:…`, are not pointers.
            if let Some(pointer) = difference.at.strip_prefix('/') {
                difference.at = self.pattern(pointer);
            }
        }
    }

    /// Of a pointer without its first `/`.
    fn pattern(&self, pointer: &str) -> String {
        let mut pattern = String::with_capacity(pointer.len() + 1);
        for token in pointer.split('/') {
            pattern.push('/');
            pattern.push_str(if self.shows(token) { token } else { ANY });
        }
        pattern
    }

    fn shows(&self, token: &str) -> bool {
        let is_index = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        !is_index && self.0.contains(token)
    }
}

/// As a token of a pointer.
fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::{Difference, DifferenceKind, SideValue};
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn keys_that_no_pointer_names_and_indexes_are_hidden() {
        let pointers = ["/users/*/price", "/a~1b/m~0n", "/12", "//x", ""]
            .map(|text| Pointer::parse(text).expect("a pointer"));
        let names = KnownNames::new(pointers.iter());
        let pattern = |at: &str| {
            let mut found = Differences::default();
            let difference =
                Difference { at: at.into(), primary: SideValue::Absent, shadow: SideValue::Absent };
            found.note(DifferenceKind::Body, || difference);
            names.hide_others(&mut found);
            found.listed.remove(0).at
        };
        for (at, expected) in [
            ("/users/ann@example.test/price", "/users/*/price"),
            ("/price/users/0/x", "/price/users/*/x"),
            ("/a~1b/m~0n/a/b/m~n", "/a~1b/m~0n/*/*/*"),
            ("/12/012/1", "/*/*/*"),
            ("//x/", "//x/"),
            ("/*/pric", "/*/*"),
            ("/Price", "/*"),
            ("", ""),
            ("status", "status"),
            ("grpc-status", "grpc-status"),
            ("header:x-a", "header:x-a"),
        ] {
            assert_eq!(pattern(at), expected, "{at}");
        }
    }
}
