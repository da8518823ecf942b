// SPDX-License-Identifier: Apache-2.0
//! `prometheus` and `promtool`, wherever they are on PATH. They are not skipped where they are missing.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

pub fn find(name: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file()).with_context(
        || {
            format!(
                "no {name} on PATH. Get it by `apt-get install prometheus`, or from Prometheus' own releases"
            )
        },
    )
}

/// Runs promtool in `envoy/prometheus/`, an error with all that it said if it fails.
pub fn promtool(arguments: &[&str]) -> Result<()> {
    let output = Command::new(find("promtool")?)
        .args(arguments)
        .current_dir(directory())
        .output()
        .context("run promtool")?;
    let said = [output.stdout, output.stderr].concat();
    ensure!(output.status.success(), "promtool {}: {}", arguments.join(" "), String::from_utf8_lossy(&said));
    Ok(())
}

/// Where the files under test are.
pub fn directory() -> PathBuf {
    harness::root().join("envoy/prometheus")
}
