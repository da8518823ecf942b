// SPDX-License-Identifier: Apache-2.0
//! Retries of copies, by the headers that Envoy's router obeys and takes away.

use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    headers: Vec<(&'static str, String)>,
}

impl Retry {
    /// So many retries, on Envoy's own names of conditions.
    pub fn new(attempts: u32, on: &[&str], per_try_timeout: Option<Duration>) -> Self {
        let mut headers =
            vec![("x-envoy-max-retries", attempts.to_string()), ("x-envoy-retry-on", on.join(","))];
        if let Some(timeout) = per_try_timeout {
            headers.push(("x-envoy-upstream-rq-per-try-timeout-ms", timeout.as_millis().to_string()));
        }
        Self { headers }
    }

    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }

    /// How many headers it adds at most: a length beside its own.
    pub fn most_added(&self) -> usize {
        self.headers.len() + 1
    }

    /// Upper bound of the bytes that it adds to a serialized header block.
    pub fn most_growth(&self) -> usize {
        let length = "content-length".len() + 1 + 10;
        self.headers().map(|(name, value)| name.len() + value.len() + 10).sum::<usize>() + length
    }
}
