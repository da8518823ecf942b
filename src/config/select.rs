// SPDX-License-Identifier: Apache-2.0
//! Reads who is copied: `cluster`, `cluster_header`, `percentage`, `sample_by`, `active`, `ramp`, `match` and `exclude`.

mod conditions;
mod sample_by;
mod schedule;
mod target;

pub use self::target::{CLUSTER, cluster};

use super::reader::Object;
use super::{fields, keys};
use crate::select::{Conditions, Percentage, Selection};

/// `late`: the mirror decides when the primary has answered. Unknown where that is at fault.
pub fn read(mirror: &Object, late: Option<bool>) -> Option<Selection> {
    let target = target::read(mirror);
    let percentage = mirror.or("percentage", Percentage::ALL, fields::percentage);
    let sample_by = mirror.or("sample_by", None, |node| sample_by::read(node).map(Some));
    let schedule = schedule::read(mirror, percentage);
    let any_of = mirror.or("match", None, |node| conditions::some(node, late).map(Some));
    let none_of = mirror.or("exclude", Vec::new(), |node| conditions::any(node, late));
    Some(Selection {
        target: target?,
        percentage: percentage?,
        sample_by: sample_by?,
        schedule: schedule?,
        conditions: Conditions { any_of: any_of?, none_of: none_of? },
    })
}
