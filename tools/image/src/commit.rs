// SPDX-License-Identifier: Apache-2.0
//! Which sources: the commit that is checked out, and whether the tree is what was committed.

use std::env;
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};

/// A commit of git, and what differs from it.
pub struct Commit {
    /// The full hash.
    pub hash: String,
    seconds: u64,
    /// As `git status --porcelain` has them.
    pub changes: Vec<String>,
}

impl Commit {
    /// None where there is no git, or where the sources are not in it.
    pub fn of(root: &Path) -> Option<Self> {
        git(root, &["ls-files", "--error-unmatch", "Cargo.toml"])?;
        let hash = git(root, &["rev-parse", "HEAD"])?;
        let seconds = git(root, &["show", "--no-patch", "--format=%ct", "HEAD"])?.parse().ok()?;
        let changes = git(root, &["status", "--porcelain", "--", "."])?;
        Some(Self { hash, seconds, changes: changes.lines().map(str::to_owned).collect() })
    }

    /// The hash, with `-dirty` behind it if it is not the whole truth.
    pub fn revision(&self) -> String {
        if self.changes.is_empty() { self.hash.clone() } else { format!("{}-dirty", self.hash) }
    }
}

/// When the sources were made, as RFC 3339: SOURCE_DATE_EPOCH if it is set, else the commit's time.
pub fn created(commit: Option<&Commit>) -> Result<Option<String>> {
    let seconds = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => Some(
            text.parse()
                .context("SOURCE_DATE_EPOCH: expected whole seconds since 1970, such as 1790000000")?,
        ),
        Err(_) => commit.map(|commit| commit.seconds),
    };
    seconds.map(|seconds| rfc3339(seconds).context("SOURCE_DATE_EPOCH is too large")).transpose()
}

/// None after the year 9999.
fn rfc3339(seconds: u64) -> Option<String> {
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    let mut text = String::new();
    write!(text, "{}", humantime::format_rfc3339_seconds(time)).ok()?;
    Some(text)
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_cannot_be_written_is_none() {
        assert_eq!(rfc3339(1_790_000_000).as_deref(), Some("2026-09-21T14:13:20Z"));
        assert_eq!(rfc3339(253_402_300_800), None);
        assert_eq!(rfc3339(u64::MAX), None);
    }
}
