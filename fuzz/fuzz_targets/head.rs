// SPDX-License-Identifier: Apache-2.0
//! Any block is refused or gives its headers; a copy of it has what it may have, and nothing else.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use shadow_filter::config::Config;
use shadow_filter::http::{Head, MARKER};
use shadow_filter::transform::{self, Outgoing, Retry, Rewritten, Scheme, Transform};

type Pair<'a> = (&'a [u8], &'a [u8]);

static TRANSFORMS: LazyLock<Vec<Transform>> = LazyLock::new(|| {
    let config = json!({"mirrors": [
        {"cluster": "plain", "authority": "keep"},
        {
            "cluster": "edited", "authority": {"suffix": "-s"},
            "path": {"prefix": "/a", "replacement": "/longer"},
            "headers": {"remove": ["x-a*", "b"], "set": {"x-set": "s", "c": ""}, "add": {"x-add": "a", "d": "1"}},
            "redact": {"headers": ["cookie"], "query": ["token"], "replacement": "R"},
            "retry": {"attempts": 2, "retry_on": ["5xx"], "per_try_timeout": "1s"},
        },
        {"cluster": "bare", "authority": {"literal": "l:1"}, "headers": {"remove": ["*"]}},
    ]});
    Config::parse(config.to_string().as_bytes())
        .expect("valid")
        .mirrors
        .into_iter()
        .map(|mirror| mirror.transform)
        .collect()
});

fuzz_target!(|data: &[u8]| {
    // The length of the body, and the block.
    let Some((body_len, block)) = data.split_first() else { return };
    let Some(head) = Head::from_block(block.to_vec()) else { return };
    let headers: Vec<Pair> = head.iter().collect();
    assert_eq!(headers.len(), head.count());
    assert_eq!(head.size(), block.len());
    let again = shadow_filter_fuzz::head(&headers);
    assert_eq!(again.iter().collect::<Vec<_>>(), headers);
    assert!(again.size() <= head.size());
    for (name, _) in &headers {
        let Ok(text) = str::from_utf8(name) else { continue };
        let values: Vec<_> =
            headers.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect();
        assert_eq!(head.get(text), values.first().copied());
        if headers.len() <= 64 {
            assert_eq!(head.values(text).collect::<Vec<_>>(), values);
        }
    }
    for transform in TRANSFORMS.iter() {
        check(&head, &headers, transform, usize::from(*body_len));
    }
});

fn check(head: &Head, request: &[Pair], transform: &Transform, body_len: usize) {
    let rewritten = Rewritten::of(head, transform);
    let copy = Outgoing::build(head, transform, &rewritten, body_len);
    assert_eq!(transform::fits(head, transform, body_len), copy.fits());
    let copy = copy.headers().collect::<Vec<_>>();

    let marker: Pair = (MARKER.as_bytes(), transform.marker.as_bytes());
    assert_eq!(copy.iter().filter(|(name, _)| *name == marker.0).count(), 1);
    let edits = transform.headers.values().chain(transform.retry.iter().flat_map(Retry::headers));
    // A copy that Envoy may repeat says that it has no body.
    let before_marker = copy.iter().rev().nth(1).copied();
    let length: Option<Pair> = before_marker.filter(|pair| {
        let other = copy.iter().rev().skip(2).any(|(name, _)| *name == b"content-length");
        *pair == (&b"content-length"[..], &b"0"[..]) && transform.retry.is_some() && body_len == 0 && !other
    });
    assert!(
        length.is_some()
            || transform.retry.is_none()
            || body_len > 0
            || copy.iter().any(|(name, _)| *name == b"content-length")
    );
    let own: Vec<Pair> = edits.chain(length).chain([marker]).collect();
    let (kept, tail) = copy.split_at(copy.len() - own.len());
    assert_eq!(tail, own);

    let listed: Vec<Vec<u8>> = request
        .iter()
        .filter(|(name, _)| *name == b"connection")
        .flat_map(|(_, value)| value.split(|byte| *byte == b','))
        .map(|token| token.trim_ascii().to_ascii_lowercase())
        .collect();
    let stays = |(name, value): &&Pair| {
        name.starts_with(b":")
            || !is_of_the_hop(name, value, body_len)
                && !(!name.is_empty() && listed.contains(&name.to_ascii_lowercase()))
                && !transform.headers.drop(name)
    };
    let expected: Vec<&Pair> = request.iter().filter(stays).collect();
    assert_eq!(kept.len(), expected.len());
    for ((name, value), (expected_name, original)) in kept.iter().zip(expected) {
        assert_eq!(name, expected_name);
        match *name {
            b":authority" | b":path" => {}
            b":scheme" => {
                let scheme = match transform.scheme {
                    Scheme::Http => b"http",
                    Scheme::Https => &b"https"[..],
                    Scheme::Keep => original,
                };
                assert_eq!(*value, scheme);
            }
            name => assert_eq!(*value, transform.redact.header(name).unwrap_or(original)),
        }
    }
}

/// Written apart from the filter's own list.
fn is_of_the_hop(name: &[u8], value: &[u8], body_len: usize) -> bool {
    const GONE: [&[u8]; 8] = [
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
        b"host",
        b"x-shadow-mirror",
    ];
    let significant = &value[value.iter().take_while(|byte| **byte == b'0').count()..];
    let is_body_len = !value.is_empty()
        && (significant == body_len.to_string().as_bytes() || significant.is_empty() && body_len == 0);
    GONE.contains(&name)
        || name.starts_with(b"x-envoy-")
        || name == b"te" && value.trim_ascii().to_ascii_lowercase() != b"trailers"
        || name == b"content-length" && !is_body_len
}
