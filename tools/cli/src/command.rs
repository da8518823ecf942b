// SPDX-License-Identifier: Apache-2.0
//! The command line of the program: which subcommands there are, and the exit code of a wrong command line.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use collect::record;

use crate::{check, manual, output, verdict};

/// Tools around shadow-filter: checks configurations, says whether the shadow may be promoted, and keeps what is mirrored.
#[derive(Parser)]
#[command(name = "shadow-filter", version, after_help = EXAMPLES)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  shadow-filter check envoy/envoy.yaml
  shadow-filter verdict --prometheus http://prometheus:9090 --mirror v2
  shadow-filter record /var/lib/shadow --zstd
  shadow-filter completions bash > ~/.local/share/bash-completion/completions/shadow-filter
  shadow-filter man --dir ~/.local/share/man/man1";

#[derive(Subcommand)]
enum Command {
    Check(check::Options),
    Verdict(Box<verdict::Options>),
    Record(Box<record::Options>),
    /// Prints the completions for a shell
    #[command(
        after_help = "Example: shadow-filter completions bash > ~/.local/share/bash-completion/completions/shadow-filter"
    )]
    Completions {
        /// The shell
        shell: Shell,
    },
    Man(manual::Options),
}

/// Runs the program with these arguments. The first is its name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    match Program::try_parse_from(&arguments) {
        Ok(program) => program.command.run(),
        Err(error) => {
            let _ = error.print();
            if error.use_stderr() { wrong_usage(&arguments).into() } else { ExitCode::SUCCESS }
        }
    }
}

impl Command {
    fn run(&self) -> ExitCode {
        match self {
            Self::Check(options) => check::run(options),
            Self::Verdict(options) => verdict::run(options),
            Self::Record(options) => record::run(options),
            Self::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(*shell, &mut Program::command(), "shadow-filter", &mut script);
                output::print(script);
                ExitCode::SUCCESS
            }
            Self::Man(options) => manual::run(options, Program::command()),
        }
    }
}

/// The exit code of a wrong command line is clap's, unless that code means something else in the subcommand.
fn wrong_usage(arguments: &[OsString]) -> u8 {
    const USUAL: u8 = 2;
    let subcommand = arguments.iter().skip(1).find_map(|argument| {
        let argument = argument.to_str()?;
        (!argument.starts_with('-')).then_some(argument)
    });
    if subcommand == Some("verdict") { verdict::WRONG_USAGE } else { USUAL }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Program::command().debug_assert();
    }

    #[test]
    fn the_help_of_every_subcommand_shows_an_example() {
        for subcommand in Program::command().get_subcommands_mut() {
            let help = subcommand.render_long_help().to_string();
            let example = format!("shadow-filter {} ", subcommand.get_name());
            let (_, after) = help.split_once("Example").expect("an example");
            assert!(after.contains(&example), "{help}");
        }
    }

    #[test]
    fn wrong_usage_of_verdict_does_not_mean_hold() {
        let code = |line: &str| wrong_usage(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        assert_eq!(code("shadow-filter verdict --no-such-flag"), 64);
        assert_eq!(code("shadow-filter check"), 2);
        assert_eq!(code("shadow-filter"), 2);
    }
}
