// SPDX-License-Identifier: Apache-2.0
//! The query string of a request's path: parameters by name, as they were sent.
//!
//! Parameters are separated by `&`, names and values by the first `=`. Both are compared after percent-decoding; a `+`
//! stays a `+`, because only forms mean a space by it.

use std::borrow::Cow;

/// A parameter as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter<'a> {
    pub name: &'a [u8],
    /// `None` without a `=`.
    pub value: Option<&'a [u8]>,
}

/// The path without its query, and the query without its `?`.
pub fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    split_at(path, b'?')
}

/// Every parameter of a query, in order.
pub fn parameters(query: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    query.split(|byte| *byte == b'&').map(|text| {
        let (name, value) = split_at(text, b'=');
        Parameter { name, value }
    })
}

/// The decoded values of a parameter, by its decoded name. One without a `=` has an empty value.
pub fn values<'a>(path: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = Cow<'a, [u8]>> {
    let (_, query) = split(path);
    let all = query.into_iter().flat_map(parameters);
    all.filter(move |parameter| says(parameter.name, name))
        .map(|parameter| decoded(parameter.value.unwrap_or_default()))
}

/// Whether text says this when it is decoded.
fn says(text: &[u8], plain: &[u8]) -> bool {
    let mut rest = text;
    for expected in plain {
        let next = triple(rest).or_else(|| rest.split_first().map(|(byte, behind)| (*byte, behind)));
        match next {
            Some((byte, behind)) if byte == *expected => rest = behind,
            _ => return false,
        }
    }
    rest.is_empty()
}

/// Text with every `%` and two hexadecimal digits made the byte that they stand for. What is no such triple stays.
pub fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return text.into();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        match triple(rest) {
            Some((byte, behind)) => {
                bytes.push(byte);
                rest = behind;
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    bytes.into()
}

fn triple(text: &[u8]) -> Option<(u8, &[u8])> {
    let [b'%', high, low, rest @ ..] = text else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}

fn split_at(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |byte| *byte == separator);
    (parts.next().unwrap_or_default(), parts.next())
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn all(path: &str, name: &str) -> Vec<Vec<u8>> {
        values(path.as_bytes(), name.as_bytes()).map(Cow::into_owned).collect()
    }

    #[test]
    fn finds_values_by_decoded_names() {
        assert_eq!(all("/p?a=1&b=2&a=3", "a"), [b"1", b"3"]);
        assert_eq!(all("/p?us%65r=J%c3%B6rg", "user"), ["Jörg".as_bytes()]);
        assert_eq!(all("/p?a&a=&b", "a"), [b"", b""]);
        assert_eq!(all("/p?a=b=c", "a"), [b"b=c"]);
        assert_eq!(all("/p?x=?a=1", "a"), [b""; 0]);
        assert_eq!(all("/a=1", "a"), [b""; 0]);
        assert_eq!(all("/p?a+b=c+d", "a+b"), [b"c+d"]);
        assert_eq!(all("/p?=1", ""), [b"1"]);
    }

    #[test]
    fn decodes_triples_and_leaves_the_rest() {
        for (text, plain) in [
            ("%41%62", "Ab"),
            ("%", "%"),
            ("%4", "%4"),
            ("%4g%zz", "%4g%zz"),
            ("%%41", "%A"),
            ("a%00b", "a\0b"),
            ("%+41", "%+41"),
        ] {
            assert_eq!(*decoded(text.as_bytes()), *plain.as_bytes(), "{text}");
            assert!(says(text.as_bytes(), plain.as_bytes()), "{text}");
            assert!(!says(text.as_bytes(), &plain.as_bytes()[1..]), "{text}");
            assert!(!says(&text.as_bytes()[..text.len() - 1], plain.as_bytes()), "{text}");
        }
        assert_eq!(*decoded(b"%ff%2541"), *b"\xff%41");
    }
}
