// SPDX-License-Identifier: Apache-2.0
//! JSON to exchanges.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::protocol::frames::check;
use crate::protocol::{Answer, Exchange, Header, Malformed, Request};

/// Reads a line. One without an id gets a random one: it may have been written by hand.
///
/// # Errors
/// The line is no exchange.
pub fn from_line(line: &[u8]) -> Result<Exchange, Malformed> {
    let line: Line =
        serde_json::from_slice(line).map_err(|error| Malformed::NotAnExchange(error.to_string()))?;
    let exchange = Exchange {
        mirror: line.mirror,
        id: line.id.0,
        started_unix_us: line.started.0,
        request: Some(Request {
            headers: line.request.headers.into_iter().map(Pair::header).collect(),
            body: line.request.body.0,
            body_bytes_not_captured: line.request.body_bytes_not_captured,
        }),
        answer: line.answer.map(|answer| Answer {
            status: answer.status,
            duration_us: answer.duration_us,
            headers: answer.headers.into_iter().map(Pair::header).collect(),
            body: answer.body.0,
            body_bytes_not_captured: answer.body_bytes_not_captured,
            grpc_status: answer.grpc_status,
            ended_early: answer.ended_early,
        }),
    };
    check(&exchange)?;
    Ok(exchange)
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    mirror: String,
    #[serde(default)]
    id: Hex,
    #[serde(default)]
    started: Started,
    request: Asked,
    answer: Option<Answered>,
}

#[derive(Deserialize)]
struct Asked {
    headers: Vec<Pair>,
    #[serde(default)]
    body: Text,
    #[serde(default)]
    body_bytes_not_captured: u64,
}

#[derive(Deserialize)]
struct Answered {
    status: u32,
    #[serde(default)]
    duration_us: u64,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    body: Text,
    #[serde(default)]
    body_bytes_not_captured: u64,
    grpc_status: Option<u32>,
    #[serde(default)]
    ended_early: bool,
}

#[derive(Deserialize)]
struct Pair(Text, Text);

impl Pair {
    fn header(self) -> Header {
        Header { name: self.0.0, value: self.1.0 }
    }
}

/// A string, or an object with one in base64.
#[derive(Default)]
struct Text(Bytes);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or {\"base64\": …}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Bytes::copy_from_slice(text.as_bytes())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text, E> {
        Ok(Text(text.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        let Some(("base64", text)) = map.next_entry::<&str, String>()? else {
            return Err(Error::custom("expected the key base64"));
        };
        let bytes = BASE64_STANDARD.decode(text).map_err(Error::custom)?;
        Ok(Text(bytes.into()))
    }
}

/// 32 hexadecimal digits.
struct Hex(Bytes);

impl Default for Hex {
    fn default() -> Self {
        Self(fastrand::u128(..).to_be_bytes().to_vec().into())
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        // A UUID may be written with its dashes.
        let digits = text.replace('-', "");
        match u128::from_str_radix(&digits, 16) {
            Ok(id) if digits.len() == 32 => Ok(Self(id.to_be_bytes().to_vec().into())),
            _ => Err(Error::custom("an id has 32 hexadecimal digits")),
        }
    }
}

/// RFC 3339, or microseconds since 1970.
#[derive(Default)]
struct Started(u64);

impl<'de> Deserialize<'de> for Started {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StartedVisitor)
    }
}

struct StartedVisitor;

impl Visitor<'_> for StartedVisitor {
    type Value = Started;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as 2026-08-01T12:00:00.5Z, or microseconds since 1970")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Started, E> {
        let time = humantime::parse_rfc3339(text).map_err(Error::custom)?;
        Ok(Started(micros(time)))
    }

    fn visit_u64<E: Error>(self, micros: u64) -> Result<Started, E> {
        Ok(Started(micros))
    }
}

fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
