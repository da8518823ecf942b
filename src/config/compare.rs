// SPDX-License-Identifier: Apache-2.0
//! Reads `compare`.

use super::fields::{self, list, list_pointers, pointers};
use super::mirror::{MAX_NAME, control_name};
use super::reader::Node;
use super::{keys, select};
use crate::compare::{BodyRule, PlaceStyle, Rules};
use crate::select::Target;
use crate::transform::CREDENTIALS;

const MAX_HEADERS: usize = 64;
/// Two bodies are taken apart at once, into lists several times their size at worst.
const MAX_BODY: u64 = 1 << 20;
const MAX_LOGGED: u64 = 1000;
const MAX_LOGGED_HEADERS: usize = 16;
const MAX_FACTOR: f64 = 1000.0;

/// Of a mirror with this name and target, as far as they are valid. The rules, and the cluster of the control.
pub fn read(node: &Node, name: Option<&str>, target: Option<&Target>) -> Option<(Rules, Option<String>)> {
    let object = node.object(keys::COMPARE)?;
    let default = Rules::default();
    let status = object.or("status", default.status, |node| node.bool());
    let headers =
        object.or("headers", default.headers, |node| list(node, MAX_HEADERS, "header names", header));
    let body = object.or("body", default.body, |node| {
        node.one_of(&[("off", BodyRule::Off), ("bytes", BodyRule::Bytes), ("json", BodyRule::Json)])
    });
    let ignore = object.or("ignore", default.ignore, pointers);
    let unordered = object.or("unordered", default.unordered, list_pointers);
    let max_body_bytes = object
        .or("max_body_bytes", default.max_body_bytes, |node| node.integer(1, MAX_BODY).map(fields::to_usize));
    let log_per_minute = object.or("log_per_minute", default.log_per_minute, |node| {
        node.integer(0, MAX_LOGGED).map(|count| u32::try_from(count).unwrap_or(u32::MAX))
    });
    let log_values = object.or("log_values", default.log_values, |node| node.bool());
    let log_places = object.or("log_places", default.log_places, |node| {
        node.one_of(&[("exact", PlaceStyle::Exact), ("pattern", PlaceStyle::Pattern)])
    });
    let log_query = object.or("log_query", default.log_query, |node| node.bool());
    let log_headers = object.or("log_headers", default.log_headers, |node| {
        list(node, MAX_LOGGED_HEADERS, "header names", logged_header)
    });
    let log_slower_than =
        object.or("log_slower_than", default.log_slower_than, |node| slower_than(node).map(Some));
    let control = object.or("control", None, |node| control(node, name, target).map(Some));
    let rules = Rules {
        status: status?,
        headers: headers?,
        body: body?,
        ignore: ignore?,
        unordered: unordered?,
        max_body_bytes: max_body_bytes?,
        log_per_minute: log_per_minute?,
        log_values: log_values?,
        log_places: log_places?,
        log_query: log_query?,
        log_headers: log_headers?,
        log_slower_than: log_slower_than?,
    };
    if !rules.status && rules.headers.is_empty() && rules.body == BodyRule::Off {
        node.fault("nothing to compare", "status, headers or body");
        return None;
    }
    Some((rules, control?))
}

fn control(node: &Node, name: Option<&str>, target: Option<&Target>) -> Option<String> {
    let object = node.object(keys::CONTROL)?;
    let cluster = object.required("cluster", select::CLUSTER, |node| {
        let cluster = select::cluster(node)?;
        if target.is_some_and(|target| (0..target.count()).any(|index| target.name(index) == cluster)) {
            // Whatever the shadow has wrong the control would have wrong, too.
            node.fault("a cluster of the shadow", "a cluster that runs the primary's version");
            return None;
        }
        Some(cluster)
    });
    if let Some(name) = name.map(control_name).filter(|name| name.len() > MAX_NAME) {
        node.fault(
            format_args!("a control, which gets a name of {} characters", name.len()),
            format_args!("a mirror whose name has at most {} of them", MAX_NAME - control_name("").len()),
        );
        return None;
    }
    cluster
}

fn header(node: &Node) -> Option<String> {
    match node.as_str().and_then(fields::header_name) {
        Some(name) => Some(name),
        None => node.refuse("a header name"),
    }
}

fn logged_header(node: &Node) -> Option<String> {
    let name = header(node)?;
    if CREDENTIALS.contains(&name.as_str()) {
        node.fault(format_args!("{name}, which carries credentials"), "a header that may be in a log");
        return None;
    }
    Some(name)
}

/// In per cent of the primary's time.
fn slower_than(node: &Node) -> Option<u32> {
    match node.as_number().map(|factor| (factor * 100.0).round()) {
        Some(percent) if percent > 100.0 && percent <= MAX_FACTOR * 100.0 => Some(percent as u32),
        _ => node.refuse("a number from 1.01 to 1000, how many times the primary's time is slow"),
    }
}
