// SPDX-License-Identifier: Apache-2.0
//! What only a real Envoy can show. One module per theme, one binary so that it links once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should say so and end"
)]

mod bench;
mod compare;
mod configuration;
mod control;
mod copy;
mod failures;
mod grpc;
mod hostile;
mod lifecycle;
mod metrics;
mod policy;
mod pools;
mod primary;
mod primary_end;
mod sampled;
mod ten_thousand;
