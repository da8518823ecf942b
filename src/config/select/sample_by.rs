// SPDX-License-Identifier: Apache-2.0
//! Reads `sample_by`.

use super::super::reader::Node;
use super::{fields, keys};
use crate::select::{Key, SampleBy};

const EXPECTED: &str = "an object with one of header, cookie and query";
const MAX_SALT: usize = 255;

pub fn read(node: &Node) -> Option<SampleBy> {
    let object = node.object(keys::SAMPLE_BY)?;
    let salt = object.or("salt", String::new(), |node| match node.as_str() {
        Some(salt) if salt.len() <= MAX_SALT && !salt.contains(char::is_control) => Some(salt.to_owned()),
        // It is not shown: who knows it can tell who is copied.
        _ => {
            node.fault("another salt", "at most 255 characters, none of them a control character");
            None
        }
    });
    let key = match (object.get("header"), object.get("cookie"), object.get("query")) {
        (Some(header), None, None) => match header.as_str().and_then(fields::request_header) {
            Some(name) => Some(Key::Header(name)),
            None => header.refuse("a header name"),
        },
        (None, Some(cookie), None) => match cookie.as_str().and_then(cookie_name) {
            Some(name) => Some(Key::Cookie(name)),
            None => cookie.refuse("the name of a cookie (case matters)"),
        },
        (None, None, Some(query)) => {
            let name = query.as_str().filter(|name| !name.is_empty()).and_then(fields::parameter);
            name.map(Key::Query).or_else(|| query.refuse(fields::PARAMETER))
        }
        _ => node.refuse(EXPECTED),
    };
    Some(SampleBy { key: key?, salt: salt? })
}

fn cookie_name(text: &str) -> Option<Vec<u8>> {
    fields::header_name(text).map(|_| text.as_bytes().to_vec())
}
