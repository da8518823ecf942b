// SPDX-License-Identifier: Apache-2.0
//! What both ends of a connection need to read and write HTTP: header lists that keep order,
//! duplicates and bytes, and the framing of both protocols. It decides nothing about what is sent.

pub(crate) mod http1;
pub(crate) mod http2;

/// Names and values as they were on the wire, in order. Names of what was received are lower case.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// The values of a header, in order; `name` in any case.
pub(crate) fn named<'a>(headers: &'a Headers, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name.as_bytes()))
        .map(|(_, value)| value.as_slice())
}

/// The first value of a header as text.
///
/// # Panics
/// If it is not UTF-8: a test that expects such a value asks for its bytes.
pub(crate) fn first_text<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    let value = named(headers, name).next()?;
    match std::str::from_utf8(value) {
        Ok(text) => Some(text),
        Err(_) => panic!("header {name} is not UTF-8: ask for header_bytes"),
    }
}
