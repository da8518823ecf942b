// SPDX-License-Identifier: Apache-2.0
//! The manual pages, made of the command line.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;

use crate::output;

/// Prints the manual page of the program, or of one of its subcommands
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Options {
    /// The subcommand [default: the program itself]
    command: Option<String>,

    /// Write the pages of the program and of all subcommands to this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  shadow-filter man verdict | man -l -
  shadow-filter man --dir ~/.local/share/man/man1";

pub fn run(options: &Options, program: Command) -> ExitCode {
    let done = match (&options.dir, &options.command) {
        (Some(dir), _) => fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(program, dir)),
        (None, Some(name)) => page_of(program, name),
        (None, None) => page(program),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn page_of(mut program: Command, name: &str) -> io::Result<()> {
    // Gives the subcommands their full names.
    program.build();
    match program.find_subcommand(name) {
        Some(subcommand) => page(subcommand.clone()),
        None => Err(io::Error::other(format!("{name}: no such subcommand"))),
    }
}

fn page(command: Command) -> io::Result<()> {
    let mut page = Vec::new();
    Man::new(command).render(&mut page)?;
    output::print(page);
    Ok(())
}
