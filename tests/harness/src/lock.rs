// SPDX-License-Identifier: Apache-2.0

//! A file lock between processes: several test binaries, a demo and a benchmark may want the same thing built or
//! fetched at once, and one of them does it.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// Held until dropped. The file stays behind; its presence means nothing.
pub(crate) struct Lock(#[expect(dead_code, reason = "holds the lock by being open")] File);

impl Lock {
    /// Waits until the lock on `path` is free, creating the file and its directory where needed.
    pub(crate) fn hold(path: &Path) -> Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .with_context(|| format!("open the lock {}", path.display()))?;
        file.lock().with_context(|| format!("wait for the lock {}", path.display()))?;
        Ok(Self(file))
    }
}
