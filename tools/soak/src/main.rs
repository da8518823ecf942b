// SPDX-License-Identifier: Apache-2.0
//! Attacks shadow-filter on a real Envoy: generated requests, generated configurations, faults, and long runs.
//!
//! docs/reliability.md says what each part does and what was measured.

mod books;
mod campaign;
mod configurations;
mod faults;
mod load;
mod memory;
mod options;
mod progress;
mod random;
mod report;
mod requests;
mod stage;
mod twin;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tokio_util::sync::CancellationToken;

use self::campaign::Campaign;
use self::options::{Options, Part};
use self::report::{Report, Section};

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let campaign = Campaign {
        seed: options.seed.unwrap_or_else(|| fastrand::u64(..1 << 32)),
        module: options.module,
        verbose: options.verbose,
        stop: stopped_by_ctrl_c(),
    };
    eprintln!("seed {}", campaign.seed);
    let mut report = Report::new(campaign.seed);
    for part in options.part.expanded() {
        if !campaign.stop.is_cancelled() {
            report.parts.extend(run(&campaign, &part).await?);
        }
    }
    report.print();
    if let Some(file) = &options.json {
        report.write_json(file)?;
    }
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(campaign: &Campaign, part: &Part) -> Result<Option<Section>> {
    Ok(match part {
        Part::Requests(options) => Some(requests::run(campaign, options).await?),
        Part::Configurations(options) => Some(configurations::run(campaign, options).await?),
        Part::Memory(options) => Some(memory::run(campaign, options).await?),
        Part::Faults(options) => Some(faults::run(campaign, options).await?),
        Part::Short => None,
    })
}

/// The second Ctrl-C ends the program at once.
fn stopped_by_ctrl_c() -> CancellationToken {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            eprintln!("ending with the result so far; press Ctrl-C again to end at once");
            stopped.cancel();
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
    stop
}
