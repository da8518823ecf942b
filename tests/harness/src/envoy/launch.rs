// SPDX-License-Identifier: Apache-2.0

//! Starting Envoy, or seeing it refuse to.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use hyper::StatusCode;
use tempfile::TempDir;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::admin::Admin;
use super::clock::Clock;
use super::process::Process;
use super::restart::Generation;
use super::{Envoy, PAUSE, binary};
use crate::bootstrap::Bootstrap;
use crate::log::Log;

/// Compiling the module for each worker takes a while on a busy machine.
const START: Duration = Duration::from_secs(60);

/// What `envoy --mode validate` said.
#[derive(Debug)]
pub struct Validation {
    pub ok: bool,
    pub log: String,
}

impl Envoy {
    /// Starts Envoy and waits until it serves. The error of one that does not get there holds the end of its log.
    pub async fn start(bootstrap: Bootstrap) -> Result<Self> {
        let (envoy, ready) = Self::launch(bootstrap).await?;
        match ready {
            true => Ok(envoy),
            false => bail!("Envoy ended before it was ready; its log ends:\n{}", envoy.process.log().tail()),
        }
    }

    /// Starts an Envoy that should give up by itself, and hands over its log.
    pub async fn start_expecting_refusal(bootstrap: Bootstrap) -> Result<String> {
        let (envoy, ready) = Self::launch(bootstrap).await?;
        match ready {
            true => bail!(
                "Envoy started, though it should have refused; its log ends:\n{}",
                envoy.process.log().tail()
            ),
            false => Ok(envoy.log()),
        }
    }

    /// Lets Envoy check a bootstrap without serving it.
    pub async fn validate(bootstrap: Bootstrap) -> Result<Validation> {
        spawn_blocking(move || {
            let files = Files::write(&bootstrap)?;
            let output = Command::new(&files.envoy)
                .args(["--mode", "validate", "-c"])
                .arg(&files.bootstrap)
                .arg("--disable-hot-restart")
                .output()
                .context("run envoy --mode validate")?;
            let log = [output.stdout, output.stderr].concat();
            Ok(Validation { ok: output.status.success(), log: String::from_utf8_lossy(&log).into_owned() })
        })
        .await?
    }

    /// False if it ended before it was ready.
    async fn launch(bootstrap: Bootstrap) -> Result<(Self, bool)> {
        Self::launch_generation(bootstrap, Generation::default(), Log::default()).await
    }

    /// Likewise, of the processes that follow each other by hot restart; the log goes on.
    pub(super) async fn launch_generation(
        bootstrap: Bootstrap,
        generation: Generation,
        log: Log,
    ) -> Result<(Self, bool)> {
        let (bootstrap, files, clock) = spawn_blocking(move || {
            let files = Files::write(&bootstrap)?;
            let clock = match bootstrap.own_clock {
                true => Some(Clock::new(files.directory.path())?),
                false => None,
            };
            anyhow::Ok((bootstrap, files, clock))
        })
        .await??;
        let directory = files.directory.path();
        let admin_file = directory.join("admin");
        let mut arguments = arguments(&bootstrap, &files.bootstrap, &admin_file);
        arguments.extend(generation.arguments(&bootstrap, directory));
        let process = Process::start(&files.envoy, arguments, directory, clock.as_ref(), log)?;
        let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut envoy = Self {
            process,
            bootstrap,
            admin: Admin(unknown),
            listeners: BTreeMap::new(),
            pid: 0,
            clock,
            generation,
            directory: files.directory,
        };
        let ready = envoy.await_ready(&admin_file).await?;
        if ready {
            envoy.pid = envoy.process.envoy_pid()?;
            envoy.learn_listeners().await?;
            envoy.generation.started(&envoy.bootstrap, envoy.directory.path())?;
        }
        Ok((envoy, ready))
    }

    async fn await_ready(&mut self, admin_file: &Path) -> Result<bool> {
        let deadline = Instant::now() + START;
        loop {
            if self.process.ended()?.is_some() {
                return Ok(false);
            }
            if let Some(address) =
                fs::read_to_string(admin_file).ok().and_then(|text| text.trim().parse().ok())
            {
                self.admin = Admin(address);
                if self.admin.status("/ready").await.is_ok_and(|status| status == StatusCode::OK) {
                    return Ok(true);
                }
            }
            if Instant::now() > deadline {
                let log = self.process.log().tail();
                return Err(anyhow!("Envoy was not ready after {} s; its log ends:\n{log}", START.as_secs()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What has to be there before Envoy can start.
struct Files {
    envoy: PathBuf,
    directory: TempDir,
    bootstrap: PathBuf,
}

impl Files {
    fn write(bootstrap: &Bootstrap) -> Result<Self> {
        let envoy = binary::find()?;
        let directory = tempfile::Builder::new().prefix("shadow-filter-").tempdir()?;
        let rendered = bootstrap.render(directory.path())?;
        rendered.bootstrap.write()?;
        if let Some(listeners) = rendered.listeners {
            listeners.write()?;
        }
        Ok(Self { envoy, directory, bootstrap: rendered.bootstrap.path })
    }
}

fn arguments(bootstrap: &Bootstrap, file: &Path, admin_file: &Path) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["-c".into(), file.into()];
    arguments.extend(["--admin-address-path".into(), admin_file.into()]);
    arguments.extend(["--concurrency".into(), bootstrap.concurrency.to_string().into()]);
    arguments.extend(["--log-level".into(), OsString::from(&bootstrap.log_level)]);
    if let Some(seconds) = bootstrap.drain_seconds {
        arguments.extend(["--drain-time-s".into(), seconds.to_string().into()]);
        // As Istio does: each connection is told with its next answer, not only by the end of the time.
        arguments.extend(["--drain-strategy".into(), "immediate".into()]);
    }
    arguments
}
