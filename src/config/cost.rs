// SPDX-License-Identifier: Apache-2.0
//! Reads what a mirror may cost: `retry`, `limits` and `breaker`.

use std::time::Duration;

use super::Limits;
use super::fields;
use super::keys;
use super::reader::Node;
use crate::breaker::Settings;
use crate::edits::Retry;
use crate::token_bucket::Rate;

const MAX_IN_FLIGHT: u64 = 1_000_000;
const MAX_RATE: f64 = 1_000_000.0;
const MIN_RATE: f64 = 0.001;
/// Envoy's names are those of the configuration. The first three are the default.
const CONDITIONS: [(&str, &str); 5] = [
    ("connect-failure", "connect-failure"),
    ("refused-stream", "refused-stream"),
    ("reset", "reset"),
    ("5xx", "5xx"),
    ("gateway-error", "gateway-error"),
];
const MAX_ATTEMPTS: u64 = 10;
const MAX_FAILURES: u64 = 1_000_000;

impl Default for Limits {
    fn default() -> Self {
        Self { max_in_flight: 1024, rate: None }
    }
}

pub fn limits(node: &Node) -> Option<Limits> {
    let object = node.object(keys::LIMITS)?;
    let max_in_flight = object.or("max_in_flight", Limits::default().max_in_flight, |node| {
        node.integer(1, MAX_IN_FLIGHT).map(to_u32)
    });
    let burst = object.get("burst");
    let read_burst = |node: &Node| node.integer(1, MAX_IN_FLIGHT).map(to_u32);
    let rate = match object.get("requests_per_second") {
        Some(node) => {
            let per_second = match node.as_number() {
                Some(value) if (MIN_RATE..=MAX_RATE).contains(&value) => Some(value),
                _ => node.refuse("a number from 0.001 to 1000000"),
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
    Some(Limits { max_in_flight: max_in_flight?, rate: rate? })
}

/// Within a mirror's timeout, if that is sound.
pub fn retry(node: &Node, timeout: Option<Duration>) -> Option<Retry> {
    const ON: &str = "a list of 1 to 5 of connect-failure, refused-stream, reset, 5xx and gateway-error";
    let object = node.object(keys::RETRY)?;
    let attempts = object.required("attempts", "a whole number from 1 to 10", |node| {
        node.integer(1, MAX_ATTEMPTS).map(to_u32)
    });
    let on = object.or("on", CONDITIONS.iter().take(3).map(|(name, _)| *name).collect(), |node| {
        let items = node.list(ON)?;
        if !(1..=CONDITIONS.len()).contains(&items.len()) {
            return node.refuse(ON);
        }
        let conditions: Vec<_> = items.iter().map(|node| node.one_of(&CONDITIONS)).collect();
        conditions.into_iter().collect::<Option<Vec<_>>>()
    });
    let per_try = object.or("per_try_timeout", None, |node| {
        let per_try = fields::duration(node)?;
        if timeout.is_some_and(|timeout| per_try > timeout) {
            return node.refuse("at most the mirror's timeout");
        }
        Some(Some(per_try))
    });
    Some(Retry::new(attempts?, &on?, per_try?))
}

pub fn breaker(node: &Node) -> Option<Option<Settings>> {
    if !node.is_object() {
        return match node.as_str() {
            Some("off") => Some(None),
            _ => node.refuse("an object with consecutive_failures and cooldown, or \"off\""),
        };
    }
    let object = node.object(keys::BREAKER)?;
    let default = Settings::default();
    let consecutive_failures = object.or("consecutive_failures", default.consecutive_failures, |node| {
        node.integer(1, MAX_FAILURES).map(to_u32)
    });
    let cooldown = object.or("cooldown", default.cooldown, fields::duration);
    Some(Some(Settings { consecutive_failures: consecutive_failures?, cooldown: cooldown? }))
}

fn to_u32(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
