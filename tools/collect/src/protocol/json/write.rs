// SPDX-License-Identifier: Apache-2.0
//! Exchanges to JSON.

use std::fmt::Write;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::protocol::{Answer, Exchange, Header, Request};

/// The last microsecond that a date has four digits for.
const LAST: u64 = 253_402_300_799_999_999;

/// Writes an exchange and a line break.
pub fn write_line(exchange: &Exchange, into: &mut Vec<u8>) {
    // A vector grows as far as it must, and every value has a spelling.
    let _ = serde_json::to_writer(&mut *into, &Line(exchange));
    into.push(b'\n');
}

struct Line<'a>(&'a Exchange);

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Exchange { mirror, id, started_unix_us, request, answer } = self.0;
        let mut map = serializer.serialize_map(None)?;
        if !mirror.is_empty() {
            map.serialize_entry("mirror", mirror)?;
        }
        let hex = id.iter().fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        map.serialize_entry("id", &hex)?;
        if *started_unix_us <= LAST {
            let started = UNIX_EPOCH + Duration::from_micros(*started_unix_us);
            map.serialize_entry("started", &format_args!("{}", humantime::format_rfc3339_micros(started)))?;
        } else {
            map.serialize_entry("started", started_unix_us)?;
        }
        if let Some(request) = request {
            map.serialize_entry("request", &Asked(request))?;
        }
        if let Some(answer) = answer {
            map.serialize_entry("answer", &Answered(answer))?;
        }
        map.end()
    }
}

struct Asked<'a>(&'a Request);

impl Serialize for Asked<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Request { headers, body, body_bytes_not_captured } = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("headers", &Pairs(headers))?;
        body_of::<S>(&mut map, body, *body_bytes_not_captured)?;
        map.end()
    }
}

struct Answered<'a>(&'a Answer);

impl Serialize for Answered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Answer { status, duration_us, headers, body, body_bytes_not_captured, grpc_status, ended_early } =
            self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("status", status)?;
        map.serialize_entry("duration_us", duration_us)?;
        if let Some(status) = grpc_status {
            map.serialize_entry("grpc_status", status)?;
        }
        if *ended_early {
            map.serialize_entry("ended_early", ended_early)?;
        }
        if !headers.is_empty() {
            map.serialize_entry("headers", &Pairs(headers))?;
        }
        body_of::<S>(&mut map, body, *body_bytes_not_captured)?;
        map.end()
    }
}

fn body_of<S: Serializer>(map: &mut S::SerializeMap, body: &[u8], missing: u64) -> Result<(), S::Error> {
    if !body.is_empty() {
        map.serialize_entry("body", &Text(body))?;
    }
    if missing > 0 {
        map.serialize_entry("body_bytes_not_captured", &missing)?;
    }
    Ok(())
}

struct Pairs<'a>(&'a [Header]);

impl Serialize for Pairs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for header in self.0 {
            list.serialize_element(&(Text(&header.name), Text(&header.value)))?;
        }
        list.end()
    }
}

struct Text<'a>(&'a [u8]);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("base64", &BASE64_STANDARD.encode(self.0))?;
                map.end()
            }
        }
    }
}
