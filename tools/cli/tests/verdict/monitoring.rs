// SPDX-License-Identifier: Apache-2.0
//! A real Prometheus that scrapes a real Envoy: the verdict reads it, and the shipped gates ask it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::process::Process;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::envoy::{REQUESTS, Stage};
use crate::{gates, verdict};

const PATIENCE: Duration = Duration::from_secs(30);

/// It takes a port from the system and says which.
fn address_in(log: &str) -> Option<String> {
    let (_, address) = log.split_once("msg=\"Listening on\" address=")?;
    address.split_whitespace().next().map(str::to_owned)
}

/// A Prometheus of its own, gone with it.
pub struct Prometheus {
    pub url: String,
    _process: Process,
    _files: TempDir,
}

impl Prometheus {
    pub async fn scraping(target: std::net::SocketAddr) -> Result<Self> {
        let files = tempfile::tempdir()?;
        let config = format!(
            "scrape_configs:\n  - job_name: envoy\n    scrape_interval: 500ms\n    scrape_timeout: 500ms\n    \
             metrics_path: /stats/prometheus\n    static_configs: [{{targets: ['{target}']}}]\n"
        );
        let file = files.path().join("prometheus.yaml");
        std::fs::write(&file, config)?;
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", files.path().join("data").display()))
            .arg("--web.listen-address=127.0.0.1:0");
        let mut process = Process::spawn(command)
            .context("no prometheus in PATH; on Debian: apt-get install prometheus")?;
        let address = process.await_in_log(PATIENCE, address_in).await?;
        Ok(Self { url: format!("http://{address}"), _process: process, _files: files })
    }

    /// The values of an expression, once it holds for them.
    pub async fn await_values(&self, query: &str, holds: impl Fn(&[f64]) -> bool) -> Result<Vec<f64>> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let values = self.values(query).await?;
            if holds(&values) {
                return Ok(values);
            }
            ensure!(Instant::now() < deadline, "{query} is {values:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn values(&self, query: &str) -> Result<Vec<f64>> {
        let (url, query) = (format!("{}/api/v1/query", self.url), query.to_owned());
        let text = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            anyhow::Ok(agent.get(url).query("query", &query).call()?.body_mut().read_to_string()?)
        })
        .await??;
        // Before it is ready it says so in plain text.
        let Ok(answer) = serde_json::from_str::<serde_json::Value>(&text) else { return Ok(Vec::new()) };
        ensure!(answer["status"] == "success", "{answer}");
        let result = answer["data"]["result"].as_array().cloned().unwrap_or_default();
        result.iter().map(|sample| Ok(sample["value"][1].as_str().unwrap_or_default().parse()?)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_tells_what_the_admin_tells() -> Result<()> {
    let stage = Stage::set(|bootstrap| bootstrap).await?;
    let prometheus = Prometheus::scraping(stage.envoy.admin()).await?;
    let sent = "sum(shadow_sent_total{mirror=\"v2-next\"})";
    prometheus.await_values(sent, |values| values == [0.0]).await?;
    stage.slow_path();
    stage.traffic(REQUESTS).await?;
    stage.at_rest().await?;
    let counted = "sum({__name__=~\"shadow_duration_(micro|milli)seconds_count\",side=\"shadow\"})";
    prometheus.await_values(counted, |values| values == [REQUESTS as f64]).await?;

    let arguments =
        ["--prometheus", &prometheus.url, "--selector", "job=\"envoy\"", "--window", "5m", "--json"];
    let said = verdict(&arguments).await?;
    let json = said.json()?;
    ensure!(said.code == Some(1) && json["verdict"] == "REJECT", "{said:?}");
    let mirror = &json["mirrors"][0];
    ensure!(mirror["mirror"] == "v2-next", "{json:#}");
    // Prometheus extrapolates.
    let samples = mirror["samples"].as_f64().unwrap_or(0.0) / REQUESTS as f64;
    ensure!((0.9..1.3).contains(&samples), "{json:#}");
    let p99 = mirror["findings"].as_array().and_then(|all| all.iter().find(|one| one["criterion"] == "p99"));
    ensure!(p99.is_some_and(|p99| p99["verdict"] == "REJECT"), "{json:#}");

    let nobody = verdict(&["--prometheus", &prometheus.url, "--selector", "job=\"other\""]).await?;
    ensure!(nobody.code == Some(65) && nobody.err.contains("--selector"), "{nobody:?}");

    for (name, query) in gates::queries("v2-next", "5m")? {
        let values = prometheus.values(&query).await?;
        ensure!(values.len() == 1 && values[0].is_finite(), "{name}: {values:?} of\n{query}");
        let expected = match &*name {
            name if name.contains("samples") => 0.9 * REQUESTS as f64..1.3 * REQUESTS as f64,
            name if name.contains("p99") => 5.0..1000.0,
            _ => -0.001..0.001,
        };
        ensure!(expected.contains(&values[0]), "{name}: {values:?} of\n{query}");
    }
    Ok(())
}
