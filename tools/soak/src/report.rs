// SPDX-License-Identifier: Apache-2.0
//! What was measured and what was found, for people and as JSON.

mod print;

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::Value;

/// Findings beyond these are counted, not kept.
const MOST_FINDINGS: usize = 50;

#[derive(Serialize)]
pub struct Report {
    pub seed: u64,
    pub cores: usize,
    pub parts: Vec<Section>,
}

/// One part of the campaign.
#[derive(Serialize)]
pub struct Section {
    pub name: &'static str,
    pub figures: Vec<(String, Value)>,
    pub tables: Vec<Table>,
    pub findings: Vec<Finding>,
    pub findings_not_kept: usize,
    /// Whether it ended before it was done.
    pub interrupted: bool,
    pub seconds: f64,
    #[serde(skip)]
    start: Instant,
}

#[derive(Serialize)]
pub struct Table {
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<Value>>,
}

/// Something that must not be.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// One line.
    pub what: String,
    pub details: String,
    /// The command that shows it again.
    pub repeat: String,
}

impl Report {
    pub fn new(seed: u64) -> Self {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Self { seed, cores, parts: Vec::new() }
    }

    pub fn is_clean(&self) -> bool {
        self.parts.iter().all(|part| part.findings.is_empty())
    }

    pub fn write_json(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(file, text + "\n").with_context(|| format!("write {}", file.display()))
    }
}

impl Section {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            figures: Vec::new(),
            tables: Vec::new(),
            findings: Vec::new(),
            findings_not_kept: 0,
            interrupted: false,
            seconds: 0.0,
            start: Instant::now(),
        }
    }

    pub fn figure(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.figures.push((name.into(), value.into()));
    }

    /// Keeps a finding, and says so at once.
    pub fn find(&mut self, finding: Finding) {
        if self.findings.len() == MOST_FINDINGS {
            self.findings_not_kept += 1;
            return;
        }
        eprintln!("finding in {}: {}", self.name, finding.what);
        self.findings.push(finding);
    }

    /// Keeps the error of a check as a finding.
    pub fn check(&mut self, what: &str, result: Result<()>, repeat: &str) {
        if let Err(error) = result {
            self.find(Finding {
                what: what.to_owned(),
                details: format!("{error:#}"),
                repeat: repeat.to_owned(),
            });
        }
    }

    pub fn ended(mut self, interrupted: bool) -> Self {
        self.interrupted = interrupted;
        self.seconds = self.start.elapsed().as_secs_f64();
        self
    }
}
