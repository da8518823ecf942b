// SPDX-License-Identifier: Apache-2.0
//! How many small exchanges a collector takes in a second, and what each costs it. Sender and collector share the machine.
//!
//! `cargo run --release --package shadow-filter-cli --example collector`. It is no bench: these are built to unwind, and the program is not.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails ends"
)]

use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use collect::files::{Input, Reader};
use collect::protocol::{Answer, write_frame};
use harness::client::Http1;
use harness::process::cpu_time;
use tempfile::TempDir;
use tokio::task::JoinSet;

#[path = "../tests/serving/mod.rs"]
mod serving;

use serving::{Program, exchange, post};

const TIME: Duration = Duration::from_secs(4);
const CONNECTIONS: u128 = 8;
/// About 64 KiB, as a mirror sends them by default.
const BATCH: u128 = 64;
const BODY: usize = 600;

/// The program itself, where this is run with its command line.
const PROGRAM: &str = "shadow-filter";

fn main() -> Result<ExitCode> {
    let mut arguments = std::env::args_os().skip(1).peekable();
    match arguments.peek().is_some_and(|first| first == PROGRAM) {
        true => Ok(shadow_filter_cli::run(arguments)),
        false => tokio::runtime::Runtime::new()?.block_on(all()),
    }
}

async fn all() -> Result<ExitCode> {
    println!("{:<44} {:>12} {:>16} {:>12}", "", "exchanges/s", "CPU of it each", "lost");
    for (name, flags) in [
        ("record, NDJSON", &[][..]),
        ("record, NDJSON, zstd", &["--zstd"]),
        ("record, protobuf", &["--format=protobuf"]),
    ] {
        let folder = TempDir::new()?;
        let place = folder.path().display().to_string();
        let all = [&["record", &place, "--listen=127.0.0.1:0", "--max-disk=100GiB"], flags].concat();
        measure(name, &all, Some(&folder)).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(name: &str, arguments: &[&str], kept: Option<&TempDir>) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(PROGRAM).args(arguments);
    let program = Program::of(command).await?;
    let before = cpu_time(program.process.pid())?;
    let taken = Arc::<AtomicU64>::default();
    let start = Instant::now();
    let mut senders = JoinSet::new();
    for sender in 0..CONNECTIONS {
        senders.spawn(flood(sender, Http1::new(program.address), start + TIME, taken.clone()));
    }
    while let Some(sender) = senders.join_next().await {
        sender??;
    }
    let time = start.elapsed();
    let taken = taken.load(Ordering::Relaxed);
    let cpu = cpu_time(program.process.pid())? - before;
    program.end().await?;
    let lost = kept.map(|folder| -> Result<u64> {
        let mut found = 0;
        for input in Input::of(folder.path())? {
            found += Reader::open(&input)?.map(|one| one.map(|_| 1)).sum::<Result<u64, _>>()?;
        }
        Ok(taken - found)
    });
    println!(
        "{name:<44} {:>12.0} {:>13.1} µs {:>12}",
        taken as f64 / time.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / taken as f64,
        lost.transpose()?.map_or_else(|| "-".to_owned(), |lost| lost.to_string()),
    );
    Ok(())
}

async fn flood(sender: u128, client: Http1, until: Instant, taken: Arc<AtomicU64>) -> Result<()> {
    let mut template = Vec::new();
    let mut ids = Vec::new();
    for number in 0..BATCH {
        let mut one = exchange(u128::MAX, vec![b'x'; BODY]);
        one.answer = Some(Answer { status: 200, duration_us: 1234 + number as u64, ..Answer::default() });
        let start = template.len();
        write_frame(&one, &mut template);
        let at = template[start..].windows(16).position(|part| part == [0xff; 16]).expect("the id");
        ids.push(start + at);
    }
    let mut number = sender << 64;
    while Instant::now() < until {
        let mut body = template.clone();
        for at in &ids {
            body[*at..*at + 16].copy_from_slice(&number.to_be_bytes());
            number += 1;
        }
        let answer = client.request(post(body)).await?;
        ensure!(answer.status == 204, "{} {}", answer.status, answer.text());
        taken.fetch_add(BATCH as u64, Ordering::Relaxed);
    }
    Ok(())
}
