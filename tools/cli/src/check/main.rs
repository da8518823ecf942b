// SPDX-License-Identifier: Apache-2.0
//! `cargo check-config FILE`: says what is wrong with a configuration, or what each mirror will do.

mod check;
mod conditions;
mod explain;
mod find;
mod lines;
mod oversights;
mod prose;
mod risks;

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use shadow_filter::timestamp::Timestamp;

pub use self::check::{Report, Verdict, check};

/// Says what is wrong with a configuration of shadow-filter, or what each of its mirrors will do, and what is risky
/// about it.
///
/// FILE is a plugin configuration, an Envoy bootstrap, or a manifest of Istio (WasmPlugin, TrafficExtension, EnvoyFilter) or
/// Envoy Gateway (EnvoyExtensionPolicy), in JSON or YAML, with any number of documents and plugins. A document with
/// the key `mirrors`, or without any sign of Envoy or Kubernetes, is itself the configuration. In others a plugin is this filter if its module's file name, URL
/// or image has `shadow-filter` or `shadow_filter` in it, if its `root_id` or name is one of these two or `shadow`, or
/// if its configuration has the key `mirrors`; other plugins are left alone.
#[derive(Parser)]
#[command(
    name = "cargo check-config",
    after_help = "Exit codes: 0 fine, warnings allowed; 1 invalid; 2 cannot be read, or there is nothing to check."
)]
struct Options {
    /// What to check; `-` is standard input.
    file: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let name = options.file.display().to_string();
    let text = match read(&options.file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{name}: {error}");
            return Verdict::Unreadable.into();
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let report =
        check(if name == "-" { "standard input" } else { &name }, &text, Timestamp::since_epoch(now));
    // A reader that has seen enough, such as `head`, is no error.
    let _ = io::stdout().write_all(report.text.as_bytes());
    report.verdict.into()
}

fn read(file: &PathBuf) -> io::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        return io::stdin().read_to_string(&mut text).map(|_| text);
    }
    std::fs::read_to_string(file)
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Fine => Self::SUCCESS,
            Verdict::Invalid => Self::from(1),
            Verdict::Unreadable => Self::from(2),
        }
    }
}
