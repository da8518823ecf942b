// SPDX-License-Identifier: Apache-2.0
//! A proxy as Istio runs it: pilot-agent, which gets modules and hands its Envoy what istiod says.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::Stats;
use harness::client::{Http1, Request};
use harness::process::Process;
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::control_plane::until;
use crate::free;
use crate::manifest;
use crate::tools::Tools;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// Where pilot-agent keeps modules; it does not make the directory.
const DATA: &str = "/var/lib/istio/data";

/// What a proxy is to istiod: that of a pod.
#[derive(Clone, Copy)]
pub struct Role {
    /// `router` or `sidecar`.
    pub kind: &'static str,
    pub namespace: &'static str,
    pub labels: &'static [(&'static str, &'static str)],
}

pub struct Proxy {
    agent: Process,
    /// The agent's own port, whose metrics are those of agent, Envoy and application together.
    merged: Http1,
    _directory: TempDir,
}

impl Proxy {
    /// Starts one whose pod has the annotations of `metrics.yaml`, and waits until its Envoy serves.
    pub async fn start(world: &World, role: Role) -> Result<Self> {
        Self::annotated(world, role, &manifest::annotations()?).await
    }

    /// The same, of a pod without any annotation.
    pub async fn plain(world: &World, role: Role) -> Result<Self> {
        Self::annotated(world, role, &[]).await
    }

    async fn annotated(world: &World, role: Role, annotations: &[(String, String)]) -> Result<Self> {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        fs::create_dir_all(DATA).and_then(|()| tempfile::tempfile_in(DATA)).with_context(|| {
            format!("write to {DATA}, where pilot-agent keeps modules: `sudo install -d -o \"$USER\" {DATA}`")
        })?;
        let directory = TempDir::new()?;
        let (admin, status) = (free::port()?, free::port()?);
        let envoy = directory.path().join("envoy");
        write_launcher(&envoy)?;
        write_annotations(directory.path(), annotations)?;
        let config = json!({
            "discoveryAddress": format!("127.0.0.1:{}", world.plane.discovery),
            "controlPlaneAuthPolicy": "NONE",
            "binaryPath": envoy,
            "configPath": directory.path().join("proxy"),
            "proxyAdminPort": admin,
            "statusPort": status,
            "concurrency": 2,
        });
        let mut command = world.tools.command("pilot-agent");
        command
            .args(["proxy", role.kind, "--proxyLogLevel=warning,wasm:info"])
            .arg("--domain")
            .arg(format!("{}.svc.cluster.local", role.namespace))
            .arg("--templateFile")
            .arg(template(&world.tools, directory.path())?)
            .current_dir(directory.path())
            .env("PROXY_CONFIG", config.to_string())
            .env("FILE_MOUNTED_CERTS", "true")
            .env("WASM_INSECURE_REGISTRIES", world.images.registries())
            // A module that cannot be had is to be given up in the time of a test.
            .envs([("WASM_HTTP_REQUEST_MAX_RETRIES", "1"), ("WASM_HTTP_REQUEST_TIMEOUT", "3s")])
            .env("ENVOY_PROMETHEUS_PORT", free::port()?.to_string())
            .env("ENVOY_STATUS_PORT", free::port()?.to_string())
            .env("INSTANCE_IP", format!("10.99.0.{}", NEXT.fetch_add(1, Ordering::Relaxed)))
            .envs([("POD_NAME", "pod-0"), ("POD_NAMESPACE", role.namespace)])
            .envs([("ISTIO_META_CLUSTER_ID", "Kubernetes"), ("ISTIO_META_INTERCEPTION_MODE", "NONE")])
            .env("ISTIO_META_NAMESPACE", role.namespace)
            .env(
                "ISTIO_METAJSON_LABELS",
                serde_json::to_string(&BTreeMap::from_iter(role.labels.iter().copied()))?,
            );
        let mut agent = Process::spawn(command)?;
        let (admin, merged) =
            (Http1::new(([127, 0, 0, 1], admin).into()), Http1::new(([127, 0, 0, 1], status).into()));
        until("the proxy's Envoy serves", &mut agent, async || {
            let answer = admin.request(Request::get("/ready")).await;
            Ok(answer.is_ok_and(|answer| answer.is_success()))
        })
        .await?;
        Ok(Self { agent, merged, _directory: directory })
    }

    /// The number of lines that agent and Envoy wrote with this text.
    pub fn log_count(&self, text: &str) -> usize {
        self.agent.log().count(text)
    }

    pub async fn await_log(&self, text: &str) -> Result<()> {
        self.until(&format!("\"{text}\" in the log"), async || Ok(self.log_count(text) > 0)).await
    }

    /// What Prometheus gets where the annotation `prometheus.io/scrape` sends it.
    pub async fn merged_metrics(&self) -> Result<String> {
        let answer = self.merged.get("/stats/prometheus").await?;
        ensure!(answer.is_success(), "the agent answers {}: {}", answer.status, answer.text());
        Ok(answer.text())
    }

    pub async fn stats(&self) -> Result<Stats> {
        Stats::parse(&self.merged_metrics().await?, "")
    }

    /// Waits for a condition; the error holds the end of the log.
    pub async fn until(&self, what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds().await? {
            ensure!(
                Instant::now() < deadline,
                "waited {} s for {what}; of wasm the proxy's log has:\n{}",
                PATIENCE.as_secs(),
                self.agent
                    .log()
                    .text()
                    .lines()
                    .filter(|line| line.contains("wasm"))
                    .map(|line| format!("  {line}\n"))
                    .collect::<String>()
            );
            sleep(PAUSE).await;
        }
        Ok(())
    }
}

/// Istio's bootstrap, with the listeners for metrics and probes where nobody else reaches them. The agent's own port, which it
/// cannot be told where to open, is the only one that others could.
fn template(tools: &Tools, directory: &Path) -> Result<PathBuf> {
    let template = fs::read_to_string(tools.path("bootstrap.json"))?;
    let path = directory.join("bootstrap.json");
    fs::write(&path, template.replace("{{ .wildcard }}", "127.0.0.1"))?;
    Ok(path)
}

/// The annotations of the pod as Kubernetes would mount them.
fn write_annotations(home: &Path, annotations: &[(String, String)]) -> Result<()> {
    let path = home.join("etc/istio/pod");
    fs::create_dir_all(&path)?;
    let line = |(name, value): &(String, String)| format!("{name}={value:?}\n");
    fs::write(path.join("annotations"), annotations.iter().map(line).collect::<String>())?;
    Ok(())
}

/// Envoy, which ends with its agent.
fn write_launcher(path: &Path) -> Result<()> {
    let envoy = harness::envoy::binary::find()?;
    let envoy = envoy.display();
    fs::write(path, format!("#!/bin/sh\nexec setpriv --pdeathsig KILL '{envoy}' \"$@\"\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}
