// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter check FILE`: says what is wrong with a configuration, or what each mirror will do.

mod allow;
mod around;
mod conditions;
mod explain;
mod filter;
mod find;
mod finding;
mod oversights;
mod place;
mod prose;
mod report;
mod risks;
mod similar;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

pub use self::find::configurations;
pub use self::finding::Name;
pub use self::report::{Outcome, Report, Terms, check};
use crate::output;

/// Says what is wrong with a configuration of shadow-filter, or what each of its mirrors will do, and what is risky
/// about it.
///
/// FILE is a plugin configuration, an Envoy bootstrap, or a manifest of Istio (WasmPlugin, TrafficExtension, EnvoyFilter) or
/// Envoy Gateway (EnvoyExtensionPolicy), in JSON or YAML, with any number of documents and plugins. A document with
/// the key `mirrors`, or without any sign of Envoy or Kubernetes, is itself the configuration. In others a plugin is this filter if its module's file name, URL
/// or image has `shadow-filter` or `shadow_filter` in it, if its `root_id` or name is one of these two or `shadow`, or
/// if its configuration has the key `mirrors`; other plugins are left alone. What stands around a plugin (clusters, routes, other
/// filters, statistics, DestinationRules, HTTPRoutes) is looked at as far as it is in the file. The answer of Envoy's admin to
/// `/config_dump` is a file, too.
///
/// Each warning ends with its name. `# shadow-filter: allow NAME, NAME` in a comment of the file silences these.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// What to check; `-` is standard input.
    file: PathBuf,
    /// Warnings make it fail, too.
    #[arg(long)]
    deny_warnings: bool,
    /// Does not warn of this, as a comment in the file would: for JSON, which has none.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = finding)]
    allow: Vec<Name>,
    /// Workers of the Envoy, as in its own option: for limits that hold for each worker.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    concurrency: Option<u32>,
}

const AFTER_HELP: &str = "\
Examples:
  shadow-filter check envoy/envoy.yaml
  shadow-filter check --deny-warnings --concurrency 4 envoy/envoy.yaml
  kubectl -n shop get wasmplugin search-shadow -o yaml | shadow-filter check -
  curl -s http://127.0.0.1:9901/config_dump | shadow-filter check -

Exit codes: 0 fine, warnings allowed; 1 invalid, or with --deny-warnings not without warnings; 2 cannot be read, or there is nothing
to check.";

pub fn run(options: &Options) -> ExitCode {
    let name = options.file.display().to_string();
    let text = match read(&options.file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{name}: {error}");
            return Outcome::Unreadable.into();
        }
    };
    let name = if name == "-" { "standard input" } else { &name };
    let terms = Terms {
        now: SystemTime::now(),
        allowed: options.allow.iter().copied().collect(),
        concurrency: options.concurrency,
    };
    let report = check(name, &text, &terms);
    output::print(&report.text);
    if options.deny_warnings && report.outcome == Outcome::Fine && report.warnings > 0 {
        output::print(format!("denied: {}\n", prose::count(report.warnings, "warning")));
        return ExitCode::from(1);
    }
    report.outcome.into()
}

fn finding(spelling: &str) -> Result<Name, String> {
    let names = Name::ALL.map(|(_, name)| name);
    Name::of(spelling)
        .ok_or_else(|| format!("it is none of {}", prose::list(&names.map(str::to_owned), "and")))
}

fn read(file: &Path) -> io::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        return io::stdin().read_to_string(&mut text).map(|_| text);
    }
    std::fs::read_to_string(file)
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Fine => Self::SUCCESS,
            Outcome::Invalid => Self::from(1),
            Outcome::Unreadable => Self::from(2),
        }
    }
}
