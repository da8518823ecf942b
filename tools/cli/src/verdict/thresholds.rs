// SPDX-License-Identifier: Apache-2.0
//! What a shadow may be worse by.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::yaml::{self, Document};

/// Limits in the units of the command line: points, per cent, milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    pub max_error_increase: f64,
    pub max_p50_ratio: f64,
    pub max_p90_ratio: f64,
    pub max_p99_ratio: f64,
    pub latency_slack_ms: f64,
    pub max_failure_rate: f64,
    pub max_mismatch_rate: f64,
    pub min_samples: u64,
    pub confidence: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            max_error_increase: 0.5,
            max_p50_ratio: 1.5,
            max_p90_ratio: 1.5,
            max_p99_ratio: 1.5,
            latency_slack_ms: 5.0,
            max_failure_rate: 1.0,
            max_mismatch_rate: 1.0,
            min_samples: 1000,
            confidence: 95.0,
        }
    }
}

/// One flag for each limit; it wins over the file.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Thresholds")]
pub struct Flags {
    /// Thresholds from a JSON or YAML file, with the names of these flags and _ for -; flags win over it
    #[arg(long, value_name = "FILE")]
    thresholds: Option<std::path::PathBuf>,

    /// Points by which the shadow's error rate (5xx, and copies without an answer) may be above the primary's
    /// [default: 0.5]
    #[arg(long, value_name = "POINTS")]
    max_error_increase: Option<f64>,

    /// How often the primary's P50 the shadow's may be [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_p50_ratio: Option<f64>,

    /// The same for P90 [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_p90_ratio: Option<f64>,

    /// The same for P99 [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_p99_ratio: Option<f64>,

    /// Milliseconds by which any of the three may be above the primary's, whatever the ratio [default: 5]
    #[arg(long, value_name = "MS")]
    latency_slack_ms: Option<f64>,

    /// Per cent of all copies that may fail, those that were never sent included [default: 1]
    #[arg(long, value_name = "PERCENT")]
    max_failure_rate: Option<f64>,

    /// Per cent of the compared answers that may differ [default: 1]
    #[arg(long, value_name = "PERCENT")]
    max_mismatch_rate: Option<f64>,

    /// Requests without which nothing is decided [default: 1000]
    #[arg(long, value_name = "COUNT")]
    min_samples: Option<u64>,

    /// Per cent with which all intervals together hold [default: 95]
    #[arg(long, value_name = "PERCENT")]
    confidence: Option<f64>,
}

impl Flags {
    pub fn resolve(&self) -> Result<Thresholds> {
        let mut limits = match &self.thresholds {
            Some(file) => read(file)?,
            None => Thresholds::default(),
        };
        let pairs = [
            (&mut limits.max_error_increase, self.max_error_increase),
            (&mut limits.max_p50_ratio, self.max_p50_ratio),
            (&mut limits.max_p90_ratio, self.max_p90_ratio),
            (&mut limits.max_p99_ratio, self.max_p99_ratio),
            (&mut limits.latency_slack_ms, self.latency_slack_ms),
            (&mut limits.max_failure_rate, self.max_failure_rate),
            (&mut limits.max_mismatch_rate, self.max_mismatch_rate),
            (&mut limits.confidence, self.confidence),
        ];
        for (limit, flag) in pairs {
            *limit = flag.unwrap_or(*limit);
        }
        limits.min_samples = self.min_samples.unwrap_or(limits.min_samples);
        limits.check()?;
        Ok(limits)
    }
}

impl Thresholds {
    fn check(&self) -> Result<()> {
        let within = |name: &str, value: f64, from: f64, to: f64| {
            let fits = (from..=to).contains(&value);
            ensure!(fits, "{name}: found {value}, expected a number from {from} to {to}");
            Ok(())
        };
        within("max_error_increase", self.max_error_increase, 0.0, 100.0)?;
        within("max_p50_ratio", self.max_p50_ratio, 1.0, 1000.0)?;
        within("max_p90_ratio", self.max_p90_ratio, 1.0, 1000.0)?;
        within("max_p99_ratio", self.max_p99_ratio, 1.0, 1000.0)?;
        within("latency_slack_ms", self.latency_slack_ms, 0.0, 3_600_000.0)?;
        within("max_failure_rate", self.max_failure_rate, 0.0, 100.0)?;
        within("max_mismatch_rate", self.max_mismatch_rate, 0.0, 100.0)?;
        within("confidence", self.confidence, 50.0, 99.9999)
    }
}

fn read(file: &Path) -> Result<Thresholds> {
    let name = file.display();
    let text = fs::read_to_string(file).with_context(|| format!("--thresholds {name}"))?;
    parse(&text).with_context(|| format!("--thresholds {name}"))
}

fn parse(text: &str) -> Result<Thresholds> {
    let mut documents = yaml::documents(text).map_err(|error| anyhow!("neither JSON nor YAML: {error}"))?;
    ensure!(documents.len() == 1, "found {} documents, expected one", documents.len());
    let Some(Document { value, lines }) = documents.pop() else {
        bail!("found nothing, expected thresholds")
    };
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        anyhow!("line {}: {path}: {}", lines.of(&path).unwrap_or(1), error.inner())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_file(text: &str) -> Result<Thresholds> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Flags { thresholds: Some(file.path().to_owned()), max_p99_ratio: Some(3.0), ..Flags::default() }
            .resolve()
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let expected = Thresholds { max_p90_ratio: 1.25, max_p99_ratio: 3.0, ..Thresholds::default() };
        assert_eq!(from_file("max_p90_ratio: 1.25\nmax_p99_ratio: 2\n").unwrap(), expected);
        assert_eq!(from_file(r#"{"max_p90_ratio": 1.25}"#).unwrap(), expected);
        assert_eq!(Flags::default().resolve().unwrap(), Thresholds::default());
    }

    #[test]
    fn a_faulty_file_is_refused_with_the_place() {
        let says = |text: &str, words: &str| {
            let error = format!("{:#}", from_file(text).unwrap_err());
            assert!(error.contains(words), "{error}");
        };
        says("max_p98_ratio: 2", "max_p98_ratio");
        says("max_p50_ratio: 2\nmin_samples: many", "line 2: min_samples");
        says("confidence: 100", "confidence: found 100, expected a number from 50 to 99.9999");
        says("max_p50_ratio: 0.5", "max_p50_ratio: found 0.5");
        says("max_error_increase: .nan", "max_error_increase");
    }
}
