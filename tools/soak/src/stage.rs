// SPDX-License-Identifier: Apache-2.0
//! An Envoy whose listener can be replaced, a primary that repeats what it is sent, and shadows of four kinds.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use harness::client::Request;
use harness::upstream::{Refusing, Reply, Upstream};
use harness::{Bootstrap, Envoy};

use crate::load::Make;

pub struct Stage {
    pub envoy: Envoy,
    _primary: Upstream,
    _shadows: [Upstream; 3],
    _dead: Refusing,
}

impl Stage {
    /// The shadows are the clusters `works`, `slow`, `hangs` and `dead`; `control` is the first of them.
    pub async fn start(workers: u32, plugin: &str, module: Option<&Path>) -> Result<Self> {
        let primary = Upstream::http1().await?;
        primary.respond_with(|request| Reply::status(200).body(request.body.clone()));
        let shadows = [Upstream::http1().await?, Upstream::http1().await?, Upstream::http1().await?];
        let [works, slow, hangs] = &shadows;
        slow.respond_with(|_| Reply::status(200).body("slow").delay(Duration::from_millis(150)));
        hangs.respond_with(|_| Reply::hang());
        for upstream in shadows.iter().chain([&primary]) {
            upstream.keep(0);
        }
        let dead = Refusing::new()?;
        let mut bootstrap = Bootstrap::shipped()
            .concurrency(workers)
            .log_level("error")
            .drain_seconds(1)
            .dynamic_listeners()
            .primary(primary.addr())
            .cluster("works", works.addr())
            .cluster("control", works.addr())
            .cluster("slow", slow.addr())
            .cluster("hangs", hangs.addr())
            .cluster("dead", dead.addr())
            .plugin(plugin);
        if let Some(module) = module {
            bootstrap = bootstrap.module(module).unrestricted();
        }
        let envoy = Envoy::start(bootstrap).await?;
        Ok(Self { envoy, _primary: primary, _shadows: shadows, _dead: dead })
    }

    /// Whether nothing of an earlier listener is left.
    pub async fn drained(&self) -> Result<()> {
        let left = |what: &str| format!("listener_manager.total_{what}_draining");
        let none = |stats: &harness::Stats| {
            stats.envoy(&left("listeners")) + stats.envoy(&left("filter_chains")) == 0
        };
        self.envoy.await_stats(none, "earlier listeners to drain").await.map(drop)
    }
}

/// Uploads of different sizes. A connection each where listeners change: one that has drained closes what it has left.
pub fn uploads(own_connections: bool) -> Make {
    Arc::new(move |number| {
        let body = match number % 4 {
            0 => String::new(),
            1 => format!(r#"{{"user": {{"email": "{number}@b.test"}}, "cards": [{{"number": "1"}}]}}"#),
            2 => "x".repeat(number as usize % 5_000),
            _ => format!("request {number}"),
        };
        let mut request = Request::post(format!("/a/{}?x={number}&a=b", number % 50), body)
            .header("x-soak-user", format!("user-{}", number % 100))
            .header("cookie", format!("session={}", number % 100))
            .header("content-type", if number % 4 == 1 { "application/json" } else { "text/plain" });
        if own_connections {
            request = request.header("connection", "close");
        }
        request
    })
}
