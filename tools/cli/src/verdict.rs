// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter verdict`: reads the metrics of primary and shadow, says PROMOTE, HOLD or REJECT, and why.

mod failure;
mod judge;
mod notes;
mod options;
mod page;
mod places;
#[cfg(test)]
mod population;
mod print;
mod reading;
mod report;
mod series;
mod serve;
#[cfg(test)]
mod simulation;
mod source;
mod statistics;
mod tally;
mod thresholds;
mod words;

use std::fs;
use std::process::ExitCode;

use anyhow::Context;

use self::failure::{Failure, Kind};
pub use self::options::Options;
use self::report::Report;
pub use self::thresholds::Thresholds;
use crate::output;

/// The exit code of a wrong command line. That of other programs, 2, is HOLD.
pub const WRONG_USAGE: u8 = Kind::Usage.code();

pub fn run(options: &Options) -> ExitCode {
    match answer(options) {
        Ok((text, code)) => {
            output::print(text);
            code.into()
        }
        Err(failure) => {
            eprintln!("{:#}", failure.error);
            failure.into()
        }
    }
}

/// What is to be printed, and the exit code.
fn answer(options: &Options) -> Result<(String, u8), Failure> {
    let limits = options.thresholds.resolve().map_err(|error| Kind::Usage.of(error))?;
    if let Some(file) = &options.save_baseline {
        return Ok((source::save_baseline(options, file)?, 0));
    }
    if let Some(at) = options.serve {
        serve::run(options, &limits, at)?;
        return Ok((String::new(), 0));
    }
    let report = report_of(options, &source::observe(options)?, &limits)?;
    if let Some(file) = &options.html {
        fs::write(file, page::draw(&report))
            .with_context(|| format!("--html {}", file.display()))
            .map_err(|error| Kind::File.of(error))?;
    }
    let text = match options.json {
        true => format!("{:#}\n", report.json()),
        false => print::text(&report),
    };
    Ok((text, report.exit_code()))
}

/// The report on what was observed, with what the logs say.
fn report_of(options: &Options, observed: &source::Observed, limits: &Thresholds) -> Result<Report, Failure> {
    let mut report = Report::of(observed, &options.mirror, limits)?;
    if !options.log.is_empty() {
        report.add_places(places::read(options.places())?);
    }
    Ok(report)
}

/// What is said about the answer of an admin: the text about one mirror, and the page about all.
///
/// # Errors
/// The answer has no metrics that can be judged.
pub fn said_of(answer: &str, mirror: &str) -> anyhow::Result<(String, String)> {
    let reading = reading::Reading::parse(answer)?;
    let from = vec!["http://127.0.0.1:9901".to_owned()];
    let observed = source::Observed {
        reading,
        time: "since Envoy started".to_owned(),
        from,
        notes: Vec::new(),
        configured: None,
    };
    let report = |mirrors: &[String]| {
        Report::of(&observed, mirrors, &thresholds::Thresholds::default()).map_err(|failure| failure.error)
    };
    Ok((print::text(&report(&[mirror.to_owned()])?), page::draw(&report(&[])?)))
}
