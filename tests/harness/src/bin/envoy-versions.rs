// SPDX-License-Identifier: Apache-2.0
//! Runs the real-Envoy tests on several versions of Envoy, one after the other, and says what came of it.
//! `cargo envoy-versions` takes all that are listed, `cargo envoy-versions 1.36.4` those that are named, `oldest` the oldest.

use std::env;
use std::fs;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use harness::envoy::binary;

fn main() -> Result<ExitCode> {
    let mut versions = binary::versions()?;
    let wanted: Vec<String> = env::args().skip(1).collect();
    match wanted.as_slice() {
        [] => {}
        [one] if one == "oldest" => versions.truncate(1),
        named => versions = named.to_vec(),
    }
    if let Some(odd) =
        versions.iter().find(|version| !version.starts_with(|first: char| first.is_ascii_digit()))
    {
        bail!(
            "{odd} is no version. Usage: cargo envoy-versions [oldest | VERSION…]; without any, {versions:?}"
        );
    }
    let mut ran = Vec::new();
    for version in versions {
        eprintln!("the real-Envoy tests on Envoy {version}");
        ran.push(match usable(&version) {
            Ok(()) => Run::of(version)?,
            Err(error) => Run::without(version, &error),
        });
    }
    println!("| Envoy | tests | |\n|---|---|---|");
    ran.iter().for_each(|run| println!("| {} | {} | {} s |", run.version, run.said, run.took.as_secs()));
    Ok(if ran.iter().all(|run| run.passed) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An error where there is no such Envoy, or where it cannot load the filter: every test would say so, at length.
fn usable(version: &str) -> Result<()> {
    let envoy = binary::of(version)?;
    let shipped = fs::read_to_string(harness::root().join("envoy/envoy.yaml"))?;
    let module = harness::wasm::module()?.display().to_string();
    let bootstrap = harness::wasm::target_dir().join("envoy-versions.yaml");
    fs::write(&bootstrap, shipped.replace("target/wasm32-wasip1/release/shadow_filter.wasm", &module))?;
    let output = Command::new(envoy)
        .args(["--mode", "validate", "--disable-hot-restart", "--log-level", "warning", "-c"])
        .arg(&bootstrap)
        .output()
        .context("run Envoy")?;
    let said = String::from_utf8_lossy(&output.stderr);
    let faults: Vec<_> = said.lines().filter(|line| !line.contains("Deprecated field")).collect();
    ensure!(output.status.success(), "this Envoy does not take envoy/envoy.yaml:\n{}", faults.join("\n"));
    Ok(())
}

struct Run {
    version: String,
    passed: bool,
    /// The end of what the tests said: how many passed.
    said: String,
    took: Duration,
}

impl Run {
    /// None, as this version is of no use.
    fn without(version: String, why: &anyhow::Error) -> Self {
        eprintln!("{why:#}");
        Self { version, passed: false, said: "none ran".to_owned(), took: Duration::ZERO }
    }

    /// Shows what the tests write as they run only where some fail.
    fn of(version: String) -> Result<Self> {
        let started = Instant::now();
        let output = harness::wasm::cargo()
            .args(["test", "--quiet", "--package", "shadow-filter", "--test", "envoy"])
            .current_dir(harness::root())
            .env("ENVOY_VERSION", &version)
            // It would win over the version.
            .env_remove("ENVOY_PATH")
            .stdin(Stdio::null())
            .output()
            .context("run cargo")?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            eprint!("{text}{}", String::from_utf8_lossy(&output.stderr));
        }
        let said =
            text.lines().rev().find_map(|line| line.strip_prefix("test result: ")).unwrap_or("none ran");
        let said = said.split("; 0 ignored").next().unwrap_or(said).to_owned();
        Ok(Self { version, passed: output.status.success(), said, took: started.elapsed() })
    }
}
