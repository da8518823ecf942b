// SPDX-License-Identifier: Apache-2.0
//! How exchanges are generated: strategies of proptest, which can also make a generated exchange smaller.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;

use super::case::{Answer, AnswerEnd, Case, Ending, Kind, Payload, Piece};
use crate::random;

/// The exchange with this number, and everything that is smaller than it.
pub fn tree(seed: u64, number: u64) -> impl ValueTree<Value = Case> {
    random::tree(&cases(), seed, number)
}

fn cases() -> impl Strategy<Value = Case> {
    let head = (any::<bool>(), any::<bool>(), methods(), targets(), headers(), headers());
    let rest = (bodies(), prop::bool::weighted(0.1), trailers(), endings(), 0..6_u8, answers());
    (head, rest).prop_map(|((http2, http2_upstream, method, target, mut headers, more), rest)| {
        let (body, expect, trailers, ending, pipelined, answer) = rest;
        if http2 {
            headers.retain(|(name, _)| !HOP_BY_HOP.contains(&name.as_str()));
            headers.iter_mut().for_each(|(name, _)| name.make_ascii_lowercase());
        }
        // Lists of many headers come from both.
        if headers.len() > 20 {
            headers.extend(more.into_iter().filter(|(name, _)| name.starts_with("x-")));
        }
        // Envoy refuses such a target at once, and whether a client that is still sending sees that is a race.
        let body = if http2 || target.is_ascii() { body } else { Payload::None };
        let has_body = !body.pieces().is_empty();
        let ending = if http2 && ending == Ending::HalfClosed { Ending::Whole } else { ending };
        Case {
            http2,
            http2_upstream,
            method,
            target: if http2 { printable(&target) } else { target },
            headers,
            trailers: if http2 || matches!(body, Payload::Chunked(_)) { trailers } else { Vec::new() },
            body,
            expect: expect && has_body && !http2,
            ending,
            // Mostly none.
            pipelined: if http2 || ending != Ending::Whole { 0 } else { pipelined.saturating_sub(2) },
            answer,
        }
    })
}

const HOP_BY_HOP: [&str; 3] = ["connection", "te", "keep-alive"];

