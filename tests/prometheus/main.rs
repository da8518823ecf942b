// SPDX-License-Identifier: Apache-2.0
//! What is shipped in `envoy/prometheus/` works: the rules and alerts by Prometheus' own tools, and every query of theirs
//! and of the dashboard in a real Prometheus that scrapes a real Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should say so and end"
)]

mod dashboard;
mod queries;
mod rendered;
mod server;
mod shipped;
mod stage;
mod tools;
