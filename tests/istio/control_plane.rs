// SPDX-License-Identifier: Apache-2.0
//! etcd, kube-apiserver and istiod, as a cluster would run them but for the cluster.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use harness::client::{Http1, Request};
use harness::process::Process;
use tokio::time::{Instant, sleep};

use crate::free;
use crate::kubectl::Kubectl;
use crate::tools::{Tools, run};

const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);
/// istiod makes it refuse what does not pass, once it serves.
const WEBHOOK: &str = "istio-validator-istio-system";

pub struct ControlPlane {
    istiod: Process,
    api_server: Process,
    etcd: Process,
    pub kubectl: Kubectl,
    pub discovery: u16,
}

impl ControlPlane {
    /// Starts it, with its files in `directory`.
    pub async fn start(tools: &Tools, directory: &Path) -> Result<Self> {
        let (etcd, store) = start_etcd(tools, directory).await?;
        let (mut api_server, kubectl) = start_api_server(tools, directory, store).await?;
        let definitions = tools.definitions().display().to_string();
        // They are big, and the API server looks at them in any case.
        kubectl.run(&["apply", "--server-side", "--validate=false", "-f", &definitions])?;
        until("the definitions are established", &mut api_server, async || are_established(&kubectl)).await?;
        kubectl.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: istio-system}")?;
        let (istiod, discovery) = start_istiod(tools, directory, &kubectl).await?;
        Ok(Self { istiod, api_server, etcd, kubectl, discovery })
    }

    pub fn log_tail(&self) -> String {
        self.istiod.log().tail()
    }

    /// Ends all in the order in which they need each other.
    pub async fn stop(mut self) -> Result<()> {
        for process in [&mut self.istiod, &mut self.api_server, &mut self.etcd] {
            process.terminate(Duration::from_secs(5)).await?;
        }
        Ok(())
    }
}

async fn start_etcd(tools: &Tools, directory: &Path) -> Result<(Process, u16)> {
    let (client, peer) = (free::port()?, free::port()?);
    let (client_url, peer_url) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let mut command = tools.command("etcd");
    command
        .arg("--unsafe-no-fsync")
        .arg("--data-dir")
        .arg(directory.join("etcd"))
        .args(["--listen-client-urls", &client_url, "--advertise-client-urls", &client_url])
        .args(["--listen-peer-urls", &peer_url, "--initial-advertise-peer-urls", &peer_url])
        .args(["--initial-cluster", &format!("default={peer_url}"), "--log-level", "warn"]);
    let mut process = Process::spawn(command)?;
    let health = Http1::new(([127, 0, 0, 1], client).into());
    until("etcd is healthy", &mut process, async || {
        Ok(health.request(Request::get("/health")).await.is_ok_and(|answer| answer.is_success()))
    })
    .await?;
    Ok((process, client))
}

async fn start_api_server(tools: &Tools, directory: &Path, store: u16) -> Result<(Process, Kubectl)> {
    let port = free::port()?;
    let (key, token, kubeconfig) =
        (directory.join("service-account.key"), directory.join("tokens.csv"), directory.join("kubeconfig"));
    let mut openssl = Command::new("openssl");
    run(openssl.args(["genpkey", "-quiet", "-algorithm", "RSA", "-out"]).arg(&key))?;
    fs::write(&token, "tok,admin,admin,system:masters\n")?;
    fs::write(
        &kubeconfig,
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             clusters: [{{name: here, cluster: {{server: 'https://127.0.0.1:{port}', insecure-skip-tls-verify: true}}}}]\n\
             users: [{{name: admin, user: {{token: tok}}}}]\n\
             contexts: [{{name: here, context: {{cluster: here, user: admin}}}}]\n"
        ),
    )?;
    let mut command = tools.command("kube-apiserver");
    command
        .args(["--etcd-servers", &format!("http://127.0.0.1:{store}")])
        .args(["--bind-address", "127.0.0.1", "--secure-port", &port.to_string()])
        .arg("--cert-dir")
        .arg(directory.join("certificates"))
        .args(["--service-account-issuer", "https://kubernetes.default.svc"])
        .arg("--service-account-key-file")
        .arg(&key)
        .arg("--service-account-signing-key-file")
        .arg(&key)
        .arg("--token-auth-file")
        .arg(&token)
        .args(["--authorization-mode", "AlwaysAllow", "--endpoint-reconciler-type", "none"])
        .args(["--disable-admission-plugins", "ServiceAccount"])
        .args(["--service-cluster-ip-range", "10.96.0.0/16"]);
    let mut process = Process::spawn(command)?;
    let kubectl = Kubectl::new(tools, kubeconfig);
    until("the API server is ready", &mut process, async || {
        Ok(kubectl.run(&["get", "--raw", "/readyz"]).is_ok())
    })
    .await?;
    Ok((process, kubectl))
}

