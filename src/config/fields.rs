// SPDX-License-Identifier: Apache-2.0
//! Readers of single values: what a percentage, a duration, a header name may look like.

use std::time::Duration;

use super::reader::Node;
use crate::http::query;
use crate::json::{MAX_DEEP_TOKENS, MAX_POINTERS, Pointer, Pointers};
use crate::select::Percentage;

pub const PERCENTAGE: &str = "a number from 0 to 100";
pub const PARAMETER: &str = "the name of a query parameter, not percent-encoded";
const POINTER: &str = "a JSON pointer, such as \"/user/email\", \"/cards/*/number\" or \"/**/id\"";
const DURATION: &str = "a duration above 0 and at most \"1h\", such as \"250ms\", \"0.5s\" or \"1m30s\"";

const MAX_DURATION: Duration = Duration::from_secs(3600);

pub fn percentage(node: &Node) -> Option<Percentage> {
    let Some(value) = node.as_number().filter(|value| (0.0..=100.0).contains(value)) else {
        // As other systems write it.
        let number = node
            .as_str()
            .map(|text| text.trim_end_matches('%').trim())
            .and_then(|text| text.parse::<f64>().ok());
        return match number {
            Some(number) if (0.0..=100.0).contains(&number) => {
                node.refuse(format_args!("{PERCENTAGE}: write {number} without quotes and without %"))
            }
            _ if node.is_object() => node.refuse(format_args!(
                "{PERCENTAGE}; an object with value is VirtualService's form, here it is the number alone"
            )),
            _ => node.refuse(PERCENTAGE),
        };
    };
    Some(Percentage::rounded(value))
}

pub fn duration(node: &Node) -> Option<Duration> {
    match node.as_str().and_then(parse_duration) {
        Some(duration) if duration <= MAX_DURATION => Some(duration),
        _ => node.refuse(DURATION),
    }
}

/// Numbers and their units, the larger ones first: `250ms`, `0.25s`, `1m30s`. Above 0; rounded to whole milliseconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, f64); 4] = [("h", 3_600_000.0), ("m", 60_000.0), ("s", 1000.0), ("ms", 1.0)];
    let (mut rest, mut millis, mut units) = (text, 0.0, UNITS.iter());
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, behind) = rest.split_at_checked(digits)?;
        let letters = behind.bytes().take_while(u8::is_ascii_lowercase).count();
        let (unit, behind) = behind.split_at_checked(letters)?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        let plain = number.starts_with(|c: char| c.is_ascii_digit()) && !number.ends_with('.');
        millis += number.parse::<f64>().ok().filter(|_| plain)? * factor;
        rest = behind;
    }
    // What fits a duration of this kind is exact as a double.
    let millis = if millis > 0.0 { millis.round().max(1.0) } else { return None };
    (millis < 1e15).then(|| Duration::from_millis(millis as u64))
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

/// Pointers to values of a JSON body with all that is in them. `**` at the end would say no more than the pointer without it, and
/// alone it would be the whole body, which nobody should ask for by mistake.
pub fn pointers(node: &Node) -> Option<Pointers> {
    all_pointers(node, |node| {
        let pointer = pointer(node)?;
        if pointer.ends_deep() {
            return node
                .refuse("a pointer that does not end with ** (one to a value leads to all that is in it)");
        }
        Some(pointer)
    })
}

/// Pointers to lists of a JSON body, of which `/**` means all.
pub fn list_pointers(node: &Node) -> Option<Pointers> {
    all_pointers(node, pointer)
}

fn all_pointers(node: &Node, read: impl Fn(&Node) -> Option<Pointer>) -> Option<Pointers> {
    let pointers = Pointers::new(list(node, MAX_POINTERS, "JSON pointers", read)?);
    if pointers.is_none() {
        node.fault(
            "too many parts from the first ** of each pointer on",
            format_args!("at most {MAX_DEEP_TOKENS} of them in the whole list, each ** being one"),
        );
    }
    pointers
}

fn pointer(node: &Node) -> Option<Pointer> {
    match node.as_str().and_then(Pointer::parse) {
        Some(pointer) => Some(pointer),
        None => node.refuse(POINTER),
    }
}