fn methods() -> impl Strategy<Value = String> {
    let known = select(vec!["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "PROPFIND"]);
    prop_oneof![
        12 => known.prop_map(str::to_owned),
        1 => "[a-zA-Z!#$&'*+.^_`|~-]{1,12}".prop_filter("no tunnel", |method| !method.eq_ignore_ascii_case("connect")),
    ]
}

fn targets() -> impl Strategy<Value = Bytes> {
    let fixed = select(vec![
        "/",
        "//",
        "/a/../b",
        "/%2e%2e/%ff%zz",
        "/?",
        "/??a=b&&=c&a",
        "/;v=1?x=%00",
        "*",
        "http://b.test/absolute?x=1",
        "/a#fragment",
        "/caf\u{e9}",
    ]);
    let bytes = |text: String| Bytes::from(text.into_bytes());
    prop_oneof![
        6 => "/[a-z0-9/._~-]{0,20}".prop_map(bytes),
        4 => "/[a-z]{1,5}\\?[a-zA-Z0-9%&=+;._-]{0,40}".prop_map(bytes),
        2 => fixed.prop_map(|target| Bytes::from_static(target.as_bytes())),
        1 => (0..20_000_usize).prop_map(|length| [b"/".as_slice(), &vec![b'l'; length]].concat().into()),
        1 => vec(prop_oneof![0x21..0x7f_u8, 0x80..=0xff_u8], 0..12).prop_map(|rest| [b"/".as_slice(), &rest].concat().into()),
    ]
}

/// HTTP/2 takes no others.
fn printable(target: &Bytes) -> Bytes {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._~-%?&=+;,:@!$'()*".contains(byte);
    let kept: Vec<u8> = target.iter().copied().filter(allowed).collect();
    if kept.first() == Some(&b'/') { kept.into() } else { Bytes::from_static(b"/") }
}

fn headers() -> impl Strategy<Value = Vec<(String, Bytes)>> {
    prop_oneof![
        12 => vec((names(), values()), 0..8),
        1 => vec(("x-[a-z0-9_]{1,8}", short()), 40..120),
    ]
}

fn names() -> impl Strategy<Value = String> {
    let known = select(vec![
        "x-a",
        "X-A",
        "cookie",
        "Cookie",
        "accept",
        "user-agent",
        "authorization",
        "content-type",
        "x-request-id",
        "x-forwarded-for",
        "x-shadow-mirror",
        "x-envoy-retry-on",
        "x-envoy-max-retries",
        "x-b3-traceid",
        "traceparent",
        "accept-encoding",
        "if-none-match",
        "range",
        "x-internal-a",
        "x-soak-user",
        "te",
        "connection",
        "keep-alive",
        "x-shadow-to",
        "via",
        "forwarded",
        "grpc-timeout",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => "[a-zA-Z0-9!#$&'*+.^_`|~-]{1,16}".prop_filter("frames", |name| {
        !["host", "expect", "upgrade"].contains(&&*name.to_ascii_lowercase())
    })]
}

fn values() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        1 => Just(Bytes::new()),
        6 => short(),
        2 => vec(prop_oneof![0x20..0x7f_u8, 0x80..=0xff_u8, Just(b'\t')], 1..30).prop_map(|value| value.trim_ascii().to_vec().into()),
        1 => (1_000..9_000_usize).prop_map(|length| vec![b'v'; length].into()),
        1 => select(vec!["close", "x-a", "trailers", "application/json", "gzip", "a=b; c=d; session=1", "5xx", "1", "shadow"])
            .prop_map(|value| Bytes::from_static(value.as_bytes())),
    ]
}

fn short() -> impl Strategy<Value = Bytes> {
    "[ -~]{0,20}".prop_map(|value| value.trim().to_owned().into_bytes().into())
}

fn bodies() -> impl Strategy<Value = Payload> {
    let sizes = select(vec![0_u32, 1, 2, 7, 100, 1_000, 4_095, 16_384, 16_385]);
    let kind = prop_oneof![
        16 => sizes.prop_map(Kind::Filling),
        4 => Just(Kind::Json),
        1 => (30_000..200_000_u32).prop_map(Kind::Filling),
    ];
    let pause = prop_oneof![12 => Just(0_u8), 1 => 1..8_u8];
    let pieces = vec((kind, pause).prop_map(|(kind, pause)| Piece { kind, pause }), 1..5).boxed();
    prop_oneof![
        3 => Just(Payload::None),
        2 => pieces.clone().prop_map(Payload::Length),
        2 => pieces.prop_map(Payload::Chunked),
    ]
}

fn trailers() -> impl Strategy<Value = Vec<(String, Bytes)>> {
    prop_oneof![3 => Just(Vec::new()), 1 => vec(("x-t[a-z]{1,5}", short()), 1..4)]
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        16 => Just(Ending::Whole),
        2 => Just(Ending::HalfClosed),
        1 => select(vec![Ending::LeavesAfterHead, Ending::LeavesInBody, Ending::LeavesBeforeAnswer]),
    ]
}

fn answers() -> impl Strategy<Value = Answer> {
    let statuses =
        select(vec![200_u16, 200, 200, 201, 204, 206, 301, 304, 400, 404, 418, 429, 500, 503, 599]);
    let sizes = prop_oneof![8 => select(vec![0_u32, 1, 6, 1_000, 16_384, 70_000]), 1 => 100_000..400_000_u32];
    let name =
        select(vec!["set-cookie", "content-type", "x-a", "etag", "location", "cache-control", "x-Odd_Name"]);
    let headers = vec((name.prop_map(str::to_owned), values()), 0..5);
    let end = prop_oneof![
        24 => Just(AnswerEnd::Whole),
        2 => Just(AnswerEnd::Early),
        8 => select(vec![
            AnswerEnd::Last, AnswerEnd::Dripping, AnswerEnd::Hints, AnswerEnd::ResetInBody, AnswerEnd::ClosedInBody,
            AnswerEnd::Reset, AnswerEnd::Closed, AnswerEnd::Garbled,
        ]),
    ];
    (statuses, headers, sizes, any::<bool>(), prop::bool::weighted(0.15), end).prop_map(
        |(status, headers, body, chunked, trailer, end)| Answer {
            status,
            headers,
            body,
            chunked,
            trailer,
            end,
        },
    )
}
