// SPDX-License-Identifier: Apache-2.0
//! In the sidecar of the service that is mirrored.

use anyhow::{Result, bail, ensure};
use harness::client::Request;
use serde_json::json;

use crate::manifest::{self, Document};
use crate::shop::{HTTPBIN, ITSELF, SEARCH, Shop};
use crate::world::World;

/// `search.yaml` as shipped: one of ten GET requests, once, to the subset v2, without what it removes.
pub async fn search_is_mirrored_as_shipped(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    let proxy = shop.sidecar().await?;
    shop.v1.take();
    const COUNT: usize = 1000;
    for n in 0..COUNT {
        let request = shop
            .request(&format!("/find?q={n}"))
            .header("authorization", "Bearer secret")
            .header("x-kept", "yes");
        let answer = shop.client().request(request).await?;
        ensure!(answer.status == 200 && answer.text() == "v1", "the client got {answer:?}");
    }
    let posted = shop.client().request(Request::post("/find", "new").authority(SEARCH.host())).await?;
    ensure!(posted.is_success(), "a POST got {posted:?}");
    // Some 100 of 1,000, give or take more than five standard deviations.
    proxy.until("the copies", async || Ok(shop.v2.count() >= 50)).await?;
    proxy
        .until("the end of the copies", async || {
            let stats = proxy.stats().await?;
            Ok(stats.counter("shadow_responses_total", &[("mirror", "v2"), ("side", "shadow")])
                == shop.v2.count() as u64)
        })
        .await?;
    let copies = shop.v2.take();
    ensure!(copies.len() < 150, "{} of {COUNT} were copied", copies.len());
    for copy in copies {
        ensure!(copy.method == "GET", "a copy of {copy:?}");
        ensure!(
            copy.authority == Some(format!("{}-shadow:8080", SEARCH.host())),
            "the authority of {copy:?}"
        );
        ensure!(copy.header("authorization").is_none(), "credentials in {copy:?}");
        ensure!(
            copy.header("x-kept") == Some("yes") && copy.header("x-shadow-mirror") == Some("v2"),
            "{copy:?}"
        );
    }
    ensure!(shop.v1.count() == COUNT + 1, "v1 got {} requests", shop.v1.count());
    Ok(())
}

/// With mode SERVER the same proxy does not copy what its application asks others, and without it does.
pub async fn mode_server_mirrors_once(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    shop.patch(&json!({"pluginConfig": {"mirrors": [everything()]}}))?;
    let proxy = shop.sidecar().await?;
    shop.await_copying(&proxy, true).await?;
    ensure!(copies_of_both(&shop).await? == 1, "with mode SERVER, as shipped, not one copy");
    shop.patch(&json!({"match": null}))?;
    proxy.until("two copies without a mode", async || Ok(copies_of_both(&shop).await? == 2)).await
}

/// How often a request is copied that passes both listeners of the sidecar: from the application, out of its sidecar, and into
/// the same sidecar, for v1's only pod is its own.
async fn copies_of_both(shop: &Shop<'_>) -> Result<usize> {
    shop.v2.take();
    let answer = shop.application().request(Request::get("/both").authority(ITSELF)).await?;
    ensure!(answer.status == 200 && answer.text() == "v1", "the application got {answer:?}");
    shop.get("/sentinel").await?;
    shop.v2.await_where(|copy| copy.path_only() == "/sentinel").await?;
    Ok(shop.v2.find_all(|copy| copy.path_only() == "/both").len())
}

/// The tutorial: half of all requests to httpbin v1 go to v1-mirroring, too, after its second step and not before.
pub async fn the_tutorial_mirrors_half(world: &World) -> Result<()> {
    let shop = Shop::open(world, &HTTPBIN).await?;
    shop.apply("httpbin/app.yaml", &world.images.oci())?;
    let proxy = shop.sidecar().await?;
    const COUNT: usize = 400;
    for _ in 0..COUNT {
        shop.get("/headers").await?;
    }
    ensure!(shop.v2.count() == 0, "{} requests are mirrored already", shop.v2.count());
    shop.apply("httpbin/mirror.yaml", &world.images.oci())?;
    proxy
        .until("the first copy", async || {
            shop.get("/headers").await?;
            Ok(shop.v2.count() > 0)
        })
        .await?;
    let before = shop.v2.count();
    for _ in 0..COUNT {
        shop.get("/headers").await?;
    }
    // 200, give or take five standard deviations.
    proxy.until("half of the requests", async || Ok(shop.v2.count() - before >= 150)).await?;
    ensure!(shop.v2.count() - before <= 250, "{} of {COUNT} are mirrored", shop.v2.count() - before);
    let Some(copy) = shop.v2.find(|_| true) else { bail!("no copy is kept") };
    ensure!(copy.authority == Some(format!("{}-shadow:8000", HTTPBIN.host())), "the copy is {copy:?}");
    Ok(())
}

/// The plugin as a TrafficExtension, which came with Istio 1.30.
pub async fn a_traffic_extension_does_the_same(world: &World) -> Result<()> {
    let shop = Shop::open(world, &SEARCH).await?;
    world.kubectl().apply(&SEARCH.manifest())?;
    let routes = manifest::shipped("search.yaml")?.into_iter().filter(|document| !document.is_plugin());
    shop.apply_all(routes.collect(), &world.images.oci())?;
    shop.apply("traffic-extension/search.yaml", &world.images.oci())?;
    let proxy = shop.sidecar().await?;
    proxy
        .until("a copy", async || {
            shop.get("/find").await?;
            Ok(shop.v2.count() > 0)
        })
        .await
}

/// Both kinds of plugin at once copy every request twice.
pub async fn both_kinds_of_plugin_copy_twice(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    let extension = manifest::shipped("traffic-extension/search.yaml")?;
    shop.apply_all(extension.into_iter().map(Document::mirroring_all).collect(), &world.images.oci())?;
    shop.mirror(&everything())?;
    let proxy = shop.sidecar().await?;
    proxy
        .until("two copies of a request", async || {
            shop.v2.take();
            shop.get("/twice").await?;
            Ok(shop.v2.await_count(2).await.is_ok())
        })
        .await
}

/// The mirror of `search.yaml`, at 100 %.
pub fn everything() -> serde_json::Value {
    json!({"name": "v2", "cluster": format!("outbound|8080|v2|{}", SEARCH.host())})
}
