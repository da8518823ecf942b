// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter`, the tools around the filter.

use std::process::ExitCode;

fn main() -> ExitCode {
    shadow_filter_cli::run(std::env::args_os())
}
