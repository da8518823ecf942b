// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter check FILE`: says what is wrong with a configuration, or what each mirror will do.

mod conditions;
mod explain;
mod filter;
mod find;
mod oversights;
mod prose;
mod report;
mod risks;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

pub use self::find::configurations;
pub use self::report::{Outcome, Report, check};
use crate::output;

/// Says what is wrong with a configuration of shadow-filter, or what each of its mirrors will do, and what is risky
/// about it.
///
/// FILE is a plugin configuration, an Envoy bootstrap, or a manifest of Istio (WasmPlugin, TrafficExtension, EnvoyFilter) or
/// Envoy Gateway (EnvoyExtensionPolicy), in JSON or YAML, with any number of documents and plugins. A document with
/// the key `mirrors`, or without any sign of Envoy or Kubernetes, is itself the configuration. In others a plugin is this filter if its module's file name, URL
/// or image has `shadow-filter` or `shadow_filter` in it, if its `root_id` or name is one of these two or `shadow`, or
/// if its configuration has the key `mirrors`; other plugins are left alone.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub struct Options {
    /// What to check; `-` is standard input.
    file: PathBuf,
}

const AFTER_HELP: &str = "\
Examples:
  shadow-filter check envoy/envoy.yaml
  kubectl -n shop get wasmplugin search-shadow -o yaml | shadow-filter check -

Exit codes: 0 fine, warnings allowed; 1 invalid; 2 cannot be read, or there is nothing to check.";

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
    let report = check(name, &text, SystemTime::now());
    output::print(&report.text);
    report.outcome.into()
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
