// SPDX-License-Identifier: Apache-2.0
//! The `log` facade's way to Envoy's log.
//!
//! Envoy drops lines below the level of its logger `wasm`, which an operator may change at any time. It is not asked for that
//! level: lines are rare, and the call for it is one that a shortened `capability_restriction_config` would refuse, with an error
//! in the log each time.

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::imports;

#[cfg(target_os = "wasi")]
const CRITICAL: u32 = 5;

struct HostLogger;

/// Hands the lines of this VM to the host from now on.
pub fn install() {
    // A thread of tests may have done it before; there is one logger for all.
    let _ = log::set_logger(&HostLogger);
    log::set_max_level(LevelFilter::Info);
}

/// A line about the end of the VM.
#[cfg(target_os = "wasi")]
pub fn critical(text: &str) {
    let _ = imports::log(CRITICAL, text);
}

impl Log for HostLogger {
    fn enabled(&self, _: &Metadata) -> bool {
        true
    }

    fn log(&self, record: &Record) {
        // There is nobody to tell of a line that could not be logged.
        let _ = imports::log(number(record.level()), &record.args().to_string());
    }

    fn flush(&self) {}
}

/// The ABI's number of a level.
fn number(level: Level) -> u32 {
    match level {
        Level::Trace => 0,
        Level::Debug => 1,
        Level::Info => 2,
        Level::Warn => 3,
        Level::Error => 4,
    }
}
