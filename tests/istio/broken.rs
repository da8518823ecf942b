// SPDX-License-Identifier: Apache-2.0
//! What is wrong with a plugin never takes traffic down: for every way, at first load and as an update. And the cases that are
//! Istio's own.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::images::Source;
use crate::load::Load;
use crate::proxy::Proxy;
use crate::shop::{ITSELF, SEARCH, Shop};
use crate::sidecar::everything;
use crate::world::World;

const PER_SECOND: f64 = 100.0;

/// Invalid configurations, and what the log says of them.
fn configurations() -> Vec<(Value, &'static str)> {
    let with = |key: &str, value: Value| {
        let mut mirror = everything();
        mirror[key] = value;
        json!({"mirrors": [mirror]})
    };
    vec![
        (Value::Null, "configuration: found "),
        (json!({}), "configuration: found "),
        (json!({"mirrors": 7}), "mirrors: found "),
        (with("percentage", json!(120)), "mirrors[0].percentage: found 120, expected a number from 0 to 100"),
        (with("percentage", json!("ten")), "mirrors[0].percentage: found "),
        (with("percent", json!(10)), "mirrors[0].percent: "),
    ]
}

/// A configuration with a fault: traffic passes, the log says why, and a gauge is 1.
pub async fn configurations_leave_traffic_alone_at_first_load(world: &World) -> Result<()> {
    for (configuration, log) in configurations().into_iter().step_by(3) {
        let what = || configuration.to_string();
        let shop = Shop::with(world, &world.images.oci()).await?;
        shop.configure(&configuration)?;
        let proxy = shop.sidecar().await.with_context(what)?;
        passes(&shop, &proxy, log).await.with_context(what)?;
        says_invalid(&proxy, true).await.with_context(what)?;
        shop.mirror(&everything())?;
        shop.await_copying(&proxy, true).await.with_context(what)?;
        says_invalid(&proxy, false).await.with_context(what)?;
    }
    Ok(())
}

pub async fn configurations_leave_traffic_alone_as_an_update(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    shop.mirror(&everything())?;
    let proxy = shop.sidecar().await?;
    shop.await_copying(&proxy, true).await?;
    for (configuration, log) in configurations() {
        let what = || configuration.to_string();
        let load = Load::start(&shop, PER_SECOND);
        shop.configure(&configuration)?;
        shop.await_copying(&proxy, false).await.with_context(what)?;
        proxy.await_log(log).await.with_context(what)?;
        says_invalid(&proxy, true).await.with_context(what)?;
        shop.mirror(&everything())?;
        shop.await_copying(&proxy, true).await.with_context(what)?;
        load.all_succeeded().await.with_context(what)?;
    }
    Ok(())
}

/// Images that cannot be had or that are no filter.
fn images(world: &World) -> Result<Vec<Source>> {
    let images = &world.images;
    Ok(vec![
        images.missing(),
        images.missing_file(),
        images.nowhere()?,
        images.wrong_digest(),
        images.wrong_file_digest(),
        images.without_module()?,
        images.text(),
    ])
}

/// What the agent says when it puts a filter in the place of ours that lets everything pass.
const GIVEN_UP: &str = "applying allow RBAC filter";

pub async fn images_leave_traffic_alone_at_first_load(world: &World) -> Result<()> {
    for source in images(world)? {
        let shop = Shop::with(world, &source).await?;
        let proxy = shop.sidecar().await.with_context(|| format!("{source:?}"))?;
        passes(&shop, &proxy, GIVEN_UP).await.with_context(|| format!("{source:?}"))?;
        mends(&shop, &proxy).await.with_context(|| format!("after {source:?}"))?;
    }
    Ok(())
}

