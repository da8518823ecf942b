// SPDX-License-Identifier: Apache-2.0
//! At an ingress gateway.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use harness::client::{Http1, Request};
use serde_json::json;

use crate::free;
use crate::images::Source;
use crate::manifest;
use crate::proxy::{Proxy, Role};
use crate::shop::Shop;
use crate::world::World;

const POD: Role = Role {
    kind: "router",
    namespace: "istio-system",
    labels: &[("app", "gateway"), ("istio", "ingressgateway")],
};

/// `gateway.yaml` as it is shipped, but for the image, the gateway's port and the percentage.
struct Gateway<'a> {
    shop: Shop<'a>,
    proxy: Proxy,
    client: Http1,
}

impl<'a> Gateway<'a> {
    async fn open(world: &'a World, source: &Source) -> Result<Self> {
        let shop = Shop::without_sidecars(world).await?;
        let port = free::port()?;
        let server = json!({"servers": [{
            "port": {"number": port, "name": "http", "protocol": "HTTP"},
            "hosts": ["shop.example.com"],
            "bind": "127.0.0.1",
        }]});
        let documents =
            manifest::shipped("gateway.yaml")?.into_iter().map(|document| match document.kind() {
                "Gateway" => document.with(&server),
                "WasmPlugin" => Ok(document.mirroring_all()),
                _ => Ok(document),
            });
        shop.apply_all(documents.collect::<Result<_>>()?, source)?;
        let proxy = Proxy::start(world, POD).await?;
        let gateway = Self { shop, proxy, client: Http1::new(SocketAddr::from(([127, 0, 0, 1], port))) };
        let hello = || Request::post("/search/hello", "").authority("shop.example.com");
        let served =
            async || Ok(gateway.client.request(hello()).await.is_ok_and(|answer| answer.is_success()));
        gateway.proxy.until("the gateway", served).await?;
        Ok(gateway)
    }

    /// Sends a request, and waits for the next copy of one.
    async fn mirrors(&self) -> Result<()> {
        self.shop.v2.take();
        let copied = async || {
            let answer = self.client.request(Request::get("/search/").authority("shop.example.com")).await?;
            ensure!(answer.status == 200 && answer.text() == "v1", "the client got {answer:?}");
            Ok(self.shop.v2.count() > 0)
        };
        self.proxy.until("a copy", copied).await
    }
}

/// The module comes from a registry by the digest of its manifest, as an image of either kind, and from a web server by the
/// digest of the file.
pub async fn images_come_by_digest_from_a_registry_and_by_http(world: &World) -> Result<()> {
    let images = &world.images;
    // Each in a new pod: an agent that has a module under one name does not get it under another.
    for source in [images.oci(), images.oci_in_one_line()?, images.artifact(), images.http()] {
        let gateway = Gateway::open(world, &source).await?;
        gateway.mirrors().await.with_context(|| source.url.clone())?;
        let fetched = gateway.proxy.log_count("fetching image shadow-filter from registry");
        ensure!(
            fetched == usize::from(source.url.starts_with("oci://")),
            "fetched {fetched} times: {}",
            source.url
        );
    }
    ensure!(images.fetched_by_http() == 1, "the file was fetched {} times", images.fetched_by_http());
    Ok(())
}

/// The primary gets the path that the route rewrites, the shadow the one that the mirror does.
pub async fn the_copy_leaves_before_the_routes_rewrite(world: &World) -> Result<()> {
    let gateway = Gateway::open(world, &world.images.oci()).await?;
    gateway.mirrors().await?;
    let request = Request::get("/search/lamps?page=2").authority("shop.example.com");
    let answer = gateway.client.request(request).await?;
    ensure!(answer.status == 200 && answer.text() == "v1", "the client got {answer:?}");
    for (side, upstream, authority) in [
        ("the primary", &gateway.shop.v1, "shop.example.com"),
        ("the shadow", &gateway.shop.v2, "shop.example.com-shadow"),
    ] {
        let got = upstream.await_where(|request| request.path_only() == "/lamps").await?;
        ensure!(got.query() == Some("page=2"), "{side} got {got:?}");
        ensure!(got.authority.as_deref() == Some(authority), "{side} got {got:?}");
    }
    Ok(())
}
