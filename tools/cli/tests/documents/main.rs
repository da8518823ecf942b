// SPDX-License-Identifier: Apache-2.0
//! What documents say of the program is what it does: the README, the alerts, the dashboard and the gates.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test's helpers fail the test")]

mod collector;
mod limits;
mod readme;
mod words;
