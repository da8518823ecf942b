// SPDX-License-Identifier: Apache-2.0
//! Readings that were kept in a file, to be subtracted from later ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::super::failure::{Failure, Kind};
use super::super::reading::Reading;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    /// Seconds since 1970.
    taken_at: u64,
    /// By the URL of the admin.
    pub(super) readings: BTreeMap<String, Reading>,
}

impl Baseline {
    pub(super) fn now(readings: BTreeMap<String, Reading>) -> Self {
        Self { taken_at: now(), readings }
    }

    pub(super) fn age(&self) -> Duration {
        Duration::from_secs(now().saturating_sub(self.taken_at).max(1))
    }

    pub(super) fn load(file: &Path) -> Result<Self, Failure> {
        let read = || {
            let text = fs::read_to_string(file)?;
            anyhow::Ok(serde_json::from_str(&text)?)
        };
        read()
            .with_context(|| {
                format!("--baseline {}: not a file that --save-baseline has written", file.display())
            })
            .map_err(|error| Kind::File.of(error))
    }

    pub(super) fn save(&self, file: &Path) -> Result<(), Failure> {
        let write = || anyhow::Ok(fs::write(file, serde_json::to_string(self)?)?);
        write()
            .with_context(|| format!("--save-baseline {}", file.display()))
            .map_err(|error| Kind::File.of(error))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
