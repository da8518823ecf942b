// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter verdict` in front of a real Envoy, a real Prometheus and a real browser, and the gates that are shipped
//! with it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helpers fail the test"
)]

mod browser;
mod envoy;
mod gates;
mod monitoring;
mod scenarios;
mod serving;

use std::process::Stdio;

use anyhow::{Context, Result};
use serde_json::Value;

/// How the program ended, and what it said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("{self:?}"))
    }
}

/// Runs the program as a user would.
async fn verdict(arguments: &[&str]) -> Result<Said> {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_shadow-filter"));
    command.arg("verdict").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = command.output().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) })
}
