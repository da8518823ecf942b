// SPDX-License-Identifier: Apache-2.0
//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures what shadow-filter costs Envoy, side by side with Envoy's own mirroring.
///
/// One Envoy with a listener for each scenario takes the same load in turn, round by round. What is compared was measured
/// within seconds, and what is printed are medians over the rounds. About 14 minutes; a quiet machine gives steady
/// numbers.
#[derive(Parser)]
#[command(name = "cargo load --", bin_name = "cargo load --")]
pub struct Options {
    /// The main table alone, in a minute: short windows, few rounds
    #[arg(long)]
    pub quick: bool,

    /// Fail if a budget of DESIGN.md is exceeded, or if a measurement is in doubt
    #[arg(long)]
    pub check: bool,

    /// How long the filter keeps a worker from other connections, at the worst that is known, and nothing else. Needs neither
    /// h2load nor nginx; three minutes
    #[arg(long, conflicts_with_all = ["quick", "check", "plot", "workers", "only", "compare", "parts"])]
    pub hold_up: bool,

    /// Write everything that was measured as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Draw the main table and the curves
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,

    /// Rounds of the main table; of the rest no more than 3 [default: 9, with --quick 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: Option<u32>,

    /// Envoy's workers
    #[arg(long, default_value_t = 1, value_name = "1|2", value_parser = clap::value_parser!(u32).range(1..=2))]
    pub workers: u32,

    /// Measure this scenario of the main table, next to `none` and Envoy's own mirroring, and no other; may be repeated.
    /// The start of a name will do: `filter-100`
    #[arg(long, value_name = "SCENARIO")]
    pub only: Vec<String>,

    /// Another build of the filter, measured as `before-…` wherever the filter of these sources is
    #[arg(long, value_name = "MODULE.wasm")]
    pub compare: Option<PathBuf>,

    /// What to measure [default: everything, with --quick and --only just `main`]
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    pub parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// CPU and latency of every scenario at a fixed rate
    Main,
    /// Requests per second that one Envoy can serve
    Saturation,
    /// CPU by body, mirrors, headers and connections
    Curves,
    /// Resident memory after a million requests
    Memory,
}

impl Options {
    pub fn measures(&self, part: Part) -> bool {
        if !self.parts.is_empty() {
            return self.parts.contains(&part);
        }
        part == Part::Main || !self.quick && self.only.is_empty()
    }

    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 3 } else { 9 })
    }

    /// Length of one measurement of the main table, in seconds.
    pub fn seconds(&self) -> f64 {
        if self.quick { 1.0 } else { 1.8 }
    }
}
