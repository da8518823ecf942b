// SPDX-License-Identifier: Apache-2.0
//! Requests that come at a steady rate while something is changed.

use anyhow::{Context, Result, ensure};
use harness::client::{Traffic, pace_until};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::shop::Shop;

pub struct Load {
    end: oneshot::Sender<()>,
    traffic: JoinHandle<Traffic>,
}

impl Load {
    /// Begins to ask the primary of a shop.
    pub fn start(shop: &Shop<'_>, per_second: f64) -> Self {
        let (client, request) = (shop.client(), shop.request("/load"));
        let (end, ended) = oneshot::channel();
        // A sender that is gone ends it, too: the test has failed.
        let ended = async move { drop(ended.await) };
        let traffic =
            tokio::spawn(async move { pace_until(&client, per_second, ended, |_| request.clone()).await });
        Self { end, traffic }
    }

    /// Ends it: an error unless every request was answered with 2xx.
    pub async fn all_succeeded(self) -> Result<()> {
        self.end.send(()).ok().context("the load has ended by itself")?;
        let traffic = self.traffic.await?;
        ensure!(!traffic.answered.is_empty() || !traffic.failed.is_empty(), "nothing was asked");
        traffic.all_succeeded()
    }
}
