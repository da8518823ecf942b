// SPDX-License-Identifier: Apache-2.0
//! gRPC as far as it is told apart from other HTTP: its requests, and the status of its answers.

use super::Head;

/// The header or trailer with the status of an answer.
pub const GRPC_STATUS: &str = "grpc-status";

/// The status of a gRPC call ([the list](https://grpc.io/docs/guides/status-codes/)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrpcStatus {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl GrpcStatus {
    /// Each with its name, in the order of their codes from 0.
    pub const ALL: [(Self, &str); 17] = [
        (Self::Ok, "OK"),
        (Self::Cancelled, "CANCELLED"),
        (Self::Unknown, "UNKNOWN"),
        (Self::InvalidArgument, "INVALID_ARGUMENT"),
        (Self::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        (Self::NotFound, "NOT_FOUND"),
        (Self::AlreadyExists, "ALREADY_EXISTS"),
        (Self::PermissionDenied, "PERMISSION_DENIED"),
        (Self::ResourceExhausted, "RESOURCE_EXHAUSTED"),
        (Self::FailedPrecondition, "FAILED_PRECONDITION"),
        (Self::Aborted, "ABORTED"),
        (Self::OutOfRange, "OUT_OF_RANGE"),
        (Self::Unimplemented, "UNIMPLEMENTED"),
        (Self::Internal, "INTERNAL"),
        (Self::Unavailable, "UNAVAILABLE"),
        (Self::DataLoss, "DATA_LOSS"),
        (Self::Unauthenticated, "UNAUTHENTICATED"),
    ];

    /// Reads a `grpc-status`. What is no code of the list is unknown.
    pub fn parse(value: &[u8]) -> Self {
        let code = std::str::from_utf8(value).ok().and_then(|text| text.parse::<usize>().ok());
        code.and_then(|code| Self::ALL.get(code)).map_or(Self::Unknown, |(status, _)| *status)
    }

    pub fn name(self) -> &'static str {
        Self::ALL.get(self as usize).map_or("UNKNOWN", |(_, name)| name)
    }
}

/// Whether a request is one of gRPC, as Envoy tells: `application/grpc`, alone or followed by `+`.
pub fn is_grpc(request: &Head) -> bool {
    let rest = request.get("content-type").and_then(|value| value.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    #[test]
    fn codes_are_those_of_the_list() {
        for (code, (status, name)) in GrpcStatus::ALL.into_iter().enumerate() {
            assert_eq!(GrpcStatus::parse(code.to_string().as_bytes()), status);
            assert_eq!((status as usize, status.name()), (code, name));
        }
        for odd in [&b""[..], b"17", b"-1", b"x", b"99999999999999999999", b"\xff"] {
            assert_eq!(GrpcStatus::parse(odd), GrpcStatus::Unknown);
        }
    }
}
