// SPDX-License-Identifier: Apache-2.0
//! What stands for a value that a copy must not contain.

use crate::json::put_string;

/// What stands for a redacted value, spelled for each place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    pub(super) plain: Vec<u8>,
    pub(super) query: Vec<u8>,
    pub(super) json: Vec<u8>,
}

impl Replacement {
    /// Of text that may be a header's value: a tab is its only control character.
    pub fn new(text: &str) -> Self {
        let mut query = String::new();
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    query.push(char::from(byte));
                }
                _ => query.push_str(&format!("%{byte:02X}")),
            }
        }
        let mut json = Vec::new();
        put_string(&mut json, text);
        Self { plain: text.into(), query: query.into(), json }
    }
}

impl Default for Replacement {
    fn default() -> Self {
        Self::new("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn a_replacement_is_json_text() {
        for text in ["[redacted]", "", "\"\\\t/é\u{7f}😀"] {
            let json = Replacement::new(text).json;
            assert_eq!(serde_json::from_slice::<String>(&json).expect("JSON"), text);
        }
    }
}
