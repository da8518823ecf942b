// SPDX-License-Identifier: Apache-2.0
//! Every rule of what a copy's headers are.

use serde_json::{Value, json};
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::super::Config;
use crate::http::tests::head;
use crate::http::{Head, MARKER, block};
use crate::transform::{Authority, MAX_HEADER_BYTES, Outgoing, Rewritten, Transform, fits};

const PSEUDO: [(&str, &str); 3] = [(":authority", "a.b:80"), (":path", "/"), (":method", "GET")];

fn mirror(keys: Value) -> Transform {
    let config = Config::parse(json!({"mirrors": [keys]}).to_string().as_bytes());
    config.expect("valid").mirrors.remove(0).transform
}

fn plain() -> Transform {
    mirror(json!({"cluster": "m", "authority": "keep"}))
}

/// What becomes of a request's headers, as text and without the pseudo-headers and the marker.
fn copied(mirror: &Transform, headers: &[(&str, &str)], body_len: usize) -> Vec<(String, String)> {
    let all: Vec<_> = PSEUDO.iter().chain(headers).copied().collect();
    let head = head(&all);
    let rewritten = Rewritten::of(&head, mirror);
    let outgoing = Outgoing::build(&head, mirror, &rewritten, body_len);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let mut copied: Vec<_> = outgoing.headers().map(|(n, v)| (text(n), text(v))).collect();
    assert_eq!(copied.pop(), Some((MARKER.to_owned(), mirror.marker.clone())), "the marker is the last");
    copied.split_off(PSEUDO.len())
}

fn pairs(headers: &[(&str, &str)]) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn each_header_stays_or_goes() {
    const STAYS: bool = true;
    const GOES: bool = false;
    type Row<'a> = (&'a [(&'a str, &'a str)], usize, bool);
    let table: &[Row] = &[
        (&[("accept", "*/*")], 0, STAYS),
        (&[("cookie", "a=b"), ("cookie", "c=d")], 0, STAYS),
        (&[("x-forwarded-for", "1.2.3.4")], 0, STAYS),
        (&[("content-encoding", "gzip")], 0, STAYS),
        (&[("trailer", "x-t")], 0, STAYS),
        (&[("x-empty", "")], 0, STAYS),
        (&[("host", "a.b")], 0, GOES),
        (&[("connection", "close")], 0, GOES),
        (&[("connection", "")], 0, GOES),
        (&[("connection", "x-a"), ("x-a", "1")], 0, GOES),
        (&[("x-a", "1"), ("connection", " ,X-A ,")], 0, GOES),
        (&[("connection", "x-a"), ("connection", "x-b"), ("x-a", "1"), ("x-b", "1")], 0, GOES),
        (&[("keep-alive", "timeout=5")], 0, GOES),
        (&[("proxy-connection", "close")], 0, GOES),
        (&[("te", "trailers")], 0, STAYS),
        (&[("te", " Trailers ")], 0, STAYS),
        (&[("te", "gzip")], 0, GOES),
        (&[("te", "trailers, gzip")], 0, GOES),
        (&[("te", "")], 0, GOES),
        (&[("transfer-encoding", "chunked")], 0, GOES),
        (&[("upgrade", "h2c")], 0, GOES),
        (&[("expect", "100-continue")], 0, GOES),
        (&[("content-length", "7")], 7, STAYS),
        (&[("content-length", "0")], 0, STAYS),
        (&[("content-length", "7")], 6, GOES),
        (&[("content-length", "7")], 0, GOES),
        (&[("content-length", "7, 7")], 7, GOES),
        (&[("content-length", "-7")], 7, GOES),
        (&[("content-length", "7 ")], 7, GOES),
        (&[("content-length", "")], 0, GOES),
        (&[("content-length", "99999999999999999999999")], 0, GOES),
        (&[("x-envoy-upstream-rq-timeout-ms", "1")], 0, GOES),
        (&[("x-envoy-max-retries", "9")], 0, GOES),
        (&[("x-envoy-", "1")], 0, GOES),
        (&[("x-envoy", "1")], 0, STAYS),
        (&[("x-envoyage", "1")], 0, STAYS),
        (&[(MARKER, "elsewhere"), (MARKER, "m")], 0, GOES),
        (&[("x-shadow-mirrors", "1")], 0, STAYS),
    ];
    for (headers, body_len, stays) in table {
        let expected = if *stays { pairs(headers) } else { Vec::new() };
        assert_eq!(copied(&plain(), headers, *body_len), expected, "{headers:?} with {body_len} bytes");
    }
}

