// SPDX-License-Identifier: Apache-2.0
//! What became of a copy: an answer of the shadow, or a failure and its reason.
//!
//! Envoy answers for an upstream that does not, and its answers look like the upstream's. What tells them apart
//! is `x-envoy-upstream-service-time`, which Envoy's router puts on every answer that came from an upstream.
//! To a gRPC request Envoy's own answer is 200 with the failure in `grpc-message`.

use super::Head;

pub const SERVICE_TIME: &str = "x-envoy-upstream-service-time";
pub const GRPC_MESSAGE: &str = "grpc-message";

/// Body, or gRPC message, of the answer that Envoy's router makes at a timeout.
const TIMEOUT_MESSAGE: &[u8] = b"upstream request timeout";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With its status.
    Answered(u16),
    Failed(Failure),
}

/// Why a call that the host took has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No answer's headers came: refused, lost or garbled before.
    Unreachable,
    /// No answer's headers came in time.
    Timeout,
    /// Headers had come, or the answer was over Envoy's limit.
    Reset,
}

/// Why the host did not take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    UnknownCluster,
    /// No healthy endpoint, or an open circuit breaker.
    Rejected,
}

/// Reads one header of an answer.
pub trait HeaderSource {
    fn header(&self, name: &str) -> Option<Vec<u8>>;
}

impl HeaderSource for Head {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        self.get(name).map(<[u8]>::to_vec)
    }
}

impl Outcome {
    /// The outcome of a call that ended without headers.
    pub const NO_HEADERS: Self = Self::Failed(Failure::Reset);

    /// The status of an answer; 0 of a failure.
    pub fn status(self) -> u16 {
        match self {
            Self::Answered(status) => status,
            Self::Failed(_) => 0,
        }
    }

    /// What an answer is. Reads no more headers than it must: each is a call to the host.
    pub fn of(answer: &impl HeaderSource, grpc: bool) -> Self {
        let status = status(answer.header(":status").as_deref());
        let may_be_envoys = status >= 500 || grpc;
        if !may_be_envoys || answer.header(SERVICE_TIME).is_some() {
            return Self::Answered(status);
        }
        match status {
            504 => Self::Failed(Failure::Timeout),
            500.. => Self::Failed(Failure::Unreachable),
            _ => match answer.header(GRPC_MESSAGE) {
                Some(message) if message == TIMEOUT_MESSAGE => Self::Failed(Failure::Timeout),
                Some(_) => Self::Failed(Failure::Unreachable),
                None => Self::Answered(status),
            },
        }
    }
}

/// The time in `x-envoy-upstream-service-time`, in whole milliseconds: from the end of the request to the headers of the answer.
pub fn service_time(value: Option<&[u8]>) -> Option<u64> {
    value.and_then(|value| std::str::from_utf8(value).ok()).and_then(|text| text.parse().ok())
}

/// The status code in a `:status` header; 0, which is in no class of success, if there is none.
pub fn status(value: Option<&[u8]>) -> u16 {
    value.and_then(|value| std::str::from_utf8(value).ok()).and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    struct Answer<'a>(&'a [(&'a str, &'a str)]);

    impl HeaderSource for Answer<'_> {
        fn header(&self, name: &str) -> Option<Vec<u8>> {
            self.0.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes().to_vec())
        }
    }

    fn outcome(headers: &[(&str, &str)], grpc: bool) -> Outcome {
        Outcome::of(&Answer(headers), grpc)
    }

    #[test]
    fn an_answer_of_the_upstream_is_an_answer_whatever_its_status() {
        for (status, code) in [("200", 200), ("404", 404), ("503", 503)] {
            let headers = [(":status", status), (SERVICE_TIME, "3")];
            assert_eq!(outcome(&headers, false), Outcome::Answered(code));
            assert_eq!(outcome(&headers, true), Outcome::Answered(code));
        }
    }

    #[test]
    fn envoys_own_answers_are_failures() {
        for (status, reason) in
            [("502", Failure::Unreachable), ("503", Failure::Unreachable), ("504", Failure::Timeout)]
        {
            assert_eq!(outcome(&[(":status", status)], false), Outcome::Failed(reason));
        }
    }

    #[test]
    fn envoys_own_answers_to_grpc_say_so_in_the_message() {
        let answer =
            |message| outcome(&[(":status", "200"), ("grpc-status", "14"), (GRPC_MESSAGE, message)], true);
        assert_eq!(answer("upstream request timeout"), Outcome::Failed(Failure::Timeout));
        assert_eq!(answer("upstream connect error"), Outcome::Failed(Failure::Unreachable));
    }

    #[test]
    fn a_status_that_is_none_is_a_server_error() {
        for headers in [&[(":status", "abc"), (SERVICE_TIME, "1")][..], &[(SERVICE_TIME, "1")]] {
            assert_eq!(outcome(headers, true), Outcome::Answered(0));
        }
    }
}
