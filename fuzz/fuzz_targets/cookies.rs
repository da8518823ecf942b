// SPDX-License-Identifier: Apache-2.0
//! A cookie is found where it is, and only there. Input: the name on the first line, a header on each other one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shadow_filter::http::cookies::find;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.split(|byte| *byte == b'\n');
    let name = lines.next().unwrap_or_default();
    let headers: Vec<&[u8]> = lines.collect();
    let found = find(headers.iter().copied(), name);
    assert_eq!(found, model(&headers, name));
    assert_eq!(find(std::iter::empty(), name), None);
    if let Some(value) = found {
        assert!(!value.contains(&b';') && value.trim_ascii() == value);
        let of_one = |header: &&[u8]| {
            header.as_ptr_range().start <= value.as_ptr()
                && value.as_ptr_range().end <= header.as_ptr_range().end
        };
        assert!(headers.iter().any(of_one), "a slice of a header");
    }

    // The first counts, whatever is around it.
    if name.trim_ascii() == name && !name.contains(&b'=') && !name.contains(&b';') {
        let planted = [b" a;; ", name, b" = \"v=1\" ;b=2"].concat();
        let before = [&[planted.as_slice()], headers.as_slice()].concat();
        assert_eq!(find(before.into_iter(), name), Some(b"\"v=1\"".as_slice()));
        let behind = [headers.as_slice(), &[planted.as_slice()]].concat();
        assert_eq!(find(behind.into_iter(), name), found.or(Some(b"\"v=1\"")));
    }
});

/// Reads byte by byte what RFC 6265 says of pairs.
fn model<'a>(headers: &[&'a [u8]], name: &[u8]) -> Option<&'a [u8]> {
    for header in headers {
        let mut start = 0;
        while start <= header.len() {
            let end = (start..header.len()).find(|at| header[*at] == b';').unwrap_or(header.len());
            if let Some(equals) = (start..end).find(|at| header[*at] == b'=')
                && header[start..equals].trim_ascii() == name
            {
                return Some(header[equals + 1..end].trim_ascii());
            }
            start = end + 1;
        }
    }
    None
}
