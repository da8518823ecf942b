// SPDX-License-Identifier: Apache-2.0
//! How exchanges are written down.

use bytes::Bytes;
use clap::ValueEnum;

use crate::protocol::{Exchange, write_frame, write_line};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line of JSON for each exchange
    #[default]
    Ndjson,
    /// Length-delimited protobuf, as proto/shadowfilter/v1/exchange.proto has it
    Protobuf,
}

impl Format {
    /// The ending of a file's name, compression apart.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Protobuf => "pb",
        }
    }

    /// The format that a file's name tells.
    pub fn of_name(name: &str) -> Option<Self> {
        let name =
            [".open", ".zst", ".gz"].iter().fold(name, |name, end| name.strip_suffix(end).unwrap_or(name));
        match name.rsplit_once('.')?.1 {
            "ndjson" | "jsonl" | "json" => Some(Self::Ndjson),
            "pb" | "protobuf" => Some(Self::Protobuf),
            _ => None,
        }
    }

    /// An exchange as it stands in a file. `frame` is its frame, where it came in one.
    pub fn spell(self, exchange: &Exchange, frame: Option<&Bytes>) -> Bytes {
        let mut bytes = Vec::new();
        match (self, frame) {
            (Self::Protobuf, Some(frame)) => return frame.clone(),
            (Self::Protobuf, None) => write_frame(exchange, &mut bytes),
            (Self::Ndjson, _) => write_line(exchange, &mut bytes),
        }
        bytes.into()
    }
}
