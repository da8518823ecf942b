// SPDX-License-Identifier: Apache-2.0
//! What Prometheus gets from a pod.

use anyhow::{Result, ensure};

use crate::proxy::Proxy;
use crate::shop::{SEARCH, Shop};
use crate::sidecar::everything;
use crate::world::World;

/// The agent's merged endpoint has the filter's metrics with their labels, by the annotations of `metrics.yaml`.
pub async fn labels_come_out_of_the_agents_endpoint(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    let mut mirror = everything();
    mirror["exclude"] = serde_json::json!([{"path": {"exact": "/excluded"}}]);
    mirror["compare"] = serde_json::json!({"body": "bytes"});
    shop.mirror(&mirror)?;
    let proxy = shop.sidecar().await?;
    shop.await_copying(&proxy, true).await?;
    shop.get("/excluded").await?;
    let plugin = format!("plugin=\"shop.{}", SEARCH.plugin);
    let wanted = [
        "shadow_requests_total{mirror=\"v2\"}",
        "shadow_skipped_total{mirror=\"v2\",reason=\"unmatched\"} 1",
        "shadow_sent_total{mirror=\"v2\"}",
        "shadow_responses_total{mirror=\"v2\",side=\"primary\",class=\"2xx\"}",
        "shadow_responses_total{mirror=\"v2\",side=\"shadow\",class=\"2xx\"}",
        "shadow_comparisons_total{mirror=\"v2\",result=\"mismatch\"}",
        "shadow_differences_total{mirror=\"v2\",kind=\"body\"}",
        "shadow_duration_microseconds_count{mirror=\"v2\",side=\"shadow\"}",
        "shadow_in_flight{mirror=\"v2\"} 0",
        "shadow_config_invalid{",
    ];
    // Histograms reach the endpoint with Envoy's own flush, every five seconds.
    for wanted in wanted {
        await_line(&proxy, wanted).await?;
    }
    let metrics = proxy.merged_metrics().await?;
    let gauge = metrics.lines().find(|line| line.starts_with("shadow_config_invalid{"));
    ensure!(gauge.is_some_and(|gauge| gauge.contains(&plugin)), "the gauge is {gauge:?}");
    let buckets = |bound: &str| metrics.contains(&format!("side=\"shadow\",le=\"{bound}\"}}"));
    ensure!(buckets("240") && !buckets("0.5"), "the buckets are not those of metrics.yaml:\n{metrics}");
    let odd = metrics.lines().find(|line| line.contains("shadow_") && line.contains("___"));
    ensure!(odd.is_none(), "a metric without its labels: {odd:?}");
    proxy.stats().await?.check_equations()
}

/// Without them labels stand in the names, as `examples/istio/README.md` says.
pub async fn labels_stand_in_the_names_without_annotations(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    shop.mirror(&everything())?;
    let proxy = shop.plain_sidecar().await?;
    shop.await_copying(&proxy, true).await?;
    for wanted in [
        "mirror___v2___shadow_sent_total{",
        "mirror___v2___side___shadow___class___2xx___shadow_responses_total{",
    ] {
        await_line(&proxy, wanted).await?;
    }
    let metrics = proxy.merged_metrics().await?;
    let odd = metrics
        .lines()
        .find(|line| line.starts_with("shadow_") && !line.starts_with("shadow_buffered_bytes"));
    ensure!(odd.is_none(), "`grep ^shadow_` finds {odd:?}");
    Ok(())
}

/// Waits until a line of the merged metrics begins like this.
async fn await_line(proxy: &Proxy, start: &str) -> Result<()> {
    let shown = async || Ok(proxy.merged_metrics().await?.lines().any(|line| line.starts_with(start)));
    proxy.until(start, shown).await
}
