// SPDX-License-Identifier: Apache-2.0
//! Where the numbers come from, without which they mean little.

use std::fs;
use std::process::Command;
use std::thread;

use serde::Serialize;

use crate::cpu::Placement;

#[derive(Debug, Serialize)]
pub struct Machine {
    pub cores: usize,
    pub processor: String,
    pub kernel: String,
    pub envoy: String,
    pub workers: u32,
    pub placement: String,
}

impl Machine {
    pub fn describe(workers: u32, placement: &Placement) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor: processor.map_or("unknown", |(_, name)| name).to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            envoy: read_version(),
            workers,
            placement: placement.to_string(),
        }
    }
}

fn read_version() -> String {
    let Ok(envoy) = harness::envoy::binary::find() else { return "unknown".to_owned() };
    let output = Command::new(envoy).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_once("version: ").map_or("unknown", |(_, version)| version).trim().to_owned()
}
