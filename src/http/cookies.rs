// SPDX-License-Identifier: Apache-2.0
//! Cookies of a request, as RFC 6265, section 5.4, has a browser send them.
//!
//! Pairs are separated by `;`, a name and its value by the first `=`, white space around either is not theirs. Quotes
//! are part of the value. What has no `=` is no cookie.

/// The value of the first cookie with this name in any of the `cookie` headers' values.
pub fn find<'a>(headers: impl Iterator<Item = &'a [u8]>, name: &[u8]) -> Option<&'a [u8]> {
    headers.flat_map(pairs).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn pairs(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    header.split(|byte| *byte == b';').filter_map(|pair| {
        let equals = pair.iter().position(|byte| *byte == b'=')?;
        let (name, value) = pair.split_at_checked(equals)?;
        Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn finds_the_first_of_a_name() {
        for (headers, value) in [
            (&["a=1; session=x; session=y"][..], Some("x")),
            (&["a=1", "b=2;session=x"], Some("x")),
            (&["session = x "], Some("x")),
            (&["session=\"x y\""], Some("\"x y\"")),
            (&["session=a=b=="], Some("a=b==")),
            (&["session="], Some("")),
            (&["a=session=x"], None),
            (&["Session=x; xsession=y; session"], None),
            (&[";;=;session;"], None),
            (&[], None),
        ] {
            let found = find(headers.iter().map(|header| header.as_bytes()), b"session");
            assert_eq!(found, value.map(str::as_bytes), "{headers:?}");
        }
        assert_eq!(find([&b"s=\xff\x00"[..]].into_iter(), b"s"), Some(&b"\xff\x00"[..]));
    }
}
