// SPDX-License-Identifier: Apache-2.0
//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Attacks shadow-filter on a real Envoy, and reports what was found.
///
/// Each part compares a listener with the filter and one without it. The exit code is 1 if there is a finding. Ctrl-C
/// ends a part early, with its result so far.
#[derive(Parser)]
#[command(name = "cargo soak --", bin_name = "cargo soak --")]
pub struct Options {
    #[command(subcommand)]
    pub part: Part,

    /// Generates the same again [default: random, and printed]
    #[arg(long, global = true, value_name = "N")]
    pub seed: Option<u64>,

    /// Write the report as JSON
    #[arg(long, global = true, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Tell of every difference, those that do not come back too
    #[arg(long, global = true)]
    pub verbose: bool,

    /// Run this module in place of the one built from the sources, and let it call what it likes: to see that a broken
    /// filter is found
    #[arg(long, global = true, value_name = "MODULE.wasm")]
    pub module: Option<PathBuf>,
}

#[derive(Clone, Subcommand)]
pub enum Part {
    /// Everything in its short form, in under five minutes
    Short,
    /// Generated requests, compared byte for byte with and without the filter
    Requests(Requests),
    /// Generated plugin configurations, applied one after the other under traffic
    Configurations(Configurations),
    /// Named faults of the shadow, the primary, Envoy and clients, alone and ten at a time
    Faults(Faults),
    /// Memory and gauges over a long time
    Memory(Memory),
}

#[derive(Args, Clone)]
pub struct Requests {
    /// How many requests; the long form is 1000000
    #[arg(long, default_value_t = 5_000)]
    pub count: u64,

    /// Numbers of Envoy's workers; each gets an equal share of the requests
    #[arg(long, value_delimiter = ',', default_value = "1,2,8")]
    pub workers: Vec<u32>,

    /// Send this one generated request, by its number, and no other
    #[arg(long, value_name = "NUMBER", requires = "seed")]
    pub only: Option<u64>,

    /// Requests under way at the same time
    #[arg(long, default_value_t = 24)]
    pub parallel: usize,
}

#[derive(Args, Clone)]
pub struct Configurations {
    /// How many configurations; the long form is 10000
    #[arg(long, default_value_t = 100)]
    pub count: u64,

    /// Envoy's workers
    #[arg(long, default_value_t = 2)]
    pub workers: u32,

    /// Requests per second meanwhile
    #[arg(long, default_value_t = 400.0)]
    pub rate: f64,

    /// How long each configuration is in force, at least
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    pub every: Duration,

    /// Apply this one generated configuration, by its number, and no other
    #[arg(long, value_name = "NUMBER", requires = "seed")]
    pub only: Option<u64>,
}

#[derive(Args, Clone)]
pub struct Faults {
    /// Requests per second
    #[arg(long, default_value_t = 500.0)]
    pub rate: f64,

    /// Rounds of each fault; each has a window with the filter, one without, and one with Envoy's own mirroring. The long
    /// form is 10
    #[arg(long, default_value_t = 2)]
    pub rounds: u32,

    /// Length of one window. The long form is 3s
    #[arg(long, default_value = "400ms", value_parser = humantime::parse_duration)]
    pub window: Duration,

    /// How often ten random faults run at the same time. The short form has none: they need a machine with processors to spare. The long
    /// form is 20
    #[arg(long, default_value_t = 0)]
    pub combinations: u32,

    /// Only faults whose name holds this; may be repeated
    #[arg(long, value_name = "NAME")]
    pub only: Vec<String>,

    /// What each fault may add to the P99 with the filter, in milliseconds, above the noise and what Envoy's own mirroring
    /// adds
    #[arg(long, default_value_t = 25.0, value_name = "MS")]
    pub allow: f64,

    /// List the faults and end
    #[arg(long)]
    pub list: bool,
}

#[derive(Args, Clone)]
pub struct Memory {
    /// How long; the long form is 2h
    #[arg(long, default_value = "45s", value_parser = humantime::parse_duration)]
    pub duration: Duration,

    /// Requests per second
    #[arg(long, default_value_t = 2_000.0)]
    pub rate: f64,

    /// Between two configurations in the second half [default: a hundredth of the duration, at least 1s]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub change_every: Option<Duration>,

    /// The largest slope of Envoy's memory, in KiB/min, that is no finding in a run of ten minutes or more; in a
    /// shorter one 20 MiB/min are none
    #[arg(long, default_value_t = 32.0, value_name = "KIB")]
    pub allow: f64,
}

/// The part's own defaults, as if it was named without options.
fn short_form(part: &str) -> Option<Part> {
    Options::try_parse_from(["soak", part]).ok().map(|options| options.part)
}

impl Part {
    /// What is run, one after the other.
    pub fn expanded(self) -> Vec<Self> {
        match self {
            Self::Short => ["requests", "configurations", "faults", "memory"]
                .into_iter()
                .filter_map(short_form)
                .collect(),
            part => vec![part],
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_short_form_is_every_part() {
        Options::command().debug_assert();
        assert_eq!(Part::Short.expanded().len(), 4);
    }
}
