// SPDX-License-Identifier: Apache-2.0
//! No redacted value is left, and no other byte changes. Input: a redacted name on each line, an empty line, the path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use shadow_filter::http::query::{Parameter, decoded, parameters, split, values};
use shadow_filter::transform::{Redaction, Replacement};
use shadow_filter_fuzz::{contains, sections};

const SECRET: &[u8] = b"s3cr3t-of-the-planted-value";

fuzz_target!(|data: &[u8]| {
    let (names, path) = sections(data);
    let (start, query) = split(path);
    match query {
        Some(query) => {
            assert!(!start.contains(&b'?'));
            assert_eq!([start, b"?", query].concat(), path);
            let all: Vec<Parameter> = parameters(query).collect();
            assert_eq!(join(start, &all), path);
        }
        None => assert_eq!(start, path),
    }
    let escaped: Vec<u8> = path.iter().flat_map(|byte| format!("%{byte:02x}").into_bytes()).collect();
    assert_eq!(*decoded(&escaped), *path);
    assert_eq!(*decoded(path), *unescape(path));

    let names: Vec<Vec<u8>> = names.into_iter().map(<[u8]>::to_vec).collect();
    let redaction =
        Redaction { query: names.clone(), replacement: Replacement::new("[é]"), ..Redaction::default() };
    let redacted = redaction.path(path.into());
    let Some(query) = query.filter(|_| !names.is_empty()) else {
        assert_eq!(*redacted, *path);
        return;
    };
    let hides = |parameter: &Parameter| {
        let spaced: Vec<u8> = parameter.name.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        parameter.value.is_some()
            && (names.contains(&unescape(parameter.name)) || names.contains(&unescape(&spaced)))
    };
    let with = |value: &'static [u8]| {
        let all: Vec<Parameter> =
            parameters(query)
                .map(|parameter| {
                    if hides(&parameter) { Parameter { value: Some(value), ..parameter } } else { parameter }
                })
                .collect();
        join(start, &all)
    };
    assert_eq!(*redacted, *with(b"%5B%C3%A9%5D"));
    assert_eq!(redaction.path((&*redacted).into()), redacted, "once is enough");
    for name in &names {
        for value in values(&redacted, name) {
            assert!(*value == *"[é]".as_bytes() || value.is_empty());
        }
    }
    // Whatever the value was, nothing of it is left.
    let planted = with(SECRET);
    let clean = redaction.path((&planted).into());
    assert_eq!(clean, redacted);
    assert!(!contains(&clean, SECRET) || contains(path, SECRET));
});

fn join(start: &[u8], all: &[Parameter]) -> Vec<u8> {
    let mut path = start.to_vec();
    for (index, Parameter { name, value }) in all.iter().enumerate() {
        path.push(if index == 0 { b'?' } else { b'&' });
        path.extend(*name);
        if let Some(value) = value {
            path.push(b'=');
            path.extend(*value);
        }
    }
    path
}

fn unescape(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| (*byte as char).to_digit(16));
    let mut plain = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    plain
}
