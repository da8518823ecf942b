// SPDX-License-Identifier: Apache-2.0

//! A real Envoy, started for one test and gone with it. Owns the process, its files and what can be asked of it from
//! outside; refuses to know what the filter does.

mod admin;
pub mod binary;
mod clock;
mod launch;
mod listeners;
mod observe;
mod process;
mod restart;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use self::admin::Admin;
use self::clock::Clock;
pub use self::launch::Validation;
pub use self::listeners::Update;
use self::process::Process;
use self::restart::Generation;
use crate::bootstrap::{Bootstrap, INGRESS};

/// How long anything is waited for, unless the caller says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two looks at what is waited for.
const PAUSE: Duration = Duration::from_millis(20);

/// A running Envoy. Dropping it kills it, and shows the end of its log if a test is failing.
pub struct Envoy {
    process: Process,
    bootstrap: Bootstrap,
    admin: Admin,
    listeners: BTreeMap<String, SocketAddr>,
    pid: u32,
    clock: Option<Clock>,
    generation: Generation,
    directory: TempDir,
}

impl Envoy {
    /// The address of the listener `ingress`.
    pub fn address(&self) -> SocketAddr {
        self.address_of(INGRESS)
    }

    /// The address of a listener. Panics if there is none of that name.
    pub fn address_of(&self, listener: &str) -> SocketAddr {
        *self
            .listeners
            .get(listener)
            .unwrap_or_else(|| panic!("no listener {listener}, only {:?}", self.listeners))
    }

    /// The address of the admin interface.
    pub fn admin(&self) -> SocketAddr {
        self.admin.0
    }

    /// The body of the admin's answer, an error if it is not a success.
    pub async fn admin_get(&self, path: &str) -> Result<String> {
        self.admin.get(path).await
    }

    /// Likewise for the paths that change something.
    pub async fn admin_post(&self, path: &str) -> Result<String> {
        self.admin.post(path).await
    }

    /// Lets the listeners refuse new connections, at once.
    pub async fn drain_listeners(&self) -> Result<()> {
        self.admin_post("/drain_listeners").await.map(drop)
    }

    /// Ends Envoy the way an operator does and hands over its log, an error if it does not end or ends badly.
    pub async fn shutdown(mut self) -> Result<String> {
        self.admin_post("/quitquitquit").await?;
        match self.process.await_end(PATIENCE).await? {
            None => bail!("Envoy did not end {} s after /quitquitquit", PATIENCE.as_secs()),
            Some(status) if !status.success() => {
                bail!("Envoy ended with {status}:\n{}", self.process.log().tail())
            }
            Some(_) => Ok(self.log()),
        }
    }

    /// The process id of Envoy itself, also where func-e launched it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// User and system time so far. Linux only.
    pub fn cpu_time(&self) -> Result<Duration> {
        crate::process::cpu_time(self.pid)
    }

    /// Resident memory now. Linux only.
    pub fn rss_bytes(&self) -> Result<u64> {
        crate::process::rss_bytes(self.pid)
    }

    /// Everything that Envoy wrote so far (its last 50,000 lines).
    pub fn log(&self) -> String {
        self.process.log().text()
    }

    /// The number of lines in the log that contain `substring`.
    pub fn log_count(&self, substring: &str) -> usize {
        self.process.log().count(substring)
    }

    /// Waits until the log has a line with `substring`.
    pub async fn await_log(&self, substring: &str) -> Result<()> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while self.log_count(substring) == 0 {
            if tokio::time::Instant::now() > deadline {
                bail!("no \"{substring}\" in Envoy's log, which ends:\n{}", self.process.log().tail());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn learn_listeners(&mut self) -> Result<()> {
        self.listeners = listeners::addresses(self.admin).await.context("ask Envoy for its listeners")?;
        Ok(())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("Envoy's log ends:\n{}", self.process.log().tail());
        }
    }
}
