// SPDX-License-Identifier: Apache-2.0
//! Changes of the plugin while requests come.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::load::Load;
use crate::shop::{SEARCH, Shop};
use crate::sidecar::everything;
use crate::world::World;

const PER_SECOND: f64 = 200.0;
/// A change is there when the requests of this time show it.
const WINDOW: Duration = Duration::from_millis(250);
const PROMISED: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(15);

/// What share of the requests is copied.
#[derive(Debug, Clone, Copy)]
enum Share {
    None,
    Some,
    All,
}

impl Share {
    fn fits(self, copies: usize, requests: usize) -> bool {
        match self {
            Self::None => copies == 0,
            // Of 10 %: more than half of the requests of a window are copied in no case that matters.
            Self::Some => copies > 0 && copies < requests / 2,
            Self::All => copies * 10 >= requests * 9,
        }
    }
}

/// 0 %, 100 %, 10 %: each is there within a second, and no request is lost.
pub async fn a_patch_takes_effect_within_a_second_and_loses_nothing(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    let percentage = |percentage: u8| {
        let mut mirror = everything();
        mirror["percentage"] = json!(percentage);
        mirror
    };
    shop.mirror(&percentage(0))?;
    let _proxy = shop.sidecar().await?;
    let load = Load::start(&shop, PER_SECOND);
    shows(&shop, Share::None).await?;
    for (percent, share) in [(100, Share::All), (10, Share::Some), (100, Share::All), (0, Share::None)] {
        shop.patch(&json!({"pluginConfig": {"mirrors": [percentage(percent)]}}))?;
        let took = shows(&shop, share).await.with_context(|| format!("{percent} %"))?;
        ensure!(took <= PROMISED, "{percent} % took {took:?}");
    }
    load.all_succeeded().await
}

/// The plugin is added, taken away and added again: each is there within a second, and no request is lost.
pub async fn adding_and_removing_lose_nothing(world: &World) -> Result<()> {
    let shop = Shop::with(world, &world.images.oci()).await?;
    shop.mirror(&everything())?;
    let plugin = world.kubectl().run(&["-n", "shop", "get", "wasmplugin", SEARCH.plugin, "-o", "yaml"])?;
    let plugin: String =
        plugin.lines().filter(|line| !is_the_servers(line)).map(|line| format!("{line}\n")).collect();
    world.kubectl().delete("wasmplugin", SEARCH.plugin, "shop")?;
    let _proxy = shop.sidecar().await?;
    let load = Load::start(&shop, PER_SECOND);
    shows(&shop, Share::None).await?;
    for round in 0..2 {
        world.kubectl().apply(&plugin)?;
        let took = shows(&shop, Share::All).await.with_context(|| format!("added, round {round}"))?;
        // The first time the agent gets the image, and Envoy compiles it.
        ensure!(round == 0 || took <= PROMISED, "adding it again took {took:?}");
        world.kubectl().delete("wasmplugin", SEARCH.plugin, "shop")?;
        let took = shows(&shop, Share::None).await.with_context(|| format!("removed, round {round}"))?;
        ensure!(took <= PROMISED, "removing it took {took:?}");
    }
    load.all_succeeded().await
}

/// Fields of an object that cannot be applied again.
fn is_the_servers(line: &str) -> bool {
    ["  creationTimestamp:", "  resourceVersion:", "  uid:", "  generation:"]
        .iter()
        .any(|field| line.starts_with(field))
}

/// Waits until the requests of a window show this share, and tells when that window began.
async fn shows(shop: &Shop<'_>, share: Share) -> Result<Duration> {
    let asked = Instant::now();
    loop {
        let began = asked.elapsed();
        let (requests, copies) = (shop.v1.count(), shop.v2.count());
        sleep(WINDOW).await;
        let (requests, copies) = (shop.v1.count() - requests, shop.v2.count() - copies);
        ensure!(requests > 0, "no requests come any more");
        if share.fits(copies, requests) {
            return Ok(began);
        }
        ensure!(began < PATIENCE, "{copies} of {requests} requests are copied, which is not {share:?}");
    }
}
