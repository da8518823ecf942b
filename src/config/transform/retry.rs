// SPDX-License-Identifier: Apache-2.0
//! Reads `retry`.

use std::time::Duration;

use super::super::reader::Node;
use super::super::{fields, keys};
use crate::transform::Retry;

/// Envoy's names are those of the configuration. The first three are the default.
const CONDITIONS: [(&str, &str); 6] = [
    ("connect-failure", "connect-failure"),
    ("refused-stream", "refused-stream"),
    ("reset", "reset"),
    ("reset-before-request", "reset-before-request"),
    ("5xx", "5xx"),
    ("gateway-error", "gateway-error"),
];
const MAX_ATTEMPTS: u64 = 10;

/// Within a mirror's timeout, if that is sound.
pub fn read(node: &Node, timeout: Option<Duration>) -> Option<Retry> {
    const ON: &str = "a list of 1 to 6 of connect-failure, refused-stream, reset, reset-before-request, 5xx and gateway-error";
    let object = node.object(keys::RETRY)?;
    let attempts = object.required("attempts", "a whole number from 1 to 10", |node| {
        node.integer(1, MAX_ATTEMPTS).map(fields::to_u32)
    });
    let on = object.or("retry_on", CONDITIONS.iter().take(3).map(|(name, _)| *name).collect(), |node| {
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
