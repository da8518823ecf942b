// SPDX-License-Identifier: Apache-2.0

//! One process that a test needs. Owns its session: what it starts is gone when it is dropped, and when this process dies.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::log::Log;

pub struct Process {
    name: String,
    child: Child,
    log: Log,
    drains: Vec<JoinHandle<()>>,
    /// Envoy ends when its stdin does, if it was started by func-e in a terminal.
    _stdin: Option<ChildStdin>,
}

impl Process {
    /// Starts a program, whose output becomes its [`Log`].
    pub fn spawn(command: Command) -> Result<Self> {
        Self::spawn_into(Log::default(), command)
    }

    /// Likewise, with a log that goes on.
    pub(crate) fn spawn_into(log: Log, mut command: Command) -> Result<Self> {
        let name = command.get_program().display().to_string();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(command)?.with_context(|| format!("start {name}"))?;
        let mut drains = Vec::new();
        drains.extend(child.stdout.take().map(|out| log.drain(out)));
        drains.extend(child.stderr.take().map(|err| log.drain(err)));
        Ok(Self { _stdin: child.stdin.take(), name, child, log, drains })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The status it ended with; its log is complete then.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let status = self.child.try_wait().with_context(|| format!("look after {}", self.name))?;
        if status.is_some() {
            for drain in self.drains.drain(..) {
                drain.join().ok();
            }
        }
        Ok(status)
    }

    /// Asks it to end (SIGTERM) and waits; the status it ended with, if it did.
    pub async fn terminate(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        if let Some(pid) = self.raw_pid() {
            kill_process(pid, Signal::TERM).ok();
        }
        self.await_end(patience).await
    }

    /// Waits for an end that was asked for.
    pub async fn await_end(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.ended()?;
            if status.is_some() || Instant::now() > deadline {
                return Ok(status);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until its log has what is looked for, such as the address that it took.
    pub async fn await_in_log<T>(
        &mut self,
        patience: Duration,
        find: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            let ended = self.ended()?;
            if let Some(found) = find(&self.log.text()) {
                return Ok(found);
            }
            if ended.is_some() || Instant::now() > deadline {
                bail!("{} does not serve ({ended:?}); its log ends:\n{}", self.name, self.log.tail());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn raw_pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let started = descendants(self.pid());
        if let Some(group) = self.raw_pid() {
            kill_process_group(group, Signal::KILL).ok();
        }
        self.child.wait().ok();
        // What it started is not our child, but was killed with it and is about to let go of its ports.
        let deadline = Instant::now() + Duration::from_secs(2);
        while started.iter().any(|pid| is_running(*pid)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The user and system time that a process has used, to a clock tick. Linux only.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let fields = stat(pid)?;
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
    // Fields 14 and 15 of proc_pid_stat(5), counted from the third.
    let (Some(user), Some(system)) = (ticks(11), ticks(12)) else {
        return Err(anyhow!("process {pid} has no times in its stat file"));
    };
    let per_second = rustix::param::clock_ticks_per_second() as f64;
    Ok(Duration::from_secs_f64((user + system) as f64 / per_second))
}

/// Resident memory. Linux only.
pub fn rss_bytes(pid: u32) -> Result<u64> {
    let pages = stat(pid)?
        .get(21)
        .and_then(|field| field.parse::<u64>().ok())
        .ok_or_else(|| anyhow!("process {pid} has no resident set size in its stat file"))?;
    Ok(pages * rustix::param::page_size() as u64)
}

/// The processes that a process started, and those that these started. Linux only.
pub(crate) fn descendants(parent: u32) -> Vec<u32> {
    let parent_of = |pid: u32| stat(pid).ok()?.get(1)?.parse::<u32>().ok();
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let all: Vec<(u32, u32)> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, parent_of(pid)?)))
        .collect();
    let mut found = vec![parent];
    let mut next = 0;
    while let Some(&of) = found.get(next) {
        found.extend(all.iter().filter(|(_, parent)| *parent == of).map(|(pid, _)| *pid));
        next += 1;
    }
    found.split_off(1)
}

/// The fields of /proc/PID/stat after the command's name, which may hold anything.
pub(crate) fn stat(pid: u32) -> Result<Vec<String>> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path)
        .with_context(|| format!("read {path}; this needs Linux and a running process"))?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    Ok(fields.split_ascii_whitespace().map(str::to_owned).collect())
}

/// Whether a process exists and is not a zombie that nobody looked after yet. Linux only.
fn is_running(pid: u32) -> bool {
    stat(pid).is_ok_and(|fields| fields.first().is_some_and(|state| state != "Z"))
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