#[test]
fn order_and_duplicates_are_kept() {
    let headers = [("b", "1"), ("a", "2"), ("host", "x"), ("b", "1"), ("a", "1")];
    let expected = pairs(&[("b", "1"), ("a", "2"), ("b", "1"), ("a", "1")]);
    assert_eq!(copied(&plain(), &headers, 0), expected);
}

#[test]
fn values_that_are_not_text_are_kept() {
    let every_byte: Vec<u8> = (0..=255).collect();
    let head = Head::from_block(block(&[(b":path", b"/\xff"), (b"x", &every_byte)])).expect("whole");
    let mirror = plain();
    let rewritten = Rewritten::of(&head, &mirror);
    let headers = Outgoing::build(&head, &mirror, &rewritten, 0).headers().collect::<Vec<_>>();
    assert_eq!(headers[0], (&b":path"[..], &b"/\xff"[..]));
    assert_eq!(headers[1], (&b"x"[..], &every_byte[..]));
}

#[test]
fn pseudo_headers_stay_whatever_is_removed() {
    let all = mirror(json!({"cluster": "m", "headers": {"remove": ["*"]}}));
    let headers = [(":scheme", "http"), ("a", "1"), ("connection", ":scheme, :path, :method")];
    assert_eq!(copied(&all, &headers, 0), pairs(&[(":scheme", "http")]));
}

#[test]
fn edits_come_in_the_order_remove_set_add() {
    let table = [
        (json!({}), vec![("a", "1"), ("a", "2"), ("x-b", "3"), ("x-c", "4")]),
        (json!({"remove": ["a"]}), vec![("x-b", "3"), ("x-c", "4")]),
        (json!({"remove": ["A"]}), vec![("x-b", "3"), ("x-c", "4")]),
        (json!({"remove": ["x-*"]}), vec![("a", "1"), ("a", "2")]),
        (json!({"remove": ["x-b*", "x"]}), vec![("a", "1"), ("a", "2"), ("x-c", "4")]),
        (json!({"remove": ["*"]}), vec![]),
        (json!({"set": {"A": "9"}}), vec![("x-b", "3"), ("x-c", "4"), ("a", "9")]),
        (json!({"set": {"new": ""}, "remove": ["*"]}), vec![("new", "")]),
        (json!({"add": {"a": "9"}, "remove": ["x-*"]}), vec![("a", "1"), ("a", "2"), ("a", "9")]),
        (json!({"remove": ["*"], "set": {"a": "8"}, "add": {"a": "9"}}), vec![("a", "8"), ("a", "9")]),
    ];
    for (edits, expected) in table {
        let mirror = mirror(json!({"cluster": "m", "headers": edits}));
        let headers = [("a", "1"), ("a", "2"), ("x-b", "3"), ("x-c", "4")];
        assert_eq!(copied(&mirror, &headers, 0), pairs(&expected), "{edits}");
    }
}

#[test]
fn set_headers_are_not_taken_away_by_connection() {
    let mirror = mirror(json!({"cluster": "m", "headers": {"set": {"a": "set"}}}));
    assert_eq!(copied(&mirror, &[("connection", "a"), ("a", "1")], 0), pairs(&[("a", "set")]));
}

#[test]
fn the_authority_gets_its_suffix_before_the_port() {
    for (authority, expected) in [
        ("a.b", "a.b-s"),
        ("a.b:80", "a.b-s:80"),
        ("a.b:", "a.b-s:"),
        (":80", "-s:80"),
        ("", "-s"),
        ("1.2.3.4:5", "1.2.3.4-s:5"),
        ("[::1]", "[::1]-s"),
        ("[::1]:80", "[::1]-s:80"),
        ("[fe80::1%25eth0]:80", "[fe80::1%25eth0]-s:80"),
        ("[]", "[]-s"),
        ("::1", ":-s:1"),
        ("user@a.b:80", "user@a.b-s:80"),
    ] {
        let suffix = Authority::Suffix(b"-s".to_vec());
        assert_eq!(&*suffix.apply(authority.as_bytes()), expected.as_bytes(), "{authority}");
        let literal = Authority::Literal(b"l:1".to_vec());
        assert_eq!(&*literal.apply(authority.as_bytes()), b"l:1", "{authority}");
        assert_eq!(&*Authority::Keep.apply(authority.as_bytes()), authority.as_bytes());
    }
    assert_eq!(&*Authority::default().apply(b"a\xff:80"), b"a\xff-shadow:80");
}

