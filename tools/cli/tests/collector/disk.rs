// SPDX-License-Identifier: Apache-2.0
//! A disk of 2 MiB.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use harness::client::Http1;
use tempfile::TempDir;

use crate::serving::{Program, batch, exchange, kept, number, post};

/// A recorder on a disk of its own, which others see below /proc.
async fn start(folder: &TempDir, flags: &[&str]) -> Result<(Program, PathBuf)> {
    let place = folder.path().display().to_string();
    let script = format!(
        "mount -t tmpfs -o size=2m tmpfs {place} && exec {} record {place} --listen=127.0.0.1:0 {}",
        env!("CARGO_BIN_EXE_shadow-filter"),
        flags.join(" ")
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]);
    let recorder =
        Program::of(command).await.context("this test needs `unshare` (util-linux) and user namespaces")?;
    let seen = PathBuf::from(format!("/proc/{}/root{place}", recorder.process.pid()));
    Ok((recorder, seen))
}

fn ten(number: u128) -> Vec<u8> {
    batch((number * 10..number * 10 + 10).map(|number| exchange(number, vec![b'x'; 10_000])))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_loses_nothing_that_was_acknowledged() -> Result<()> {
    let folder = TempDir::new()?;
    let (recorder, seen) = start(&folder, &["--when-full=refuse"]).await?;
    let client = Http1::new(recorder.address);
    let mut acknowledged = 0;
    loop {
        let answer = client.request(post(ten(acknowledged))).await?;
        if answer.status == 503 {
            break;
        }
        ensure!(answer.status == 204, "{}", answer.text());
        acknowledged += 1;
    }
    ensure!((10..=20).contains(&acknowledged), "{acknowledged} batches of 100 kB in 2 MiB");
    // A smaller one may find room.
    let small = client.request(post(batch([exchange(1_000_000, Vec::new())]))).await?;
    ensure!(small.status == 204 || small.status == 503, "{}", small.status);
    ensure!(client.request(post(ten(acknowledged))).await?.status == 503);
    let copy = client.get("/").await?;
    ensure!(copy.status == 200 || copy.status == 503, "{}", copy.status);
    let mut all: Vec<u128> = kept(&seen)?.iter().map(number).filter(|number| *number < 1_000_000).collect();
    all.sort_unstable();
    ensure!(all == (0..acknowledged * 10).collect::<Vec<_>>(), "{all:?}");
    // Somebody makes room.
    ensure!(recorder.process.log().text().contains("cannot be kept"));
    recorder.end().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_gives_up_the_oldest_segments() -> Result<()> {
    let folder = TempDir::new()?;
    // The bound is far above the disk's own.
    let (recorder, seen) = start(&folder, &["--rotate-size=200KiB"]).await?;
    let client = Http1::new(recorder.address);
    for round in 0..100 {
        let mut tries = 0;
        while client.request(post(ten(round))).await?.status != 204 {
            tries += 1;
            ensure!(tries < 100, "it does not make room");
        }
    }
    let all: Vec<u128> = kept(&seen)?.iter().map(number).collect();
    ensure!((50..=205).contains(&all.len()), "{}", all.len());
    ensure!(
        all == (1000 - all.len() as u128..1000).collect::<Vec<_>>(),
        "the latest are there, without a hole"
    );
    recorder.end().await?;
    Ok(())
}
