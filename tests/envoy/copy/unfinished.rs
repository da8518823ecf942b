// SPDX-License-Identifier: Apache-2.0
//! A request that never came to its end leaves no copy behind.

use anyhow::{Result, ensure};
use harness::client::{Raw, Request};
use harness::upstream::Reply;

use crate::bench::{EVERYTHING, Pair};

const UPLOAD: &str = "POST /gone HTTP/1.1\r\nhost: a.test\r\ncontent-length: 100\r\n\r\nhalf";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_in_mid_upload_leaves_no_copy() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;

    let mut resets = Raw::connect(pair.envoy.address()).await?;
    resets.send(UPLOAD).await?;
    pair.primary.await_started(1).await?;
    resets.reset()?;

    let mut closes = Raw::connect(pair.envoy.address()).await?;
    closes.send(UPLOAD).await?;
    pair.primary.await_started(2).await?;
    closes.close();

    let client = pair.http2();
    let mut stream = client.start(&Request::new("POST", "/gone")).await?;
    stream.send("half").await?;
    pair.primary.await_started(3).await?;
    stream.reset(8);

    let stats = pair.no_copy(|copy| copy.path == "/gone").await?;
    ensure!(stats.skipped("shadow").get("aborted") == Some(&3), "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_the_primary_cuts_short_leaves_no_copy() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;
    pair.primary.respond_early_with(|head| (head.path == "/gone").then(|| Reply::status(413)));

    let mut http1 = Raw::connect(pair.envoy.address()).await?;
    http1.send(UPLOAD).await?;
    let answer = http1.read_response().await?;
    ensure!(answer.status == 413, "{}", answer.status);

    let mut http2 = pair.http2().start(&Request::new("POST", "/gone")).await?;
    http2.send("half").await?;
    ensure!(http2.head().await?.status == 413);

    let stats = pair.no_copy(|copy| copy.path == "/gone").await?;
    ensure!(stats.skipped("shadow").get("aborted") == Some(&2), "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_after_its_request_is_copied() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;
    pair.primary.respond_with(|_| Reply::hang());
    let mut client = Raw::connect(pair.envoy.address()).await?;
    client.send("GET /left HTTP/1.1\r\nhost: a.test\r\n\r\n").await?;
    pair.shadow.await_one().await?;
    client.reset()?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_responses_total", &[("side", "shadow")]) == 1, "{stats}");
    ensure!(stats.counter("shadow_responses_total", &[("side", "primary")]) == 0, "{stats}");
    Ok(())
}
