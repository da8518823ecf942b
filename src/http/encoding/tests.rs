// SPDX-License-Identifier: Apache-2.0
//! What is decoded, what is refused, and that it does not matter where it stops.

use std::io::Write;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;
use crate::http::tests::head;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const TEXT: &[u8] = br#"{"items": [1, 2, 3], "text": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// What was decoded in steps of so much work.
fn sliced(encoding: &[&str], body: &[u8], limit: usize, slices: &[usize]) -> Option<Vec<u8>> {
    let headers: Vec<_> = encoding.iter().map(|value| ("content-encoding", *value)).collect();
    let mut decoding = Decoding::begin(&head(&headers), body, limit)?;
    for slice in slices.iter().cycle() {
        if let Poll::Ready(done) = decoding.step(body, &mut slice.clone()) {
            return done.then(|| decoding.decoded(body).to_vec());
        }
    }
    None
}

fn of(encoding: &[&str], body: &[u8], limit: usize) -> Option<Vec<u8>> {
    sliced(encoding, body, limit, &[usize::MAX])
}

#[test]
fn what_was_encoded_comes_out() {
    for (encoding, body) in [
        (&[][..], TEXT.to_vec()),
        (&["identity"], TEXT.to_vec()),
        (&["gzip"], gzip(TEXT)),
        (&["X-GZip"], gzip(TEXT)),
        (&["identity, gzip"], gzip(TEXT)),
        (&["deflate"], zlib(TEXT)),
        (&["deflate"], deflate(TEXT)),
        (&["gzip"], [gzip(&TEXT[..9]), gzip(&TEXT[9..])].concat()),
        (&["deflate, gzip"], gzip(&zlib(TEXT))),
        (&["gzip", "gzip"], gzip(&gzip(TEXT))),
        (&["gzip, identity", "deflate, utf-8", "gzip"], gzip(&zlib(&gzip(TEXT)))),
        (&["gzip, aws-chunked"], gzip(TEXT)),
    ] {
        let room = TEXT.len().max(body.len());
        assert_eq!(of(encoding, &body, room).as_deref(), Some(TEXT), "{encoding:?}");
        assert_eq!(of(encoding, &body, TEXT.len() - 1), None, "{encoding:?}, over the limit");
    }
    assert_eq!(of(&["gzip"], b"", 10).as_deref(), Some(&b""[..]));
}

#[test]
fn what_cannot_be_decoded_is_none() {
    for (encoding, body) in [
        (&["br"][..], TEXT.to_vec()),
        (&["gzip, br"], gzip(TEXT)),
        (&["br, gzip"], gzip(TEXT)),
        (&["gzip, gzip, gzip, gzip"], gzip(&gzip(&gzip(&gzip(TEXT))))),
        (&["something"], TEXT.to_vec()),
        (&["zstd"], b"\x28\xb5\x2f\xfd\x04\x00".to_vec()),
        (&["zstd, gzip"], gzip(b"\x28\xb5\x2f\xfd\x04\x00")),
        (&["gzip"], gzip(TEXT)[..20].to_vec()),
        (&["gzip, gzip"], gzip(&gzip(TEXT)[..20])),
        (&["deflate"], zlib(TEXT)[..20].to_vec()),
        (&["deflate"], b"\xff\xff\xff".to_vec()),
    ] {
        assert_eq!(of(encoding, &body, 1 << 20), None, "{encoding:?}");
    }
}

#[test]
fn what_is_no_encoding_is_taken_as_it_is() {
    for encoding in
        ["utf-8", "None", "identity", "aws-chunked", "gzip", "x-gzip, utf-8", "zstd", "gzip, gzip, gzip", ""]
    {
        assert_eq!(of(&[encoding], TEXT, TEXT.len()).as_deref(), Some(TEXT), "{encoding}");
        assert_eq!(of(&[encoding], TEXT, TEXT.len() - 1), None, "{encoding}, over the limit");
    }
}

#[test]
fn a_bomb_is_not_blown_up() {
    let bomb = gzip(&vec![0; 10 << 20]);
    assert!(bomb.len() < 65536);
    assert_eq!(of(&["gzip"], &bomb, 65536), None);
}

// There is no clock on wasm.
#[cfg(not(target_arch = "wasm32"))]
#[test]
fn many_members_cost_no_more_than_their_bytes() {
    // If a buffer of this size were made ready for each of them, that would take minutes.
    const LIMIT: usize = 64 << 20;
    let body = [gzip(b"").repeat(5000), gzip(b"end")].concat();
    let start = std::time::Instant::now();
    assert_eq!(of(&["gzip"], &body, LIMIT).as_deref(), Some(&b"end"[..]));
    let took = start.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_small_body_takes_little_memory_whatever_the_limit() {
    let (head, body) = (head(&[("content-encoding", "deflate")]), zlib(TEXT));
    let mut decoding = Decoding::begin(&head, &body, 1 << 30).expect("deflate");
    assert_eq!(decoding.held_bytes(), 0);
    assert_eq!(decoding.step(&body, &mut usize::MAX.clone()), Poll::Ready(true));
    assert!(decoding.held_bytes() < 10_000, "{}", decoding.held_bytes());
}

/// A member with everything that a header may have.
fn adorned(bytes: &[u8]) -> Vec<u8> {
    let plain = gzip(bytes);
    let header = [
        &[0x1f, 0x8b, 8, 2 | 4 | 8 | 16, 0, 0, 0, 0, 0, 3][..],
        b"\x03\0abc",
        b"name\0",
        b"comment\0",
        b"\x01\x02",
    ];
    [&header.concat(), &plain[10..]].concat()
}

#[test]
fn headers_are_skipped_with_all_their_fields() {
    let body = [adorned(b"one "), gzip(b"two")].concat();
    assert_eq!(of(&["gzip"], &body, 1000).as_deref(), Some(&b"one two"[..]));
    for end in 2..body.len() {
        let whole = end == adorned(b"one ").len();
        assert_eq!(of(&["gzip"], &body[..end], 1000).is_some(), whole, "{end}");
    }
    let mut wrong = gzip(TEXT);
    let sum = wrong.len() - 8;
    wrong[sum] ^= 1;
    assert_eq!(of(&["gzip"], &wrong, 1000), None, "another checksum");
}

#[cfg(not(target_arch = "wasm32"))]
proptest::proptest! {
    #[test]
    fn it_does_not_matter_where_it_stops(
        text in "[a-f]{0,300}", times in 1..400usize, odd: Vec<u8>, at: usize,
        slices in proptest::collection::vec(1..5000usize, 1..6), limit in 0..60_000usize,
    ) {
        let text = text.repeat(times).into_bytes();
        let mut broken = gzip(&text);
        let place = at % broken.len();
        broken[place] ^= 1 << (at % 8);
        for (encoding, body) in [
            ("gzip", gzip(&text)), ("gzip", [adorned(&text), gzip(&text)].concat()), ("deflate", zlib(&text)),
            ("deflate", deflate(&text)), ("gzip", broken), ("deflate", odd), ("deflate, gzip", gzip(&zlib(&text))),
        ] {
            let at_once = sliced(&[encoding], &body, limit, &[usize::MAX]);
            proptest::prop_assert_eq!(sliced(&[encoding], &body, limit, &slices), at_once);
        }
    }
}