#[test]
fn the_scheme_is_that_of_a_connection_without_tls_unless_told_otherwise() {
    for (key, expected) in
        [(json!({}), "http"), (json!({"scheme": "https"}), "https"), (json!({"scheme": "keep"}), "HTTPS")]
    {
        let mut keys = json!({"cluster": "m"});
        keys.as_object_mut().expect("an object").extend(key.as_object().expect("an object").clone());
        let (mirror, request) = (mirror(keys), head(&[(":scheme", "HTTPS"), (":path", "/")]));
        let rewritten = Rewritten::of(&request, &mirror);
        let outgoing = Outgoing::build(&request, &mirror, &rewritten, 0);
        assert_eq!(outgoing.headers().next(), Some((&b":scheme"[..], expected.as_bytes())));
    }
}

#[test]
fn a_request_without_authority_gets_none() {
    let head = head(&[(":path", "/")]);
    let mirror = mirror(json!({"cluster": "m"}));
    let rewritten = Rewritten::of(&head, &mirror);
    let headers = Outgoing::build(&head, &mirror, &rewritten, 0).headers().collect::<Vec<_>>();
    assert_eq!(headers.len(), 2);
}

/// Serialized as the host counts it: four bytes, then for each pair eight of lengths and two NULs.
fn serialized_size(headers: &[(&[u8], &[u8])]) -> usize {
    4 + headers.iter().map(|(name, value)| 8 + name.len() + 1 + value.len() + 1).sum::<usize>()
}

#[test]
fn fits_up_to_a_mebibyte() {
    for keys in [
        json!({"cluster": "m"}),
        json!({"cluster": "m", "authority": {"literal": "l".repeat(100)}}),
        json!({"cluster": "m", "headers": {"add": {"a": "x".repeat(1000)}, "set": {"b": "y"}, "remove": ["c"]}}),
    ] {
        let mirror = mirror(keys);
        let head_with = |len: usize| {
            let value = "x".repeat(len);
            head(&[(":authority", "a.b"), (":path", "/"), (":method", "GET"), ("long", &value), ("c", "1")])
        };
        let size_with = |head: &Head| {
            let rewritten = Rewritten::of(head, &mirror);
            serialized_size(&Outgoing::build(head, &mirror, &rewritten, 0).headers().collect::<Vec<_>>())
        };
        let base = size_with(&head_with(0));
        for (size, expected) in [
            (1000, true),
            (MAX_HEADER_BYTES - 1, true),
            (MAX_HEADER_BYTES, true),
            (MAX_HEADER_BYTES + 1, false),
        ] {
            if size < base {
                continue;
            }
            let head = head_with(size - base);
            assert_eq!(size_with(&head), size);
            assert_eq!(fits(&head, &mirror, 0), expected, "{size} bytes");
        }
    }
}

#[test]
fn fits_up_to_1024_headers() {
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|i| format!("x-{i}")).collect();
        let headers: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
        head(&headers)
    };
    let plain = plain();
    assert!(fits(&many(1023), &plain, 0), "with the marker");
    assert!(!fits(&many(1024), &plain, 0));
    let adds = mirror(json!({"cluster": "m", "headers": {"add": {"a": "", "b": ""}, "set": {"x-0": ""}}}));
    assert!(fits(&many(1021), &adds, 0), "one is replaced, two and the marker are added");
    assert!(!fits(&many(1022), &adds, 0));
    let removes = mirror(json!({"cluster": "m", "headers": {"remove": ["x-*"]}}));
    assert!(fits(&many(5000), &removes, 0), "what is removed does not count");
}

#[test]
fn a_preset_stands_for_the_headers_of_credentials() {
    let all = mirror(json!({"cluster": "m", "authority": "keep", "headers": {"remove": ["$credentials"]}}));
    let mut request: Vec<(&str, &str)> =
        crate::transform::CREDENTIALS.iter().map(|name| (*name, "secret")).collect();
    request.push(("x-user", "ann"));
    assert_eq!(copied(&all, &request, 0), pairs(&[("x-user", "ann")]));
}