pub async fn images_leave_traffic_alone_as_an_update(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    shop.mirror(&everything())?;
    let proxy = shop.sidecar().await?;
    shop.await_copying(&proxy, true).await?;
    for source in images(world)? {
        let what = || format!("{source:?}");
        let given_up = proxy.log_count(GIVEN_UP);
        let load = Load::start(&shop, PER_SECOND);
        shop.patch(&json!({"url": source.url, "sha256": source.sha256}))?;
        proxy.until(GIVEN_UP, async || Ok(proxy.log_count(GIVEN_UP) > given_up)).await.with_context(what)?;
        shop.await_copying(&proxy, false).await.with_context(what)?;
        mends(&shop, &proxy).await.with_context(what)?;
        load.all_succeeded().await.with_context(what)?;
    }
    Ok(())
}

/// The right image is named, and copies come again.
async fn mends(shop: &Shop<'_>, proxy: &Proxy) -> Result<()> {
    let Source { url, sha256 } = shop.world.images.oci();
    shop.patch(&json!({"url": url, "sha256": sha256}))?;
    shop.mirror(&everything())?;
    shop.await_copying(proxy, true).await
}

/// A shadow that the proxy does not know: traffic passes, and each copy that could not be sent is counted.
pub async fn an_unknown_cluster_leaves_traffic_alone(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    let mut unknown = everything();
    unknown["cluster"] = json!("outbound|8080||nowhere.shop.svc.cluster.local");
    shop.mirror(&unknown)?;
    let proxy = shop.sidecar().await?;
    is_counted_as_unknown(&shop, &proxy).await.context("at first load")?;
    shop.mirror(&everything())?;
    shop.await_copying(&proxy, true).await?;
    let load = Load::start(&shop, PER_SECOND);
    shop.mirror(&unknown)?;
    shop.await_copying(&proxy, false).await?;
    is_counted_as_unknown(&shop, &proxy).await.context("as an update")?;
    shop.mirror(&everything())?;
    shop.await_copying(&proxy, true).await?;
    shop.let_know(&[&format!("./{ITSELF}")])?;
    shop.await_copying(&proxy, false).await?;
    is_counted_as_unknown(&shop, &proxy).await.context("hidden by a Sidecar")?;
    shop.let_know(&[&format!("./{ITSELF}"), &format!("./{}", SEARCH.host())])?;
    shop.mirror(&everything())?;
    proxy.await_log("Envoy has this cluster now").await?;
    load.all_succeeded().await
}

/// Copies fail for this reason, one for each request that passes.
async fn is_counted_as_unknown(shop: &Shop<'_>, proxy: &Proxy) -> Result<()> {
    let labels = [("mirror", "v2"), ("reason", "unknown_cluster")];
    let before = proxy.stats().await?.counter("shadow_failed_total", &labels);
    proxy
        .until("failures for an unknown cluster", async || {
            let answer = shop.get("/passes").await?;
            ensure!(answer.status == 200 && answer.text() == "v1", "the client got {answer:?}");
            Ok(proxy.stats().await?.counter("shadow_failed_total", &labels) >= before + 5)
        })
        .await?;
    ensure!(shop.v2.find_all(|copy| copy.path_only() == "/passes").is_empty(), "something is copied");
    proxy.await_log("Envoy does not have this cluster").await
}

/// Without a scheme Istio takes a url for `oci://`. One with a port it accepts and then leaves out the plugin.
pub async fn a_url_without_a_scheme_leaves_traffic_alone(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    let with_port = world.images.oci().url.replacen("oci://", "", 1);
    shop.patch(&json!({"url": with_port}))?;
    shop.mirror(&everything())?;
    let proxy = shop.sidecar().await?;
    passes(&shop, &proxy, "").await?;
    mends(&shop, &proxy).await?;
    let load = Load::start(&shop, PER_SECOND);
    shop.patch(&json!({"url": with_port}))?;
    shop.await_copying(&proxy, false).await?;
    mends(&shop, &proxy).await?;
    // There is no registry at the port of https, but this is where it is asked for.
    shop.patch(&json!({"url": "127.0.0.1/shadow-filter:0.1.0", "sha256": null}))?;
    proxy.await_log("cannot fetch Wasm module oci://127.0.0.1/shadow-filter:0.1.0").await?;
    shop.await_copying(&proxy, false).await?;
    mends(&shop, &proxy).await?;
    load.all_succeeded().await
}

