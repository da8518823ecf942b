// SPDX-License-Identifier: Apache-2.0
//! HTTP values and their readers: header blocks, queries, cookies, encodings, the outcome of a call. Knows no other room.

mod block;
pub mod cookies;
pub mod encoding;
mod forwarding;
mod grpc;
mod head;
pub mod host;
mod outcome;
pub mod query;
pub mod reserved;

pub use self::block::{EditedBlock, Fate, block};
pub use self::forwarding::{Forwarded, RESPONSE_CODE, RESPONSE_CODE_DETAILS, UPSTREAM_ADDRESS, forwarded};
pub use self::grpc::{GRPC_STATUS, GrpcStatus, is_grpc};
#[cfg(test)]
pub(crate) use self::head::tests;
pub use self::head::{Head, Headers, lists, tokens};
pub use self::outcome::{Failure, HeaderSource, Outcome, Refusal, SERVICE_TIME, service_time, status};
pub use self::reserved::MARKER;
