// SPDX-License-Identifier: Apache-2.0
//! What the host has of requests and answers.

use shadow_filter_fuzz::host::{self, CALL_BODY, CALL_HEADERS, Context, Headers};

use super::step::AnswerKind;
use super::world::{UNKNOWN, among};

/// Calls of the host that may fail.
pub const CALLS: [&str; 24] = [
    "header_map 0",
    "header_map 2",
    "header_map 6",
    "header 2",
    "header 3",
    "header 6",
    "header 7",
    "buffer 0",
    "buffer 1",
    "buffer 4",
    "buffer 7",
    "http_call",
    "set_property",
    "set_tick_period",
    "get_shared_data",
    "set_shared_data",
    "clock 0",
    "clock 1",
    "property",
    "log",
    "done",
    "define_metric",
    "increment_metric",
    "record_metric",
];

pub const BODIES: [&[u8]; 5] =
    [b"", b"{\"a\":1,\"b\":2}", b"{ \"b\": 2.0, \"a\": 7 }", b"no json", &[b'x'; 80]];

pub fn plain_headers(id: usize) -> Headers {
    let id = id.to_string();
    let plain =
        [(":method", "POST"), (":authority", "svc.test"), (":path", "/"), (":scheme", "http"), ("x-id", &id)];
    plain.map(|(name, value)| (name.into(), value.into())).into()
}

pub fn fails(call: &str) -> bool {
    host::with(|host| host.failing.contains(call))
}

pub fn goes_on(id: u32, callback: impl FnOnce() -> u32) {
    assert_eq!(host::enter(id, callback), 0, "the primary is never held up");
}

pub fn give(id: u32, act: impl FnOnce(&mut Context)) {
    host::with(|host| host.contexts.get_mut(&id).map(act));
}

pub fn answer_copy(token: u32, answer: AnswerKind) {
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let status = |code: u16| header(":status", &code.to_string());
    let (headers, body) = match answer {
        AnswerKind::Shadow { status: code, body } => {
            let headers =
                vec![status(code.code()), header("x-envoy-upstream-service-time", "1"), header("a", "x")];
            (headers, *among(&BODIES, body).expect("some"))
        }
        AnswerKind::Envoy(code) => (vec![status(code.code())], &b"upstream connect error"[..]),
        AnswerKind::GrpcTimeout => {
            let message = header("grpc-message", "upstream request timeout");
            (vec![status(200), header("grpc-status", "14"), message], &b""[..])
        }
        AnswerKind::WithoutHeaders => (Vec::new(), &b""[..]),
        AnswerKind::WithoutStatus => (vec![header("x-envoy-upstream-service-time", "1")], &b""[..]),
    };
    let (count, size) = (headers.len(), body.len());
    let root = host::with(|host| {
        host.open.remove(&token);
        host.callouts.iter().find(|call| call.token == token).map_or(UNKNOWN, |call| call.root)
    });
    give(root, |context| {
        context.maps.insert(CALL_HEADERS, headers);
        context.buffers.insert(CALL_BODY, body.to_vec());
    });
    host::enter(root, || host::on_http_call_response(root, token, count, size, 0));
}
