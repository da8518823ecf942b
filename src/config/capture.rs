// SPDX-License-Identifier: Apache-2.0
//! Reads `body`.

use super::reader::Node;
use super::{fields, keys};
use crate::capture::{BodyPolicy, MAX_BODY_BYTES, OnOverflow};

pub fn body(node: &Node) -> Option<BodyPolicy> {
    let object = node.object(keys::BODY)?;
    let none = object.or("mode", false, |node| node.one_of(&[("full", false), ("none", true)]));
    let max_bytes =
        object.or("max_bytes", 1 << 20, |node| node.integer(0, MAX_BODY_BYTES).map(fields::to_usize));
    let on_overflow = object.or("on_overflow", OnOverflow::Skip, |node| {
        node.one_of(&[("skip", OnOverflow::Skip), ("headers_only", OnOverflow::HeadersOnly)])
    });
    let (none, max_bytes, on_overflow) = (none?, max_bytes?, on_overflow?);
    Some(if none { BodyPolicy::None } else { BodyPolicy::Full { max_bytes, on_overflow } })
}
