// SPDX-License-Identifier: Apache-2.0
//! `cargo package-image`

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use shadow_filter_image::{Options, run};

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(text) => {
            // A reader that closes the pipe early, such as `head`, is not an error.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", format!("{error:#}").trim_end());
            ExitCode::FAILURE
        }
    }
}
