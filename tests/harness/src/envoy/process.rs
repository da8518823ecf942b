// SPDX-License-Identifier: Apache-2.0

//! One Envoy process, perhaps behind func-e. Owns its session: what it starts is gone when it is dropped, and when
//! this process dies.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};

use super::binary;
use super::log::Log;

pub(super) struct Process {
    child: Child,
    through_func_e: bool,
    log: Log,
    drains: Vec<JoinHandle<()>>,
    /// Envoy ends when its stdin does, if it was started by func-e in a terminal.
    _stdin: Option<ChildStdin>,
}

impl Process {
    /// `home` takes what func-e writes: its logs, its runtime files, its configuration.
    pub(super) fn start(envoy: &Path, arguments: Vec<OsString>, home: &Path) -> Result<Self> {
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
        command
            .args(arguments)
            .current_dir(home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = spawn(command)?.with_context(|| format!("start {}", envoy.display()))?;
        let log = Log::default();
        let mut drains = Vec::new();
        drains.extend(child.stdout.take().map(|out| log.drain(out)));
        drains.extend(child.stderr.take().map(|err| log.drain(err)));
        Ok(Self { _stdin: child.stdin.take(), child, through_func_e, log, drains })
    }

    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// The status it ended with; its log is complete then.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait().context("look after Envoy")?;
        if status.is_some() {
            for drain in self.drains.drain(..) {
                drain.join().ok();
            }
        }
        Ok(status)
    }

    /// Envoy's own process id, func-e's child where there is one.
    pub(super) fn envoy_pid(&self) -> Result<u32> {
        let pid = self.child.id();
        if !self.through_func_e {
            return Ok(pid);
        }
        child_of(pid).ok_or_else(|| anyhow!("func-e (process {pid}) has no child; did Envoy end?"))
    }

    fn kill(&mut self) {
        let envoy = self.envoy_pid();
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.wait().ok();
        // Behind func-e Envoy is not our child, but it was killed with it and is about to let go of its ports.
        let deadline = Instant::now() + Duration::from_secs(2);
        while envoy.as_ref().is_ok_and(|pid| is_running(*pid)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits for an end that was asked for.
    pub(super) async fn await_end(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

/// The user and system time that a process has used, in units of 1 / clock ticks per second.
pub(super) fn cpu_time(pid: u32) -> Result<Duration> {
    let fields = stat(pid)?;
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    // Fields 14 and 15 of proc_pid_stat(5), counted from the third.
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        return Err(anyhow!("process {pid} has no times in its stat file"));
    };
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(Duration::from_secs_f64((user + system) as f64 / per_second))
}

/// Resident memory.
pub(super) fn rss_bytes(pid: u32) -> Result<u64> {
    let pages = stat(pid)?
        .get(21)
        .and_then(|field| field.parse::<u64>().ok())
        .ok_or_else(|| anyhow!("process {pid} has no resident set size in its stat file"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// Whether a process exists and is not a zombie that nobody looked after yet. Linux only.
fn is_running(pid: u32) -> bool {
    stat(pid).is_ok_and(|fields| fields.first().is_some_and(|state| state != "Z"))
}

/// The fields of /proc/PID/stat after the command's name, which may hold anything.
fn stat(pid: u32) -> Result<Vec<String>> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path)
        .with_context(|| format!("read {path}; this needs Linux and a running Envoy"))?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

fn child_of(parent: u32) -> Option<u32> {
    let parent = parent.to_string();
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| stat(*pid).is_ok_and(|fields| fields.get(1) == Some(&parent)))
}

/// Spawns on a thread that lives as long as this process. The kernel sends a parent-death signal when the *thread* that
/// forked is gone, and test threads and tokio's blocking threads come and go.
fn spawn(command: Command) -> Result<io::Result<Child>> {
    type Order = (Command, Sender<io::Result<Child>>);
    static LAUNCHER: OnceLock<Sender<Order>> = OnceLock::new();
    let launcher = LAUNCHER.get_or_init(|| {
        let (sender, orders) = mpsc::channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in orders {
                reply.send(in_own_session(&mut command).spawn()).ok();
            }
        });
        sender
    });
    let (reply, child) = mpsc::channel();
    launcher.send((command, reply)).map_err(|_| anyhow!("the thread that starts processes is gone"))?;
    child.recv().context("the thread that starts processes is gone")
}

fn in_own_session(command: &mut Command) -> &mut Command {
    let prepare = || {
        rustix::process::setsid()?;
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and nothing else; it does not allocate.
    unsafe { command.pre_exec(prepare) }
}
