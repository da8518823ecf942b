// SPDX-License-Identifier: Apache-2.0

//! The listeners of a running Envoy: where they are, and replacing them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::admin::Admin;
use super::{Envoy, PATIENCE, PAUSE};
use crate::bootstrap::Bootstrap;

/// What became of new listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    Accepted,
    /// Envoy keeps the listeners that it has; its log says why.
    Rejected,
}

impl Envoy {
    /// Edits the bootstrap that this Envoy runs and replaces its listeners, which have to be
    /// [dynamic](Bootstrap::dynamic_listeners); other parts of the edit have no effect. Returns when Envoy has taken or
    /// refused the new ones. They keep their addresses: Envoy updates a listener in place if its configured
    /// address, port 0 included, stays the same. After a refusal the next edit starts from the refused one.
    pub async fn update(&mut self, edit: impl FnOnce(Bootstrap) -> Bootstrap) -> Result<Update> {
        let before = Counts::of(self.admin).await?;
        let bootstrap = edit(self.bootstrap.clone());
        let directory = self.directory.path().to_owned();
        self.bootstrap = spawn_blocking(move || {
            let Some(listeners) = bootstrap.render(&directory)?.listeners else {
                bail!("call Bootstrap::dynamic_listeners before the start to update listeners later");
            };
            listeners.write()?;
            Ok(bootstrap)
        })
        .await??;
        let update = self.await_update(before).await?;
        self.learn_listeners().await?;
        Ok(update)
    }

    async fn await_update(&self, before: Counts) -> Result<Update> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Counts::of(self.admin).await?;
            if now.rejected > before.rejected {
                return Ok(Update::Rejected);
            }
            if now.succeeded > before.succeeded && now.warming == 0 {
                return Ok(Update::Accepted);
            }
            if Instant::now() > deadline {
                let log = self.process.log().tail();
                bail!("Envoy neither took nor refused the listeners in {PATIENCE:?}; its log ends:\n{log}");
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}

struct Counts {
    succeeded: u64,
    rejected: u64,
    warming: u64,
}

impl Counts {
    async fn of(admin: Admin) -> Result<Self> {
        let text = admin.get("/stats?filter=^listener_manager").await?;
        let value = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once(": "))
                .find(|(found, _)| *found == name)
                .and_then(|(_, value)| value.parse().ok())
                .unwrap_or(0)
        };
        Ok(Self {
            succeeded: value("listener_manager.lds.update_success"),
            // The second counts files that are not even a message of the right kind.
            rejected: value("listener_manager.lds.update_rejected")
                + value("listener_manager.lds.update_failure"),
            warming: value("listener_manager.total_listeners_warming"),
        })
    }
}

pub(super) async fn addresses(admin: Admin) -> Result<BTreeMap<String, SocketAddr>> {
    let text = admin.get("/listeners?format=json").await?;
    let json: Json = serde_json::from_str(&text)?;
    let mut addresses = BTreeMap::new();
    for listener in json["listener_statuses"].as_array().into_iter().flatten() {
        let socket = &listener["local_address"]["socket_address"];
        let address = || {
            let ip = socket["address"].as_str()?.parse().ok()?;
            let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
            Some(SocketAddr::new(ip, port))
        };
        let name = listener["name"].as_str().unwrap_or_default().to_owned();
        addresses.insert(name, address().with_context(|| format!("a listener without address: {listener}"))?);
    }
    Ok(addresses)
}
