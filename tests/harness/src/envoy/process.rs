// SPDX-License-Identifier: Apache-2.0

//! One Envoy process, perhaps behind func-e.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::binary;
use super::clock::Clock;
use crate::log::Log;
use crate::process;

pub(super) struct Process {
    process: process::Process,
    through_func_e: bool,
}

impl Process {
    /// `home` takes what func-e writes: its logs, its runtime files, its configuration.
    pub(super) fn start(
        envoy: &Path,
        arguments: Vec<OsString>,
        home: &Path,
        clock: Option<&Clock>,
        log: Log,
    ) -> Result<Self> {
        let func_e = binary::func_e();
        let through_func_e = func_e.is_some();
        let mut command = match func_e {
            Some(func_e) => {
                let mut command = Command::new(func_e);
                command
                    .arg("run")
                    .env("ENVOY_PATH", envoy)
                    .env("FUNC_E_STATE_HOME", home.join("state"))
                    .env("FUNC_E_RUNTIME_DIR", home.join("runtime"))
                    .env("FUNC_E_CONFIG_HOME", home.join("config"));
                command
            }
            None => Command::new(envoy),
        };
        command.args(arguments).current_dir(home);
        command.envs(clock.into_iter().flat_map(Clock::environment));
        Ok(Self { process: process::Process::spawn_into(log, command)?, through_func_e })
    }

    pub(super) fn log(&self) -> &Log {
        self.process.log()
    }

    /// The status it ended with; its log is complete then.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// Waits for an end that was asked for.
    pub(super) async fn await_end(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        self.process.await_end(patience).await
    }

    /// Envoy's own process id, func-e's child where there is one.
    pub(super) fn envoy_pid(&self) -> Result<u32> {
        let pid = self.process.pid();
        if !self.through_func_e {
            return Ok(pid);
        }
        let child = process::descendants(pid).first().copied();
        child.ok_or_else(|| anyhow!("func-e (process {pid}) has no child; did Envoy end?"))
    }
}
