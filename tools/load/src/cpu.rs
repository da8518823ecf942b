// SPDX-License-Identifier: Apache-2.0
//! Processor time, from the kernel's own books, and who may run where. Linux only.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_setaffinity};

/// Time that all threads of a process were on a processor. To the nanosecond, unlike the ticks of /proc/PID/stat.
pub fn of_process(pid: u32) -> Result<Duration> {
    threads(pid)?.into_iter().map(|thread| Ok(times(pid, thread)?[0])).sum()
}

/// The same for those of its threads whose name begins with `prefix`, and the time that these could have run but had to
/// wait for a processor.
pub fn of_threads(pid: u32, prefix: &str) -> Result<(Duration, Duration)> {
    let mut sum = (Duration::ZERO, Duration::ZERO);
    for thread in threads(pid)? {
        let name = fs::read_to_string(format!("/proc/{pid}/task/{thread}/comm"));
        if name.is_ok_and(|name| name.starts_with(prefix)) {
            let [ran, waited] = times(pid, thread)?;
            sum = (sum.0 + ran, sum.1 + waited);
        }
    }
    Ok(sum)
}

/// Time that all processors together were not idle, for any process. In ticks of 10 ms.
pub fn of_machine() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat").context("read /proc/stat; this needs Linux")?;
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .map_or("", |line| line.trim_start_matches("cpu"))
        .split_ascii_whitespace()
        .filter_map(|field| field.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; what guests use is in user and nice already.
    let busy = fields.iter().take(8).enumerate().filter(|(index, _)| ![3, 4].contains(index));
    Ok(of_ticks(busy.map(|(_, ticks)| ticks).sum()))
}

/// User and system time of the children that have ended, which is to say of load generators: nothing else ends while
/// something is measured. In ticks of 10 ms.
pub fn of_ended_children() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("read /proc/self/stat; this needs Linux")?;
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    // Fields 16 and 17 of proc_pid_stat(5), counted from the third.
    let ticks: u64 =
        fields.split_ascii_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(of_ticks(ticks))
}

fn of_ticks(ticks: u64) -> Duration {
    Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// How long a thread ran, and how long it waited to run.
fn times(pid: u32, thread: u32) -> Result<[Duration; 2]> {
    let path = format!("/proc/{pid}/task/{thread}/schedstat");
    let text = fs::read_to_string(&path).with_context(|| {
        format!("read {path}; this needs a running process and a kernel with CONFIG_SCHED_INFO")
    })?;
    let nanos: Vec<u64> = text.split_ascii_whitespace().filter_map(|field| field.parse().ok()).collect();
    match nanos[..] {
        [ran, waited, ..] => Ok([ran, waited].map(Duration::from_nanos)),
        _ => bail!("no times in {path}: {text}"),
    }
}

fn threads(pid: u32) -> Result<Vec<u32>> {
    let path = format!("/proc/{pid}/task");
    let entries = fs::read_dir(&path).with_context(|| format!("list {path}; did the process end?"))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// Which processors Envoy has, and which are left to load generator and upstreams.
#[derive(Clone, Debug)]
pub enum Placement {
    Apart {
        envoy: Vec<usize>,
        others: Vec<usize>,
    },
    /// There are too few of them to keep Envoy apart.
    Together {
        cores: usize,
    },
}

impl Placement {
    pub fn for_workers(workers: usize) -> Result<Self> {
        let allowed = sched_getaffinity(None).context("ask which processors may be used")?;
        let mut envoy: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
        if envoy.len() <= workers {
            return Ok(Self::Together { cores: envoy.len() });
        }
        let others = envoy.split_off(workers);
        Ok(Self::Apart { envoy, others })
    }

    /// Moves this thread, and with it whatever it starts from now on, to where the load comes from.
    pub fn pin_self(&self) -> Result<()> {
        match self {
            Self::Apart { others, .. } => {
                sched_setaffinity(None, &set(others)).context("pin the load generator's processors")
            }
            Self::Together { .. } => Ok(()),
        }
    }

    /// Moves every thread of a process to Envoy's processors.
    pub fn pin_envoy(&self, pid: u32) -> Result<()> {
        let Self::Apart { envoy, .. } = self else { return Ok(()) };
        for thread in threads(pid)? {
            let Some(thread) = i32::try_from(thread).ok().and_then(Pid::from_raw) else {
                bail!("{thread} is no thread id");
            };
            sched_setaffinity(Some(thread), &set(envoy)).context("pin Envoy's threads")?;
        }
        Ok(())
    }

    /// How many processors serve the load generator and the upstreams.
    pub fn others(&self) -> usize {
        match self {
            Self::Apart { others, .. } => others.len(),
            Self::Together { cores } => *cores,
        }
    }
}

impl std::fmt::Display for Placement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Apart { envoy, others } => {
                write!(f, "Envoy pinned to cpu {envoy:?}, h2load and nginx to {others:?}")
            }
            Self::Together { cores } => {
                write!(f, "nothing pinned: Envoy's workers and the load share {cores} cores")
            }
        }
    }
}

fn set(cpus: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    cpus.iter().for_each(|cpu| set.set(*cpu));
    set
}
