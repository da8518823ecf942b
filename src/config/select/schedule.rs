// SPDX-License-Identifier: Apache-2.0
//! Reads `active` and `ramp`.

use std::time::Duration;

use super::super::reader::{Node, Object};
use super::{fields, keys};
use crate::select::{Percentage, Ramp, Schedule};
use crate::time::Timestamp;

/// Longest ramp: 30 days.
const MAX_OVER: Duration = Duration::from_secs(30 * 24 * 3600);

/// Of a mirror with this share in the end, if that much of it is sound.
pub fn read(mirror: &Object, full: Option<Percentage>) -> Option<Schedule> {
    let active = mirror.or("active", (None, None), active);
    let ramp = mirror.or("ramp", None, |node| ramp(node, full).map(Some));
    if let (Some(node), Some((None, _))) = (mirror.get("ramp"), active) {
        node.fault("a ramp without active.from", "active.from, where it begins");
        return None;
    }
    let (from, until) = active?;
    Some(Schedule { from, until, ramp: ramp? })
}

fn active(node: &Node) -> Option<(Option<Timestamp>, Option<Timestamp>)> {
    let object = node.object(keys::ACTIVE)?;
    let from = object.or("from", None, |node| timestamp(node).map(Some));
    let until = object.or("until", None, |node| timestamp(node).map(Some));
    let (from, until) = (from?, until?);
    if from.zip(until).is_some_and(|(from, until)| from >= until) {
        node.fault("an end that is not after the beginning", "from before until");
        return None;
    }
    Some((from, until))
}

fn timestamp(node: &Node) -> Option<Timestamp> {
    match node.as_str().and_then(Timestamp::parse) {
        Some(timestamp) => Some(timestamp),
        None => node.refuse("a time such as \"2026-11-21T09:00:00Z\" or \"2026-11-21T10:00:00+01:00\""),
    }
}

fn ramp(node: &Node, full: Option<Percentage>) -> Option<Ramp> {
    let object = node.object(keys::RAMP)?;
    let start = object.required("start", fields::PERCENTAGE, |node| {
        let start = fields::percentage(node)?;
        if full.is_some_and(|full| start > full) {
            node.fault(start, "at most the mirror's percentage");
            return None;
        }
        Some(start)
    });
    const OVER: &str = "a duration above 0 and at most \"720h\", such as \"30m\" or \"24h\"";
    let over = object.required("over", OVER, |node| match node.as_str().and_then(fields::parse_duration) {
        Some(over) if over <= MAX_OVER => Some(over),
        _ => node.refuse(OVER),
    });
    Some(Ramp { start: start?, over: over? })
}
