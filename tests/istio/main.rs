// SPDX-License-Identifier: Apache-2.0
//! The filter under a real Istio control plane, without a cluster: etcd, kube-apiserver, istiod with its webhook, a
//! registry, pilot-agents and stock Envoys, all on free ports of 127.0.0.1. `cargo istio` runs it; it builds the control plane
//! once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should say so and end"
)]

mod broken;
mod control_plane;
mod elsewhere;
mod free;
mod gateway;
mod images;
mod kubectl;
mod load;
mod manifest;
mod manifests;
mod metrics;
mod private;
mod proxy;
mod shop;
mod shown;
mod sidecar;
mod tools;
mod updates;
mod world;

use std::fs;
use std::path::PathBuf;
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use libtest_mimic::{Arguments, Conclusion, Trial};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::signal::ctrl_c;

use self::world::World;

fn main() -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    // They share one control plane, and what one changes there reaches all proxies.
    arguments.test_threads = Some(1);
    if arguments.list {
        return Ok(libtest_mimic::run(
            &arguments,
            shown::TESTS.iter().map(|(name, _)| listed(name)).collect(),
        )
        .exit_code());
    }
    let started = Instant::now();
    let runtime = Arc::new(Runtime::new()?);
    let directory = TempDir::new()?;
    runtime.spawn(tidy_up_when_interrupted(directory.path().to_owned()));
    let world = Arc::new(runtime.block_on(World::start(directory.path()))?);
    eprintln!("istio: the control plane serves, {:.1} s\n", started.elapsed().as_secs_f64());
    let trials = shown::TESTS.iter().map(|(name, test)| {
        let (runtime, world) = (runtime.clone(), world.clone());
        Trial::test(*name, move || {
            runtime.block_on(test(&world)).map_err(|error| format!("{error:#}").into())
        })
    });
    let conclusion: Conclusion = libtest_mimic::run(&arguments, trials.collect());
    if conclusion.has_failed() {
        eprintln!("istiod's log ends:\n{}", world.plane.log_tail());
    }
    if let Some(world) = Arc::into_inner(world) {
        runtime.block_on(world.stop())?;
    }
    Ok(conclusion.exit_code())
}

/// Ctrl-C ends this process and with it all that it started, but would leave etcd's files, 130 MB.
async fn tidy_up_when_interrupted(directory: PathBuf) {
    const INTERRUPTED: i32 = 130;
    if ctrl_c().await.is_ok() {
        fs::remove_dir_all(directory).ok();
        exit(INTERRUPTED);
    }
}

fn listed(name: &'static str) -> Trial {
    Trial::test(name, || Ok(()))
}
