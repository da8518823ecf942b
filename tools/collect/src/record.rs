// SPDX-License-Identifier: Apache-2.0
//! `shadow-filter record`: a shadow that keeps what it gets.

mod options;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytesize::ByteSize;
use http::StatusCode;

pub use self::options::{Keeping, Options};
use crate::files::{Format, Item, Journal, NotKept};
use crate::intake::{
    Budget, Charge, Counts, Intake, Limits, Listeners, Refusal, Taken, Taker, is_loopback, serve, stop,
};
use crate::operation;

/// Keeps every exchange, and does no more.
#[derive(Debug)]
pub struct Recorder {
    pub journal: Journal,
    pub format: Format,
}

impl Taker for Recorder {
    async fn take(&self, batch: Vec<Taken>, _charge: Charge) -> Result<u64, Refusal> {
        let item = |taken: &Taken| {
            let bytes = self.format.spell(&taken.exchange, taken.frame.as_ref());
            Some(Item { id: taken.exchange.id()?, bytes })
        };
        let items = batch.iter().filter_map(item).collect();
        match self.journal.keep(items).await {
            Ok(new) => Ok(new.into_iter().filter(|is_new| *is_new).count() as u64),
            Err(NotKept::Full) => Err(Refusal::Full),
            Err(NotKept::Failed(_)) => Err(Refusal::Failing),
        }
    }
}

pub fn run(options: &Options) -> ExitCode {
    operation::run(record(options))
}

async fn record(options: &Options) -> Result<ExitCode> {
    let status = StatusCode::from_u16(options.status).context("--status")?;
    let tls = options.tls.config()?;
    let has_client_ca = options.tls.tls_client_ca.is_some();
    let listeners = Listeners::bind(&options.listen, tls)?;
    let (recorder, recovered) = options.keeping.open()?;
    if recovered.segments > 0 {
        eprintln!(
            "found {} exchanges of a process that did not end in order; cut {} bytes that nobody was told are kept",
            recovered.exchanges, recovered.cut
        );
    }
    let counts = Arc::new(Counts::default());
    let budget = Budget::new(operation::to_usize(options.max_memory));
    let intake = Arc::new(Intake {
        taker: recorder,
        counts: counts.clone(),
        budget: budget.clone(),
        limits: Limits {
            batch_bytes: operation::to_usize(options.max_batch),
            body_bytes: operation::to_usize(options.max_body),
        },
        status,
    });
    let (stop, stopped) = stop();
    operation::on_signal(move || stop.now());
    let scheme = listeners.scheme();
    for address in listeners.addresses() {
        eprintln!("recording what comes to {scheme}://{address} in {}", options.keeping.place.display());
        if !is_loopback(&address) && !has_client_ca {
            eprintln!(
                "anybody who reaches {address} can fill the disk up to --max-disk; --tls-client-ca shuts others out"
            );
        }
    }
    let serving = intake.clone();
    let answer = move |request| {
        let intake = serving.clone();
        async move { intake.answer(request, scheme).await }
    };
    serve(listeners, answer, stopped).await;
    let bytes = intake.taker.journal.bytes();
    // Closes the last segment.
    drop(intake);
    eprintln!(
        "kept {} exchanges and {} copies; {} came again, {} requests were refused, {} malformed; {} on disk before compression",
        Counts::of(&counts.exchanges),
        Counts::of(&counts.copies),
        Counts::of(&counts.duplicates),
        Counts::of(&counts.refused),
        Counts::of(&counts.malformed),
        ByteSize(bytes),
    );
    Ok(ExitCode::SUCCESS)
}
