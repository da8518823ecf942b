// SPDX-License-Identifier: Apache-2.0
//! The main job, shown in a real Envoy: a search service answers users, and its next version gets copies.
//!
//! Every promise that is printed is checked; the demo fails if one does not hold.

mod acts;
mod catalogue;
mod promises;
mod service;
mod stage;
mod story;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use self::promises::Promises;
use self::stage::Stage;

/// Shows shadow-filter in a real Envoy, in under two minutes.
///
/// A search service (v1) answers users through Envoy. Its next version (v2) gets copies of their requests. The demo
/// shows what is copied, what the client notices when v2 is slow or down, how all of it is counted, and how a verdict comes of
/// that: v2 is rejected for what no benchmark showed, fixed, and promoted.
#[derive(Parser)]
#[command(name = "cargo demo --", bin_name = "cargo demo --")]
struct Options {
    /// Keep Envoy and both services running, and print lines to try, until Ctrl-C
    #[arg(long)]
    serve: bool,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let stage = Stage::set().await?;
    let mut promises = Promises::default();
    if options.serve {
        stage.serve().await?;
        return Ok(ExitCode::SUCCESS);
    }
    acts::one_request(&stage, &mut promises).await?;
    acts::ten_percent(&stage, &mut promises).await?;
    acts::bodies(&stage, &mut promises).await?;
    acts::trouble(&stage, &mut promises).await?;
    acts::metrics(&stage, &mut promises).await?;
    story::promotion(&stage, &mut promises).await?;
    Ok(promises.conclude())
}