/// A registry that wants a secret: none is named, or one that there is not.
pub async fn a_missing_pull_secret_leaves_traffic_alone(world: &World) -> Result<()> {
    let private = world.images.private();
    for (secret, log) in [(None, "401"), (Some("nowhere"), "missing image pulling secret")] {
        let shop = Shop::with(world, &private).await?;
        shop.patch(&json!({"imagePullSecret": secret}))?;
        let proxy = shop.sidecar().await?;
        passes(&shop, &proxy, log).await?;
        shop.patch(&json!({"imagePullSecret": null}))?;
        mends(&shop, &proxy).await?;
        let load = Load::start(&shop, PER_SECOND);
        let before = proxy.log_count(GIVEN_UP);
        shop.patch(&json!({"url": private.url, "sha256": null, "imagePullSecret": secret}))?;
        proxy.until(GIVEN_UP, async || Ok(proxy.log_count(GIVEN_UP) > before)).await?;
        shop.await_copying(&proxy, false).await?;
        load.all_succeeded().await?;
    }
    Ok(())
}

/// What `examples/istio/README.md` says is not in our hands: at first load every request is refused.
pub async fn what_istio_itself_does_not_allow(world: &World) -> Result<()> {
    let images = &world.images;
    let closed = json!({"failStrategy": null});
    let reloading = json!({"failStrategy": "FAIL_RELOAD"});
    let strict = json!({
        "pluginConfig": {"mirrors": "all"},
        "vmConfig": {"env": [{"name": "SHADOW_FILTER_STRICT", "value": "1"}]},
    });
    for (what, source, spec, status) in [
        ("no FAIL_OPEN, and no image", images.missing(), closed, 403),
        ("FAIL_RELOAD, and no image", images.missing(), reloading, 403),
        ("a strict filter, and a fault", images.oci(), strict, 500),
        (
            "no such file",
            Source { url: "file:///nowhere/shadow_filter.wasm".into(), sha256: None },
            json!({}),
            500,
        ),
        ("a module that is cut off", images.nonsense(), json!({}), 500),
    ] {
        let shop = Shop::with(world, &source).await?;
        shop.patch(&spec)?;
        let proxy = shop.sidecar().await.context(what)?;
        let refused = async || Ok(shop.get("/refused").await?.status == status);
        proxy.until(&format!("{status} to all"), refused).await.context(what)?;
        ensure!(shop.v2.count() == 0, "{what}: something is copied");
    }
    Ok(())
}

/// As an update they are refused, and the filter that is there goes on until the next.
pub async fn what_envoy_refuses_leaves_the_old_filter(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    shop.mirror(&everything())?;
    let proxy = shop.sidecar().await?;
    shop.await_copying(&proxy, true).await?;
    let load = Load::start(&shop, PER_SECOND);
    let Source { url, .. } = world.images.nonsense();
    shop.patch(&json!({"url": url, "sha256": null}))?;
    proxy.await_log("Failed to load Wasm code").await?;
    shop.await_copying(&proxy, true).await?;
    load.all_succeeded().await?;
    let Source { url, sha256 } = world.images.oci();
    shop.patch(
        &json!({"url": url, "sha256": sha256, "pluginConfig": {"mirrors": [{"cluster": "nowhere"}]}}),
    )?;
    shop.await_copying(&proxy, false).await
}

/// Every request is answered by the primary and none is copied; the log says why.
async fn passes(shop: &Shop<'_>, proxy: &Proxy, log: &str) -> Result<()> {
    proxy.await_log(log).await?;
    for _ in 0..20 {
        let answer = shop.get("/passes").await?;
        ensure!(answer.status == 200 && answer.text() == "v1", "the client got {answer:?}");
    }
    shop.await_copying(proxy, false).await
}

async fn says_invalid(proxy: &Proxy, invalid: bool) -> Result<()> {
    let value = u64::from(invalid);
    proxy
        .until(&format!("shadow_config_invalid {value}"), async || {
            let stats = proxy.stats().await?;
            Ok(stats.exists("shadow_config_invalid", &[])
                && stats.gauge("shadow_config_invalid", &[]) == value)
        })
        .await
}
