// SPDX-License-Identifier: Apache-2.0
//! Readers of single values: what a percentage, a duration, a header name may look like.

use std::time::Duration;

use super::reader::Node;
use crate::http::query;
use crate::json::Pointer;
use crate::select::Percentage;

pub const PERCENTAGE: &str = "a number from 0 to 100";
pub const PARAMETER: &str = "the name of a query parameter, not percent-encoded";
const DURATION: &str = "a duration above 0 and at most \"1h\", such as \"250ms\", \"5s\" or \"2m\"";

const MAX_DURATION: Duration = Duration::from_secs(3600);

pub fn percentage(node: &Node) -> Option<Percentage> {
    let Some(value) = node.as_number().filter(|value| (0.0..=100.0).contains(value)) else {
        return node.refuse(PERCENTAGE);
    };
    match Percentage::from_percent(value) {
        Some(percentage) => Some(percentage),
        None => node.refuse(format_args!("{PERCENTAGE} with at most four decimals")),
    }
}

pub fn duration(node: &Node) -> Option<Duration> {
    match node.as_str().and_then(parse_duration) {
        Some(duration) if duration <= MAX_DURATION => Some(duration),
        _ => node.refuse(DURATION),
    }
}

/// A number and its unit; above 0.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)];
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let millis = number.parse::<u64>().ok()?.checked_mul(*factor)?;
    (millis > 0).then(|| Duration::from_millis(millis))
}

/// The name of a header as the copy's headers are compared with it: in lower case. A `*` would be a character of it by
/// the letter of HTTP; who writes one means more names than that one, and would wait for them in vain.
pub fn header_name(text: &str) -> Option<String> {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'+-.^_`|~".contains(&b);
    (!text.is_empty() && text.bytes().all(is_token)).then(|| text.to_ascii_lowercase())
}

/// The name under which Envoy has a header of the request, whatever the version of HTTP.
pub fn request_header(text: &str) -> Option<String> {
    header_name(text).map(|name| if name == "host" { ":authority".into() } else { name })
}

/// The name of a query parameter as names are compared: not percent-encoded. An encoded one would never be found, and what
/// should be hidden or excluded by it would not be.
pub fn parameter(text: &str) -> Option<Vec<u8>> {
    (*query::decoded(text.as_bytes()) == *text.as_bytes()).then(|| text.into())
}

/// Whether Envoy takes the text as the value of a header.
pub fn is_header_value(text: &str) -> bool {
    text.chars().all(|c| c == '\t' || !c.is_ascii_control())
}

/// Whether the text may be (a part of) an authority.
pub fn is_authority(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]%@".contains(&b))
}

/// A bounded number as a size. Every bound in use fits 32 bits.
pub fn to_usize(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

pub fn to_u32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

pub fn list<T>(node: &Node, max: usize, what: &str, read: impl Fn(&Node) -> Option<T>) -> Option<Vec<T>> {
    let expected = format!("a list of at most {max} {what}");
    let items = node.list(&expected)?;
    if items.len() > max {
        return node.refuse(&expected);
    }
    let read: Vec<_> = items.iter().map(read).collect();
    read.into_iter().collect()
}

pub fn pointer(node: &Node) -> Option<Pointer> {
    match node.as_str().and_then(Pointer::parse) {
        Some(pointer) => Some(pointer),
        None => node.refuse("a JSON pointer, such as \"/user/email\" or \"/cards/*/number\""),
    }
}
