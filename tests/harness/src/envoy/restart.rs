// SPDX-License-Identifier: Apache-2.0

//! Hot restart: a second process takes the listeners over, and the first one drains and ends by itself.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::Envoy;
use crate::bootstrap::Bootstrap;

/// How long the first process lives on, and how much longer it may take to be gone.
const PARENT_SECONDS: u32 = 2;
const PATIENCE: Duration = Duration::from_secs(15);

/// Which process of several this one is.
#[derive(Default)]
pub(super) struct Generation {
    epoch: u32,
    /// What it shares memory and sockets by with the one before; Envoy chooses it for the first.
    base_id: Option<String>,
}

impl Generation {
    /// `directory` takes the id that Envoy chooses.
    pub(super) fn arguments(&self, bootstrap: &Bootstrap, directory: &Path) -> Vec<OsString> {
        if !bootstrap.hot_restart {
            // Several Envoys of one machine would meet in shared memory otherwise.
            return vec!["--disable-hot-restart".into()];
        }
        let mut arguments: Vec<OsString> =
            vec!["--parent-shutdown-time-s".into(), PARENT_SECONDS.to_string().into()];
        match &self.base_id {
            None => {
                arguments.extend(["--use-dynamic-base-id".into(), "--base-id-path".into()]);
                arguments.push(base_id_file(directory).into());
            }
            Some(base_id) => {
                arguments.extend(["--restart-epoch".into(), self.epoch.to_string().into()]);
                arguments.extend(["--base-id".into(), base_id.into()]);
            }
        }
        arguments
    }

    /// Learns what Envoy chose.
    pub(super) fn started(&mut self, bootstrap: &Bootstrap, directory: &Path) -> Result<()> {
        if bootstrap.hot_restart && self.base_id.is_none() {
            let file = base_id_file(directory);
            let text = fs::read_to_string(&file).with_context(|| format!("read {}", file.display()))?;
            self.base_id = Some(text.trim().to_owned());
        }
        Ok(())
    }

    /// The one after this.
    fn next(&self) -> Self {
        Self { epoch: self.epoch + 1, base_id: self.base_id.clone() }
    }
}

impl Drop for Generation {
    /// Envoy leaves its shared memory for a next one.
    fn drop(&mut self) {
        if let Some(base_id) = &self.base_id {
            // Envoy counts in tens, for parts of its own.
            fs::remove_file(format!("/dev/shm/envoy_shared_memory_{base_id}0")).ok();
        }
    }
}

fn base_id_file(directory: &Path) -> PathBuf {
    directory.join("base-id")
}

impl Envoy {
    /// Replaces the process by another with the same bootstrap and the same addresses, and waits until the first one has
    /// ended by itself. The log goes on; the admin interface has another address. An error if the bootstrap did not
    /// [ask for it](Bootstrap::hot_restart).
    pub async fn hot_restart(&mut self) -> Result<()> {
        if !self.bootstrap.hot_restart {
            bail!("call Bootstrap::hot_restart before the start to restart later");
        }
        let mut bootstrap = self.bootstrap.clone();
        bootstrap.ports = self.listeners.iter().map(|(name, at)| (name.clone(), at.port())).collect();
        let generation = self.generation.next();
        let log = self.process.log().clone();
        let (next, ready) = Self::launch_generation(bootstrap, generation, log).await?;
        if !ready {
            bail!("the second Envoy ended before it was ready; the log ends:\n{}", next.process.log().tail());
        }
        let mut first = std::mem::replace(self, next);
        // It is the next one's now.
        first.generation.base_id = None;
        match first.process.await_end(PATIENCE).await? {
            None => bail!("the first Envoy goes on; the log ends:\n{}", self.process.log().tail()),
            Some(status) if !status.success() => {
                bail!("the first Envoy ended with {status}; the log ends:\n{}", self.process.log().tail())
            }
            Some(_) => Ok(()),
        }
    }
}
