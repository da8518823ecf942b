// SPDX-License-Identifier: Apache-2.0
//! What primary and shadow answer, by the first part of the path.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use harness::recording::Recorded;
use harness::upstream::{Reply, Upstream};
use serde_json::json;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Primary,
    Shadow,
}

/// Makes an upstream one of the two sides.
pub fn plays(upstream: &Upstream, side: Side) {
    // Requests whose connection was closed once.
    let closed = Mutex::new(BTreeSet::new());
    upstream.respond_with(move |request| {
        let first_time =
            || closed.lock().unwrap_or_else(PoisonError::into_inner).insert(request.path.clone());
        answer(side, request, first_time)
    });
}

fn answer(side: Side, request: &Recorded, first_time: impl Fn() -> bool) -> Reply {
    let mut parts = request.path.trim_start_matches('/').split('/');
    let scenario = parts.next().unwrap_or_default();
    let last = parts.next_back().unwrap_or_default();
    let number: usize = last.parse().unwrap_or(0);
    let shadow = side == Side::Shadow;
    let ok = || Reply::status(200);
    match scenario {
        "refuses" if shadow => Reply::status([401, 404, 400, 429][number % 4]),
        // Enough for an answer without messages.
        "grpc" => {
            let reply = ok().header("content-type", "application/grpc");
            if shadow { reply.trailer("grpc-status", "13") } else { reply.header("grpc-status", "0") }
        }
        "differs" => json(&json!({"price": if shadow { 2 } else { 1 }})),
        "brotli" if number.is_multiple_of(4) => json(&json!({"price": number})),
        "brotli" => {
            let price = if shadow { number + 1 } else { number };
            Reply::status(200)
                .header("content-type", "application/json")
                .header("content-encoding", "br")
                .body(brotli(json!({"price": price}).to_string().as_bytes()))
        }
        "small" if shadow => ok().delay(millis(3)),
        "tail" if shadow && number.is_multiple_of(200) => ok().delay(millis(1_000)),
        "some" if shadow && number % 200 < 3 => ok().delay(millis(100)),
        "tail" | "some" => ok().delay(millis(10)),
        "equal" => ok().delay(millis(11)),
        "readers" => Reply::huge(8).delay(millis(if shadow { 2_000 } else { 5 })),
        // A long poll, a stream of events, and what ends in time.
        "streams" if request.path.starts_with("/streams/all") || number.is_multiple_of(40) => {
            if number.is_multiple_of(80) {
                ok().delay(millis(700))
            } else {
                ok().header("content-type", "text/event-stream")
                    .body_of_size(7_000)
                    .chunked()
                    .drip(1_000, millis(100))
            }
        }
        "large" => ok().body_of_size(if number.is_multiple_of(10) { 160 << 10 } else { 2 << 10 }),
        "closing" | "closing-retried" if number.is_multiple_of(40) && first_time() => Reply::close(),
        "uploads" => ok().delay(millis(7)),
        _ => ok(),
    }
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn json(value: &serde_json::Value) -> Reply {
    Reply::status(200).header("content-type", "application/json").body(value.to_string())
}

/// A brotli stream of one block that is not compressed (RFC 7932, section 9.2).
fn brotli(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() - 1).expect("short").to_le_bytes();
    let all = u32::from(u16::from_le_bytes(length)) << 7 | 0x0b | 1 << 23;
    let mut stream = all.to_le_bytes()[..3].to_vec();
    stream.extend_from_slice(data);
    stream.push(3);
    stream
}
