// SPDX-License-Identifier: Apache-2.0
//! The program `shadow-filter`: one module for each subcommand, and the command line that joins them.

pub mod check;
mod command;
mod lines;
mod manual;
mod output;
pub mod verdict;
pub mod yaml;

pub use self::command::run;
