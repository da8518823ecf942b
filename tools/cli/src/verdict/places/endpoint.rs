// SPDX-License-Identifier: Apache-2.0
//! What requests and places have in common once their ids are taken out.

/// A path without its query, each part that is an id being `{id}`.
pub(super) fn of(path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').map(|part| if is_id(part) { "{id}" } else { part }).collect();
    parts.join("/")
}

/// A pointer with `*` for each index of a list.
pub(super) fn field(at: &str) -> String {
    if !at.starts_with('/') {
        return at.to_owned();
    }
    let is_index = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = at
        .split('/')
        .map(|part| match part {
            part if is_index(part) => "*",
            part if is_id(part) => "*",
            part => part,
        })
        .collect();
    parts.join("/")
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
                && all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(byte))
        }
    }
}
