// SPDX-License-Identifier: Apache-2.0
//! What nearly every test sets up: an Envoy between a primary and a shadow, both recorded, and clients. It owns
//! no expectation but the ones that every test ends with.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use harness::client::{Http1, Http2};
use harness::recording::Recorded;
use harness::upstream::Upstream;
use harness::{Bootstrap, Envoy, Stats};
use serde_yaml_ng::Value;

/// Mirrors everything to the cluster `shadow` under the name `shadow`.
pub const EVERYTHING: &str = r#"{"mirrors": [{"cluster": "shadow"}]}"#;

/// The path of the request whose copy [`Pair::no_copy`] waits for.
const SENTINEL: &str = "/sentinel";

/// How the shadow is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Http1,
    Http2,
}

/// One Envoy, its primary and its shadow.
pub struct Pair {
    pub envoy: Envoy,
    pub primary: Upstream,
    pub shadow: Upstream,
}

impl Pair {
    /// The shipped bootstrap with this plugin configuration, and a shadow that speaks HTTP/1.1.
    pub async fn with(plugin: &str) -> Result<Self> {
        Self::on(Wire::Http1, plugin, |bootstrap| bootstrap).await
    }

    /// The shipped bootstrap for either kind of shadow, edited. The primary speaks HTTP/1.1.
    pub async fn on(wire: Wire, plugin: &str, edit: impl FnOnce(Bootstrap) -> Bootstrap) -> Result<Self> {
        let primary = Upstream::http1().await?;
        let (bootstrap, shadow) = match wire {
            Wire::Http1 => (Bootstrap::shipped(), Upstream::http1().await?),
            Wire::Http2 => (Bootstrap::shipped_http2(), Upstream::http2().await?),
        };
        let bootstrap = bootstrap.primary(primary.addr()).shadow(shadow.addr()).plugin(plugin);
        let envoy = Envoy::start(edit(bootstrap)).await?;
        Ok(Self { envoy, primary, shadow })
    }

    pub fn http1(&self) -> Http1 {
        Http1::new(self.envoy.address())
    }

    pub fn http2(&self) -> Http2 {
        Http2::new(self.envoy.address())
    }

    /// What primary and shadow got under this path, once both have it.
    pub async fn both(&self, path: &str) -> Result<(Arc<Recorded>, Arc<Recorded>)> {
        let primary = arrived(&self.primary, path).await?;
        match arrived(&self.shadow, path).await {
            Ok(shadow) => Ok((primary, shadow)),
            // What became of the copy is in the counters.
            Err(error) => Err(error.context(format!("the filter's metrics:\n{}", self.envoy.stats().await?))),
        }
    }

    /// Comes to rest, and fails if the shadow ever got a request for which this holds. A sentinel shows that copies do come.
    pub async fn no_copy(&self, matches: impl Fn(&Recorded) -> bool) -> Result<Stats> {
        self.http1().get(SENTINEL).await?;
        arrived(&self.shadow, SENTINEL).await?;
        // Workers have connections of their own to the shadow, so a sentinel alone does not come last; the counters at
        // rest tell that no worker has a copy under way.
        let stats = self.ends_well().await?;
        match self.shadow.find(matches) {
            Some(copy) => bail!("there is a copy: {copy}"),
            None => Ok(stats),
        }
    }

    /// What every test ends with: at rest everything adds up, and the module never trapped.
    pub async fn ends_well(&self) -> Result<Stats> {
        let stats = self.envoy.settled().await?;
        stats.check_equations()?;
        self.envoy.no_traps()?;
        Ok(stats)
    }
}

/// The complete request that an upstream gets under this path.
pub async fn arrived(upstream: &Upstream, path: &str) -> Result<Arc<Recorded>> {
    upstream
        .await_where(|request| request.path == path && request.complete)
        .await
        .with_context(|| format!("no {path}"))
}

/// Where a listener says how it speaks HTTP.
pub fn connection_manager(listener: &mut Value) -> &mut Value {
    &mut listener["filter_chains"][0]["filters"][0]["typed_config"]
}

/// Has the access log name the mirrors that `annotate` leaves.
pub fn log_mirrors(listener: &mut Value) {
    let log = r#"
      - name: envoy.access_loggers.stdout
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
          log_format:
            text_format_source:
              inline_string: "mirrors of %REQ(:PATH)%: %FILTER_STATE(wasm.shadow_mirrors:PLAIN)%.\n"
    "#;
    let manager = connection_manager(listener);
    manager["access_log"] = serde_yaml_ng::from_str(log).unwrap();
}
