// SPDX-License-Identifier: Apache-2.0
//! A request or an answer as text that is the same for two exchanges if and only if they are, apart from what differs
//! between any two exchanges.

use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::{Error, Result};
use harness::client::{Cut, Headers, Response};
use harness::recording::Recorded;

/// Made by Envoy for each exchange, or by its clock: only the name is compared.
const MOMENTARY: [&str; 2] = ["date", "x-request-id"];
/// Envoy leaves it out where the answer came before the request was over, which is a race.
const AT_TIMES: &str = "x-envoy-upstream-service-time";
/// Longer bodies are told apart by a hash.
const SHORT: usize = 200;

pub fn request(request: &Recorded) -> String {
    let Recorded { method, path, authority, scheme, version, headers, body, trailers, complete, .. } =
        request;
    let head = if request.raw_head.is_empty() { sorted(headers) } else { raw(&request.raw_head) };
    format!(
        "{} {} {authority:?} {scheme:?} {version:?} complete: {complete}\n{head}body: {}\ntrailers:\n{}",
        method.escape_debug(),
        path.escape_debug(),
        brief(body),
        sorted(trailers),
    )
}

pub fn response(result: &Result<Response>) -> String {
    match result {
        Ok(response) => {
            let Response { status, version, headers, body, trailers, raw_head } = response;
            let head = if raw_head.is_empty() { sorted(headers) } else { raw(raw_head) };
            format!("{status} {version:?}\n{head}body: {}\ntrailers:\n{}", brief(body), sorted(trailers))
        }
        Err(error) => failed(error),
    }
}

/// The kind of a failure: its words have ports and times in them. How much of an answer came before it broke off depends
/// on how fast it was read.
pub fn failed(error: &Error) -> String {
    match error.downcast_ref::<Cut>() {
        Some(cut) => format!("cut: {} {}", cut.partial.status, sorted(&cut.partial.headers)),
        None if format!("{error:#}").contains("waited") => "no answer in time".to_owned(),
        None => "connection ended".to_owned(),
    }
}

fn raw(head: &[u8]) -> String {
    let lines = head.split(|byte| *byte == b'\n').map(|line| line.escape_ascii().to_string());
    let lines = lines.filter(|line| !line.is_empty()).map(|line| {
        let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
        match name.as_str() {
            AT_TIMES => String::new(),
            name if MOMENTARY.contains(&name) => format!("{name}\n"),
            _ => line + "\n",
        }
    });
    lines.collect()
}

/// In HTTP/2 headers of different names have no order.
fn sorted(headers: &Headers) -> String {
    let mut all: Vec<_> = headers.iter().filter(|(name, _)| name != AT_TIMES.as_bytes()).collect();
    all.sort_by_key(|(name, _)| name.clone());
    let line = |(name, value): &(Vec<u8>, Vec<u8>)| {
        let name = name.escape_ascii().to_string();
        match MOMENTARY.contains(&name.as_str()) {
            true => format!("{name}\n"),
            false => format!("{name}: {}\n", value.escape_ascii()),
        }
    };
    all.into_iter().map(line).collect()
}

fn brief(body: &[u8]) -> String {
    if body.len() <= SHORT {
        return body.escape_ascii().to_string();
    }
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("{} bytes, hash {:x}", body.len(), hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: &[u8]) -> Response {
        Response {
            status: 200,
            version: http_version(),
            headers: vec![(b"date".to_vec(), b"now".to_vec()), (b"x-a".to_vec(), value.to_vec())],
            body: vec![b'x'; 300],
            trailers: Headers::new(),
            raw_head: Vec::new(),
        }
    }

    fn http_version() -> http::Version {
        http::Version::HTTP_2
    }

    #[test]
    fn one_byte_of_a_header_makes_a_difference_and_the_date_makes_none() {
        let mut later = answer(b"1");
        later.headers[0].1 = b"later".to_vec();
        assert_eq!(response(&Ok(answer(b"1"))), response(&Ok(later)));
        assert_ne!(response(&Ok(answer(b"1"))), response(&Ok(answer(b"2"))));
        let mut longer = answer(b"1");
        longer.body[299] = b'y';
        assert_ne!(response(&Ok(answer(b"1"))), response(&Ok(longer)));
    }
}
