// SPDX-License-Identifier: Apache-2.0

//! A calendar clock that an Envoy has for itself, and that jumps. Linux only.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Envoy;
use crate::wasm;

pub(super) struct Clock {
    library: PathBuf,
    path: PathBuf,
    file: File,
}

impl Clock {
    /// Builds the library first if it is needed. Blocks.
    pub(super) fn new(directory: &Path) -> Result<Self> {
        let path = directory.join("clock");
        fs::write(&path, 0_i64.to_ne_bytes()).with_context(|| format!("write {}", path.display()))?;
        let file = File::options().write(true).open(&path)?;
        Ok(Self { library: wasm::clock()?, path, file })
    }

    pub(super) fn environment(&self) -> [(&'static str, &Path); 2] {
        [("LD_PRELOAD", &self.library), ("SHADOW_FILTER_CLOCK", &self.path)]
    }
}

impl Envoy {
    /// Sets Envoy's calendar clock so many seconds ahead of the machine's, or behind it, at once. Its timers do not notice.
    /// An error if it has [no clock of its own](crate::Bootstrap::own_clock).
    pub fn set_clock(&self, ahead_seconds: i64) -> Result<()> {
        let clock =
            self.clock.as_ref().context("call Bootstrap::own_clock before the start to move the clock")?;
        let nanos = ahead_seconds.checked_mul(1_000_000_000).context("a clock so far ahead")?;
        // One write of a number in one page: it is never seen in halves.
        clock.file.write_all_at(&nanos.to_ne_bytes(), 0).context("move Envoy's clock")
    }
}
