// SPDX-License-Identifier: Apache-2.0
//! A recorder that is killed while it works.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::Http1;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::serving::{Program, batch, exchange, kept, number, post};

const SENDERS: u128 = 4;
const BATCH: u128 = 25;
const KILLS: usize = 5;

/// What was acknowledged, over all senders.
#[derive(Default)]
struct Ledger {
    acknowledged: Mutex<BTreeSet<u128>>,
    batches: AtomicU64,
    is_over: AtomicBool,
}

/// Sends batches one after the other, each until it is acknowledged.
async fn send(sender: u128, address: SocketAddr, ledger: Arc<Ledger>) {
    let client = Http1::new(address).patience(Duration::from_secs(2));
    let mut next = sender << 32;
    while !ledger.is_over.load(Ordering::Relaxed) {
        let numbers = next..next + BATCH;
        let body = batch(numbers.clone().map(|number| exchange(number, vec![b'x'; 2000])));
        loop {
            match client.request(post(body.clone())).await {
                Ok(answer) if answer.is_success() => break,
                Ok(answer) => assert_eq!(answer.status, 503, "{}", answer.text()),
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
        ledger.acknowledged.lock().unwrap().extend(numbers);
        ledger.batches.fetch_add(1, Ordering::Relaxed);
        next += BATCH;
    }
}

/// Kills it in the middle of batches, several times, and then ends it in order.
async fn survives(flags: &[&str]) -> Result<()> {
    let folder = TempDir::new()?;
    let place = folder.path().display().to_string();
    let mut listen = "--listen=127.0.0.1:0".to_owned();
    let ledger = Arc::<Ledger>::default();
    let mut senders = JoinSet::new();
    let mut cut = 0;
    for round in 0..=KILLS {
        let recorder =
            Program::start(&[&["record", &place, &listen, "--rotate-size=1MiB"], flags].concat()).await?;
        if round == 0 {
            listen = format!("--listen={}", recorder.address);
            (0..SENDERS).for_each(|sender| {
                senders.spawn(send(sender, recorder.address, ledger.clone()));
            });
        }
        let start = ledger.batches.load(Ordering::Relaxed);
        while ledger.batches.load(Ordering::Relaxed) < start + 20 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..30))).await;
        cut += usize::from(recorder.process.log().text().contains("did not end in order"));
        if round < KILLS {
            recorder.kill().await?;
        } else {
            ledger.is_over.store(true, Ordering::Relaxed);
            while let Some(sender) = senders.join_next().await {
                sender?;
            }
            recorder.end().await?;
        }
    }
    ensure!(cut == KILLS, "{cut} starts found what a crash had left");
    let acknowledged = ledger.acknowledged.lock().unwrap().clone();
    let all: Vec<u128> = kept(folder.path())?.iter().map(number).collect();
    let once: BTreeSet<u128> = all.iter().copied().collect();
    let lost = acknowledged.difference(&once).count();
    ensure!(lost == 0, "{lost} of {} acknowledged exchanges are missing", acknowledged.len());
    ensure!(all.len() == once.len(), "{} exchanges are there twice", all.len() - once.len());
    ensure!(once == acknowledged, "what was sent until it was acknowledged is there, and no more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_after_kills() -> Result<()> {
    survives(&[]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_after_kills_in_compressed_protobuf() -> Result<()> {
    survives(&["--format=protobuf", "--zstd"]).await
}
