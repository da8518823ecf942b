// SPDX-License-Identifier: Apache-2.0
//! What requests and places have in common once their ids are taken out.

use std::str::FromStr;

use anyhow::{Error, ensure};

/// A path with names for what changes, such as `/items/{id}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl FromStr for Template {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        ensure!(text.starts_with('/'), "expected a path such as /items/{{id}}");
        ensure!(!text.contains('?'), "expected a path without a query");
        Ok(Self(text.to_owned()))
    }
}

impl Template {
    fn fits(&self, path: &str) -> bool {
        let (mut names, mut parts) = (self.0.split('/'), path.split('/'));
        loop {
            match (names.next(), parts.next()) {
                (None, None) => return true,
                (Some(name), Some(part)) if name == part || is_name(name) && !part.is_empty() => {}
                _ => return false,
            }
        }
    }
}

fn is_name(part: &str) -> bool {
    part.starts_with('{') && part.ends_with('}')
}

/// A path without its query: the first template that it fits, or each part that is an id being `{id}`.
pub(super) fn of(path: &str, templates: &[Template]) -> String {
    let path = path.split('?').next().unwrap_or_default();
    if let Some(template) = templates.iter().find(|template| template.fits(path)) {
        return template.0.clone();
    }
    let parts: Vec<&str> = path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect();
    parts.join("/")
}

/// A pointer with `*` for each index of a list.
pub(super) fn field(at: &str) -> String {
    if !at.starts_with('/') {
        return at.to_owned();
    }
    let parts: Vec<&str> =
        at.split('/').map(|part| if is_index(part) || is_id(part) { "*" } else { part }).collect();
    parts.join("/")
}

pub(super) fn is_index(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
}

/// Numbers, UUIDs, hashes, and long words with digits in them such as tokens.
pub(super) fn is_id(part: &str) -> bool {
    const HASH: usize = 8;
    const TOKEN: usize = 20;
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let all = |is: fn(&u8) -> bool| part.bytes().all(|byte| is(&byte));
    match part.len() {
        0 => false,
        length if digits == length => true,
        length if all(|byte| byte.is_ascii_hexdigit() || *byte == b'-') => length >= HASH && digits > 0,
        length => {
            length >= TOKEN
                && digits >= 2
                && all(|byte| byte.is_ascii_alphanumeric() || b"-_=.~".contains(byte))
        }
    }
}
