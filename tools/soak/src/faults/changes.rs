// SPDX-License-Identifier: Apache-2.0
//! What is done to Envoy while requests go on, again and again until it is enough; in the end everything is as it was.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{Bootstrap, Envoy, Update};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::discovery::Discovery;
use super::fault::Change;
use super::rig::{Group, plugin};

/// Between two changes of one kind.
const PAUSE: Duration = Duration::from_millis(250);
/// By which the clock jumps: more than half of the window in which a mirror of [`plugin`] copies.
const HOUR: i64 = 3_600;

pub struct Changes {
    group: Group,
    kinds: Vec<Change>,
    /// The same module as other code.
    other: Option<(tempfile::TempDir, PathBuf)>,
    original: Option<Bootstrap>,
}

impl Changes {
    pub async fn of(group: &Group) -> Result<Self> {
        let kinds: Vec<Change> = group.iter().filter_map(|fault| fault.change()).collect();
        let other = if kinds.contains(&Change::Module) { Some(other_module().await?) } else { None };
        Ok(Self { group: group.clone(), kinds, other, original: None })
    }

    pub async fn go_on(
        &mut self,
        envoy: &mut Envoy,
        discovery: &Discovery,
        until: &CancellationToken,
    ) -> Result<()> {
        let mut step = 0_usize;
        let mut next = Instant::now();
        // An even number of steps leaves everything as it was.
        while !until.is_cancelled() || !step.is_multiple_of(2) {
            for kind in self.kinds.clone() {
                self.change(kind, envoy, discovery, step).await.with_context(|| format!("{kind:?}"))?;
            }
            step += 1;
            next += PAUSE;
            tokio::select! {
                () = until.cancelled() => {}
                () = sleep_until(next) => {}
            }
        }
        Ok(())
    }

    async fn change(
        &mut self,
        kind: Change,
        envoy: &mut Envoy,
        discovery: &Discovery,
        step: usize,
    ) -> Result<()> {
        let back = !step.is_multiple_of(2);
        match kind {
            Change::ClusterRemoved => discovery.cluster(back),
            Change::EndpointsGone => discovery.endpoints(back),
            Change::Overload => discovery.pressure(if back { 0.0 } else { 0.95 }),
            Change::ResetCounters => envoy.admin_post("/reset_counters").await.map(drop),
            Change::TraceLog => {
                let level = if back { "error" } else { "trace" };
                envoy.admin_post(&format!("/logging?wasm={level}")).await.map(drop)
            }
            Change::HotRestart => envoy.hot_restart().await,
            Change::Clock if back => envoy.set_clock(0),
            Change::Clock => envoy.set_clock(if step.is_multiple_of(4) { HOUR } else { -HOUR }),
            Change::Drain if step == 0 => {
                envoy.admin_post("/drain_listeners?graceful&skip_exit").await.map(drop)
            }
            Change::Drain => Ok(()),
            Change::Configuration => {
                let plugin = plugin(&self.group, step + 1).to_string();
                self.update(envoy, |bootstrap| bootstrap.plugin_of("group-0", plugin)).await
            }
            Change::FilterRemoved if back => match self.original.take() {
                Some(original) => self.update(envoy, |_| original).await,
                None => Ok(()),
            },
            Change::FilterRemoved => {
                let original = &mut self.original;
                let update =
                    envoy.update(|bootstrap| original.insert(bootstrap).clone().without_filter()).await?;
                accepted(update)
            }
            Change::Module => {
                let own = tokio::task::spawn_blocking(harness::wasm::module).await??;
                let other = self.other.as_ref().map_or(&own, |(_, other)| other);
                let module = if back { own.clone() } else { other.clone() };
                self.update(envoy, |bootstrap| bootstrap.module(module)).await
            }
        }
    }

    async fn update(&self, envoy: &mut Envoy, edit: impl FnOnce(Bootstrap) -> Bootstrap) -> Result<()> {
        accepted(envoy.update(edit).await?)
    }
}

fn accepted(update: Update) -> Result<()> {
    ensure!(update == Update::Accepted, "Envoy refused the new listeners");
    Ok(())
}

/// With a custom section at its end, which says nothing.
async fn other_module() -> Result<(tempfile::TempDir, PathBuf)> {
    let module = tokio::task::spawn_blocking(harness::wasm::module).await??;
    let mut code = std::fs::read(module)?;
    // Section 0, its size, the length of its name, the name.
    code.extend_from_slice(b"\x00\x06\x05other");
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("other.wasm");
    std::fs::write(&file, code)?;
    Ok((directory, file))
}
