// SPDX-License-Identifier: Apache-2.0
//! Reads `limits` and `breaker`.

use super::reader::Node;
use super::{fields, keys};
use crate::admission::{BreakerSettings, Limits, Rate, Scope};

const MAX_IN_FLIGHT: u64 = 1_000_000;
const MAX_RATE: f64 = 1_000_000.0;
const MIN_RATE: f64 = 0.001;
const MAX_FAILURES: u64 = 1_000_000;

pub fn limits(node: &Node) -> Option<Limits> {
    let object = node.object(keys::LIMITS)?;
    let max_in_flight = object.or("max_in_flight", Limits::default().max_in_flight, |node| {
        node.integer(1, MAX_IN_FLIGHT).map(fields::to_u32)
    });
    let burst = object.get("burst");
    let read_burst = |node: &Node| node.integer(1, MAX_IN_FLIGHT).map(fields::to_u32);
    let rate = match object.get("requests_per_second") {
        Some(node) => {
            let per_second = match node.as_number() {
                Some(value) if (MIN_RATE..=MAX_RATE).contains(&value) => Some(value),
                _ => node.refuse_unquoted(&"a number from 0.001 to 1000000"),
            };
            let burst = match burst {
                Some(node) => read_burst(node),
                // A bucket that holds less than one token never has any.
                None => per_second.map(|rate| rate.ceil() as u32),
            };
            per_second.zip(burst).map(|(per_second, burst)| Some(Rate { per_second, burst }))
        }
        None => match burst {
            Some(node) => {
                node.fault("the key without requests_per_second", "both or neither");
                read_burst(node);
                None
            }
            None => Some(None),
        },
    };
    let scope = object.or("scope", Scope::Envoy, |node| match node.as_str() {
        Some("envoy") => Some(Scope::Envoy),
        Some("worker") => Some(Scope::Worker),
        _ => node.refuse("\"envoy\" or \"worker\""),
    });
    Some(Limits { max_in_flight: max_in_flight?, rate: rate?, scope: scope? })
}

pub fn breaker(node: &Node) -> Option<Option<BreakerSettings>> {
    if !node.is_object() {
        return match node.as_str() {
            Some("off") => Some(None),
            _ => node.refuse("an object with consecutive_failures and cooldown, or \"off\""),
        };
    }
    let object = node.object(keys::BREAKER)?;
    let default = BreakerSettings::default();
    let consecutive_failures = object.or("consecutive_failures", default.consecutive_failures, |node| {
        node.integer(1, MAX_FAILURES).map(fields::to_u32)
    });
    let cooldown = object.or("cooldown", default.cooldown, fields::duration);
    Some(Some(BreakerSettings { consecutive_failures: consecutive_failures?, cooldown: cooldown? }))
}
