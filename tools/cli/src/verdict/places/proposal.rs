// SPDX-License-Identifier: Apache-2.0
//! Parts of `compare` to paste. It is a proposal: someone who knows the field decides.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::Field;
use super::endpoint::{field, is_index};
use super::line::Difference;

/// Lists that are looked at.
const MOST: usize = 1_000;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// Ids and times that each answer has anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<String>,
    /// Lists that have the same elements in another order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unordered: Vec<String>,
}

impl Proposal {
    pub(super) fn of(fields: &[Field], unordered: Vec<String>) -> Option<Self> {
        let may_differ = fields.iter().filter(|it| it.may_differ && !is_in_any(&it.field, &unordered));
        let mut ignore: Vec<String> = may_differ.map(|it| it.field.clone()).collect();
        ignore.sort_unstable();
        ignore.dedup();
        (!ignore.is_empty() || !unordered.is_empty()).then_some(Self { ignore, unordered })
    }

    /// As it is pasted.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Whether a field is an element of one of these lists, or in one.
pub(super) fn is_in_any(field: &str, lists: &[String]) -> bool {
    lists.iter().any(|list| field.strip_prefix(list.as_str()).is_some_and(|rest| rest.starts_with("/*")))
}

/// Of each list whether the same elements were seen on both sides whenever it differed, by the list's pattern.
#[derive(Debug, Default)]
pub(super) struct Reordered(BTreeMap<String, bool>);

impl Reordered {
    /// The differences of one answer.
    pub(super) fn look_at(&mut self, differences: &[Difference]) {
        let mut elements: BTreeMap<&str, [Vec<(&str, String)>; 2]> = BTreeMap::new();
        for difference in differences {
            let Some((list, rest)) = outermost(&difference.at) else { continue };
            let sides = elements.entry(list).or_default();
            for (side, value) in sides.iter_mut().zip([&difference.primary, &difference.shadow]) {
                side.push((rest, value.as_ref().map(Value::to_string).unwrap_or_default()));
            }
        }
        for (list, [mut primary, mut shadow]) in elements {
            primary.sort_unstable();
            shadow.sort_unstable();
            let known = primary.iter().all(|(_, value)| !value.is_empty());
            let same = known && primary.len() > 1 && primary == shadow;
            let list = field(list);
            if self.0.len() < MOST || self.0.contains_key(&list) {
                self.0.entry(list).and_modify(|all| *all &= same).or_insert(same);
            }
        }
    }

    pub(super) fn lists(&self) -> Vec<String> {
        self.0.iter().filter(|(_, reordered)| **reordered).map(|(list, _)| list.clone()).collect()
    }
}

/// The outermost list that a pointer leads into, and the rest behind the element.
fn outermost(at: &str) -> Option<(&str, &str)> {
    let mut end = 0;
    for part in at.strip_prefix('/')?.split('/') {
        let start = end + 1;
        end = start + part.len();
        if is_index(part) || part == "*" {
            return Some((at.get(..start - 1)?, at.get(end..)?));
        }
    }
    None
}
