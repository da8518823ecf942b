// SPDX-License-Identifier: Apache-2.0
//! `/items/N`, whose rewrite in v2 has two faults that no benchmark showed: where an item is not in the cache it asks for each
//! of its parts (an N+1 query), and it rounds some prices.

use std::time::Duration;

use harness::upstream::Reply;

/// One item in so many is not in the cache.
const MISS: u64 = 25;
/// One item in so many has a price that v2 rounds.
const ODD_PRICE: u64 = 40;
const PARTS: u32 = 12;
const QUERY: Duration = Duration::from_millis(8);

/// Which code answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    V1,
    V2,
    /// v2 with both faults fixed.
    V2Fixed,
}

/// The answer to a path, if it is one of an item.
pub fn answer(code: Code, path: &str) -> Option<Reply> {
    let id: u64 = path.strip_prefix("/items/")?.parse().ok()?;
    let queries = match (id.is_multiple_of(MISS), code) {
        (false, _) => 0,
        (true, Code::V1 | Code::V2Fixed) => 1,
        (true, Code::V2) => 1 + PARTS,
    };
    let price = match (id.is_multiple_of(ODD_PRICE), code) {
        (true, Code::V2) => "20",
        (true, _) => "19.99",
        _ => "29.50",
    };
    let version = if code == Code::V1 { "v1" } else { "v2" };
    let body = format!(r#"{{"id": {id}, "name": "lamp {id}", "price": {price}, "served_by": "{version}"}}"#);
    let reply = Reply::status(200).header("content-type", "application/json").body(body);
    Some(if queries > 0 { reply.delay(QUERY * queries) } else { reply })
}
