// SPDX-License-Identifier: Apache-2.0
//! The search service in its two versions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use harness::upstream::{Reply, Upstream};

/// One version of the service. Remembers what it was asked.
pub struct Service {
    pub upstream: Upstream,
    slowness: Arc<AtomicU64>,
}

impl Service {
    pub async fn start(version: &'static str) -> Result<Self> {
        let upstream = Upstream::http1().await?;
        let slowness = Arc::new(AtomicU64::new(0));
        let wait = slowness.clone();
        upstream.respond_with(move |request| {
            let answer = format!("{{\"version\": \"{version}\", \"asked\": \"{}\"}}\n", request.path);
            Reply::status(200)
                .header("content-type", "application/json")
                .body(answer)
                .delay(Duration::from_millis(wait.load(Ordering::Relaxed)))
        });
        Ok(Self { upstream, slowness })
    }

    /// Has every answer wait from now on.
    pub fn slow_down(&self, delay: Duration) {
        let millis = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.slowness.store(millis, Ordering::Relaxed);
    }
}
