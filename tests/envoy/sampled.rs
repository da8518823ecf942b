// SPDX-License-Identifier: Apache-2.0
//! The bootstraps in which Envoy itself decides which requests the module sees.

use anyhow::{Result, ensure};
use harness::client::{Http1, Request};
use harness::upstream::Upstream;
use harness::{Bootstrap, Envoy};

use crate::bench::{Pair, arrived};

async fn pair(bootstrap: Bootstrap) -> Result<Pair> {
    let (primary, shadow) = (Upstream::http1().await?, Upstream::http1().await?);
    let envoy = Envoy::start(bootstrap.primary(primary.addr()).shadow(shadow.addr())).await?;
    Ok(Pair { envoy, primary, shadow })
}

async fn send(client: &Http1, path: &str, count: usize) -> Result<()> {
    for _ in 0..count {
        ensure!(client.get(path).await?.is_success());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoy_samples_and_the_share_changes_at_the_admin() -> Result<()> {
    let pair = pair(Bootstrap::shipped_sampled()).await?;
    let client = pair.http1();
    send(&client, "/one-percent", 2000).await?;
    let stats = pair.ends_well().await?;
    let drawn = stats.counter("shadow_requests_total", &[]);
    // 20 on average; outside of this once in a billion runs.
    ensure!((1..60).contains(&drawn), "{drawn} of 2,000 at 1 %");
    ensure!(stats.counter("shadow_sent_total", &[("mirror", "v2")]) == drawn);

    pair.envoy.set_runtime("shadow.sample_percent", "100").await?;
    let body = "x".repeat(200_000);
    let pieces = Request::new("POST", "/whole").piece(body.clone()).piece(body.clone());
    let answer = client.request(pieces).await?;
    ensure!(answer.is_success());
    let copy = arrived(&pair.shadow, "/whole").await?;
    ensure!(copy.body.len() == 400_000, "{} bytes of the body", copy.body.len());
    send(&client, "/all", 100).await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[]) == drawn + 101);

    pair.envoy.set_runtime("shadow.sample_percent", "0").await?;
    send(&client, "/none", 100).await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_requests_total", &[]) == drawn + 101);
    ensure!(pair.shadow.find(|request| request.path == "/none").is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_route_switches_the_filter_on() -> Result<()> {
    let pair = pair(Bootstrap::shipped_per_route()).await?;
    let client = pair.http1();
    send(&client, "/other", 50).await?;
    send(&client, "/api/a", 50).await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_requests_total", &[]) == 50);
    ensure!(stats.counter("shadow_sent_total", &[("mirror", "v2")]) == 50);
    ensure!(pair.shadow.find(|request| request.path == "/other").is_none());

    pair.envoy.set_runtime("shadow.api_percent", "0").await?;
    send(&client, "/api/b", 50).await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_requests_total", &[]) == 50);
    Ok(())
}
