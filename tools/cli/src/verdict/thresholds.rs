// SPDX-License-Identifier: Apache-2.0
//! What a shadow may be worse by.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::yaml::{self, Document};

/// The highest limit of a ratio. Such a limit, like one of 100 points or per cent, turns its criterion off.
pub const MOST_TIMES: f64 = 1000.0;

/// Limits in the units of the command line: points, per cent, times, milliseconds, microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    pub max_error_increase: f64,
    pub max_client_error_increase: f64,
    pub max_p50_ratio: f64,
    pub max_p90_ratio: f64,
    pub max_p99_ratio: f64,
    pub max_p999_ratio: f64,
    pub max_mean_ratio: f64,
    pub max_slow_increase: f64,
    pub max_paired_ratio: f64,
    pub max_pairs_twice: f64,
    pub slow_ms: f64,
    pub latency_slack_us: f64,
    pub latency_slack_percent: f64,
    pub tail_slack_ms: f64,
    pub max_failure_rate: f64,
    pub max_mismatch_rate: f64,
    pub max_uncompared_rate: f64,
    pub min_samples: u64,
    pub confidence: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            max_error_increase: 0.5,
            max_client_error_increase: 0.5,
            max_p50_ratio: 1.5,
            max_p90_ratio: 1.5,
            max_p99_ratio: 1.5,
            max_p999_ratio: 3.0,
            max_mean_ratio: 1.5,
            max_slow_increase: 0.1,
            max_paired_ratio: 1.5,
            max_pairs_twice: 5.0,
            slow_ms: 0.0,
            latency_slack_us: 150.0,
            latency_slack_percent: 10.0,
            tail_slack_ms: 10.0,
            max_failure_rate: 1.0,
            max_mismatch_rate: 1.0,
            max_uncompared_rate: 5.0,
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

    /// Points by which the shadow's rate of server errors may be above the primary's: 5xx, gRPC's like, and copies
    /// without an answer [default: 0.5]
    #[arg(long, value_name = "POINTS")]
    max_error_increase: Option<f64>,

    /// The same for client errors: 4xx, and gRPC's like [default: 0.5]
    #[arg(long, value_name = "POINTS")]
    max_client_error_increase: Option<f64>,

    /// How many times the primary's P50 the shadow's may be [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_p50_ratio: Option<f64>,

    /// The same for P90 [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_p90_ratio: Option<f64>,

    /// The same for P99 [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_p99_ratio: Option<f64>,

    /// The same for P99.9 [default: 3]
    #[arg(long, value_name = "TIMES")]
    max_p999_ratio: Option<f64>,

    /// The same for the mean [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_mean_ratio: Option<f64>,

    /// Points by which the shadow's share of slow requests may be above the primary's [default: 0.1]
    #[arg(long, value_name = "POINTS")]
    max_slow_increase: Option<f64>,

    /// How many times as long as the primary the shadow may take for the same request, in the median [default: 1.5]
    #[arg(long, value_name = "TIMES")]
    max_paired_ratio: Option<f64>,

    /// Points by which requests that take the shadow more than twice as long as the primary may outnumber those that take
    /// it less than half [default: 5]
    #[arg(long, value_name = "POINTS")]
    max_pairs_twice: Option<f64>,

    /// Milliseconds beyond which a request is slow; 0: three times the primary's P99, and --tail-slack-ms above it at least
    /// [default: 0]
    #[arg(long, value_name = "MS")]
    slow_ms: Option<f64>,

    /// Microseconds by which mean, P50, P90 and P99 may be above the primary's, whatever the ratio: what clock and path
    /// add [default: 150]
    #[arg(long, value_name = "US")]
    latency_slack_us: Option<f64>,

    /// Per cent of the primary's P50 that is added to --latency-slack-us [default: 10]
    #[arg(long, value_name = "PERCENT")]
    latency_slack_percent: Option<f64>,

    /// Milliseconds by which P99.9 may be above, whatever the ratio: what a scheduler's pause adds to either side
    /// [default: 10]
    #[arg(long, value_name = "MS")]
    tail_slack_ms: Option<f64>,

    /// Per cent of all copies that may fail; those that were never sent and those that an open breaker held back
    /// count as failed [default: 1]
    #[arg(long, value_name = "PERCENT")]
    max_failure_rate: Option<f64>,

    /// Per cent of the compared answers that may differ [default: 1]
    #[arg(long, value_name = "PERCENT")]
    max_mismatch_rate: Option<f64>,

    /// Per cent of the answers that may be left uncompared (incomparable, or cut by a bound of Envoy or the filter) for
    /// PROMOTE [default: 5]
    #[arg(long, value_name = "PERCENT")]
    max_uncompared_rate: Option<f64>,

    /// Requests without which nothing is promoted; a certain REJECT needs none [default: 1000]
    #[arg(long, value_name = "COUNT")]
    min_samples: Option<u64>,

    /// Per cent with which all intervals hold together, at all looks together [default: 95]
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
            (&mut limits.max_client_error_increase, self.max_client_error_increase),
            (&mut limits.max_p50_ratio, self.max_p50_ratio),
            (&mut limits.max_p90_ratio, self.max_p90_ratio),
            (&mut limits.max_p99_ratio, self.max_p99_ratio),
            (&mut limits.max_p999_ratio, self.max_p999_ratio),
            (&mut limits.max_mean_ratio, self.max_mean_ratio),
            (&mut limits.max_slow_increase, self.max_slow_increase),
            (&mut limits.max_paired_ratio, self.max_paired_ratio),
            (&mut limits.max_pairs_twice, self.max_pairs_twice),
            (&mut limits.slow_ms, self.slow_ms),
            (&mut limits.latency_slack_us, self.latency_slack_us),
            (&mut limits.latency_slack_percent, self.latency_slack_percent),
            (&mut limits.tail_slack_ms, self.tail_slack_ms),
            (&mut limits.max_failure_rate, self.max_failure_rate),
            (&mut limits.max_mismatch_rate, self.max_mismatch_rate),
            (&mut limits.max_uncompared_rate, self.max_uncompared_rate),
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
        const HOUR_MS: f64 = 3_600_000.0;
        for (name, value, from, to) in [
            ("max_error_increase", self.max_error_increase, 0.0, 100.0),
            ("max_client_error_increase", self.max_client_error_increase, 0.0, 100.0),
            ("max_p50_ratio", self.max_p50_ratio, 1.0, MOST_TIMES),
            ("max_p90_ratio", self.max_p90_ratio, 1.0, MOST_TIMES),
            ("max_p99_ratio", self.max_p99_ratio, 1.0, MOST_TIMES),
            ("max_p999_ratio", self.max_p999_ratio, 1.0, MOST_TIMES),
            ("max_mean_ratio", self.max_mean_ratio, 1.0, MOST_TIMES),
            ("max_slow_increase", self.max_slow_increase, 0.0, 100.0),
            ("max_paired_ratio", self.max_paired_ratio, 1.0, MOST_TIMES),
            ("max_pairs_twice", self.max_pairs_twice, 0.0, 100.0),
            ("slow_ms", self.slow_ms, 0.0, HOUR_MS),
            ("latency_slack_us", self.latency_slack_us, 0.0, HOUR_MS * 1000.0),
            ("latency_slack_percent", self.latency_slack_percent, 0.0, 1000.0),
            ("tail_slack_ms", self.tail_slack_ms, 0.0, HOUR_MS),
            ("max_failure_rate", self.max_failure_rate, 0.0, 100.0),
            ("max_mismatch_rate", self.max_mismatch_rate, 0.0, 100.0),
            ("max_uncompared_rate", self.max_uncompared_rate, 0.0, 100.0),
            ("confidence", self.confidence, 50.0, 99.9999),
        ] {
            let fits = (from..=to).contains(&value);
            ensure!(fits, "{name}: found {value}, expected a number from {from} to {to}");
        }
        Ok(())
    }

    /// Milliseconds by which a latency may be above that of a primary with this P50, whatever the ratio.
    pub fn latency_slack(&self, p50_ms: f64) -> f64 {
        self.latency_slack_us / 1000.0 + p50_ms * self.latency_slack_percent / 100.0
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
    let Some(Document { value, lines, .. }) = documents.pop() else {
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