/// In one question: `kubectl wait` asks for each, one after the other.
fn are_established(kubectl: &Kubectl) -> Result<bool> {
    let path =
        "jsonpath={range .items[*]}{.status.conditions[?(@.type==\"Established\")].status}{\"\\n\"}{end}";
    Ok(kubectl.run(&["get", "crd", "-o", path])?.lines().all(|status| status == "True"))
}

async fn start_istiod(tools: &Tools, directory: &Path, kubectl: &Kubectl) -> Result<(Process, u16)> {
    let ports = [(); 5].map(|()| free::port());
    let [discovery, secure, https, http, monitoring] = ports;
    let (discovery, https) = (discovery?, https?);
    let mesh = directory.join("mesh.yaml");
    // A stock Envoy knows no automatic mTLS of Istio's.
    fs::write(&mesh, "enableAutoMtls: false\n")?;
    kubectl.apply(&webhook(https))?;
    let at = |port: u16| format!("127.0.0.1:{port}");
    let mut command = tools.command("pilot-discovery");
    command
        .arg("discovery")
        .arg("--kubeconfig")
        .arg(directory.join("kubeconfig"))
        .arg("--meshConfig")
        .arg(&mesh)
        .args(["--grpcAddr", &at(discovery), "--secureGRPCAddr", &at(secure?), "--httpsAddr", &at(https)])
        .args(["--httpAddr", &at(http?), "--monitoringAddr", &at(monitoring?), "--ctrlz_port", "0"])
        .args(["-n", "istio-system"])
        .current_dir(directory)
        // Filters of Istio's own Envoy.
        .envs([("PILOT_ENABLE_ALPN_FILTER", "false"), ("PILOT_ENABLE_METADATA_EXCHANGE", "false")])
        .envs([("POD_NAME", "istiod-0"), ("REVISION", "default"), ("ISTIOD_CUSTOM_HOST", "localhost")])
        .env("VALIDATION_WEBHOOK_CONFIG_NAME", "istio-validator");
    let mut process = Process::spawn(command)?;
    until("istiod validates", &mut process, async || {
        let path = "jsonpath={.webhooks[*].failurePolicy}";
        Ok(kubectl.run(&["get", "validatingwebhookconfiguration", WEBHOOK, "-o", path])? == "Fail")
    })
    .await?;
    Ok((process, discovery))
}

fn webhook(port: u16) -> String {
    format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata:
  name: {WEBHOOK}
  labels: {{app: istiod, istio.io/rev: default}}
webhooks:
- name: rev.validation.istio.io
  clientConfig: {{url: 'https://localhost:{port}/validate'}}
  rules:
  - operations: [CREATE, UPDATE]
    apiGroups: [security.istio.io, networking.istio.io, telemetry.istio.io, extensions.istio.io]
    apiVersions: ['*']
    resources: ['*']
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
"
    )
}

/// Waits for a condition while a process runs.
pub async fn until(what: &str, process: &mut Process, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await? {
        let ended = process.ended()?;
        if ended.is_some() || Instant::now() > deadline {
            bail!("waited until {what} ({ended:?}); the log ends:\n{}", process.log().tail());
        }
        sleep(PAUSE).await;
    }
    Ok(())
}
