// SPDX-License-Identifier: Apache-2.0
//! The model's requests and calls as the host has them.

use super::model::{Expected, Kind, Request};
use crate::sim::Callout;

/// A call that was made, in the model's words.
pub fn seen(call: &Callout) -> Expected {
    Expected {
        mirror: call.header("x-shadow-mirror"),
        cluster: call.cluster.clone(),
        body: call.body.clone(),
        retries: call.header("x-envoy-max-retries") == "2",
        routed: call.header("x-routed") == "1",
    }
}

pub fn sent_request(plain: crate::sim::Request, request: &Request) -> crate::sim::Request {
    let path = format!("/?page=2&user={}", request.user());
    let mut sent =
        plain.method(if request.post { "POST" } else { "GET" }).path(path).header("x-user", request.user());
    let content_type = match (request.grpc, request.json) {
        (true, _) => Some("application/grpc+proto"),
        (false, true) => Some("application/json"),
        (false, false) => None,
    };
    if let Some(content_type) = content_type {
        sent = sent.header("content-type", content_type);
    }
    if let Some(target) = request.target {
        sent = sent.header("x-to", target);
    }
    if request.skip {
        sent = sent.header("x-skip", "yes");
    }
    if let Some(announced) = request.announced {
        sent = sent.header("content-length", announced.to_string());
    }
    match request.kind {
        Kind::Plain => sent,
        Kind::Marked => sent.header("x-shadow-mirror", "any"),
        Kind::Upgrade => sent.header("connection", "keep-alive, Upgrade").header("upgrade", "websocket"),
        Kind::Large => sent.header("x-large", vec![b'x'; (1 << 20) + 1]),
        Kind::Torn => sent.raw_headers(b"\x05\0\0\0\x01"),
    }
}
