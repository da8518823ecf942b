// SPDX-License-Identifier: Apache-2.0
//! How both sides answered, as far as the filter can know, and what a comparison makes of that.

use std::time::Duration;

use super::spec::{BodyRule, Compare};

/// Bodies of answers: the second and the third are the same JSON, the fourth is but for `/a`, the last is over the short limit.
pub const BODIES: [&[u8]; 6] = [
    b"",
    b"{\"a\":1,\"b\":[1,2]}",
    b" {\"b\":[1.0,20e-1],\n\"\\u0061\":1}",
    b"{\"a\":2,\"b\":[1,2]}",
    b"no json",
    &[b'x'; 60],
];

/// The primary's answer.
#[derive(Debug, Clone, Default)]
pub struct Primary {
    /// `None` if it did not begin, or could not be read.
    pub status: Option<u16>,
    /// Of the header `a`.
    pub header: &'static str,
    /// `None` if it could not be read.
    pub body: Option<Vec<u8>>,
    /// In trailers that were read.
    pub grpc: Option<&'static str>,
    /// It ended, and did not break off.
    pub whole: bool,
    /// When the request was read whole.
    pub request_end: Option<Duration>,
    /// When it ended, or broke off.
    pub end: Option<Duration>,
}

impl Primary {
    pub fn is_open(&self) -> bool {
        self.end.is_none()
    }

    pub fn grpc_status(&self) -> &'static str {
        self.grpc.unwrap_or("UNKNOWN")
    }

    /// How long the answer took from the end of the request, or has taken by now. One that never began took no time.
    pub fn took(&self, now: Duration) -> Duration {
        let end = match (self.end, self.status) {
            (Some(_), None) => return Duration::ZERO,
            (Some(end), Some(_)) => end,
            (None, _) => now,
        };
        self.request_end.map_or(Duration::ZERO, |begin| end.saturating_sub(begin))
    }
}

#[derive(Debug, Clone)]
pub enum ShadowEnd {
    Answered {
        status: u16,
        header: &'static str,
        /// `None` if it could not be read.
        body: Option<Vec<u8>>,
        grpc: &'static str,
    },
    Failed(&'static str),
}

/// The result of a comparison, and the kinds of differences.
pub fn compared(
    rules: Compare,
    primary: &Primary,
    shadow: &ShadowEnd,
    grpc: bool,
) -> (&'static str, Vec<&'static str>) {
    let (Some(status), true, ShadowEnd::Answered { status: other, header, body, grpc: name }) =
        (primary.status, primary.whole, shadow)
    else {
        return ("incomparable", Vec::new());
    };
    let mut kinds = Vec::new();
    if status != *other || grpc && primary.grpc_status() != *name {
        kinds.push("status");
    }
    if rules.header && primary.header != *header {
        kinds.push("header");
    }
    let read = |body: &Option<Vec<u8>>| body.clone().filter(|body| body.len() <= rules.max_bytes());
    let same = match (rules.body, read(&primary.body), read(body)) {
        (BodyRule::Off, ..) => Some(true),
        (BodyRule::Bytes, Some(one), Some(other)) => Some(one == other),
        (BodyRule::Json, Some(one), Some(other)) => {
            Some(value(&one, rules.ignores) == value(&other, rules.ignores))
        }
        _ => None,
    };
    if same == Some(false) {
        kinds.push("body");
    }
    match (kinds.is_empty(), same) {
        (false, _) => ("mismatch", kinds),
        (true, None) => ("incomparable", kinds),
        (true, _) => ("match", kinds),
    }
}

/// What stands for all bodies that are the same.
fn value(body: &[u8], ignores: bool) -> &[u8] {
    let index = BODIES.iter().position(|known| *known == body);
    match index {
        Some(2) => BODIES[1],
        Some(3) if ignores => BODIES[1],
        _ => body,
    }
}
