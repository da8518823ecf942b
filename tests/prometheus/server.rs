// SPDX-License-Identifier: Apache-2.0
//! A real Prometheus, started for one test and gone with it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use harness::client::{Http1, Request};
use harness::process::Process;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::rendered;
use crate::tools::find;

const PATIENCE: Duration = Duration::from_secs(20);

pub struct Prometheus {
    client: Http1,
    process: Process,
    _directory: TempDir,
}

/// One series of a query's answer: its labels, and its values in order of time.
#[derive(Debug)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub values: Vec<f64>,
}

impl Series {
    pub fn names(&self) -> BTreeSet<&str> {
        self.labels.keys().map(String::as_str).collect()
    }

    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

impl Prometheus {
    /// Starts one that scrapes `target` with the shipped rules. Its times are those of [`rendered`].
    pub async fn start(target: SocketAddr) -> Result<Self> {
        let directory = TempDir::new()?;
        rendered::write(directory.path(), target)?;
        let mut command = Command::new(find("prometheus")?);
        command
            .arg("--config.file=prometheus.yml")
            .arg("--storage.tsdb.path=data")
            .arg("--web.listen-address=127.0.0.1:0")
            .current_dir(directory.path());
        let mut process = Process::spawn(command)?;
        let address = process.await_in_log(PATIENCE, address_in).await?;
        let deadline = Instant::now() + PATIENCE;
        let prometheus = Self { client: Http1::new(address), process, _directory: directory };
        while !prometheus.client.get("/-/ready").await?.is_success() {
            ensure!(Instant::now() < deadline, "Prometheus is not ready:\n{}", prometheus.log());
            sleep(Duration::from_millis(20)).await;
        }
        Ok(prometheus)
    }

    /// All that it wrote so far.
    pub fn log(&self) -> String {
        self.process.log().text()
    }

    /// What an expression is now.
    pub async fn query(&self, expression: &str) -> Result<Vec<Series>> {
        self.series("/api/v1/query", &[("query", expression)]).await
    }

    /// What an expression was over the last `seconds`, each second.
    pub async fn query_range(&self, expression: &str, seconds: u32) -> Result<Vec<Series>> {
        let now = self.query("time()").await?[0].values[0];
        let (start, end) = (format!("{}", now - f64::from(seconds)), format!("{now}"));
        let form = [("query", expression), ("start", &start), ("end", &end), ("step", "1")];
        self.series("/api/v1/query_range", &form).await
    }

    /// Every rule that it has loaded, as its API tells.
    pub async fn rules(&self) -> Result<Vec<Value>> {
        let data = self.ask("/api/v1/rules", &[]).await?;
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default()).collect())
    }

    async fn series(&self, path: &str, form: &[(&str, &str)]) -> Result<Vec<Series>> {
        let data = self.ask(path, form).await?;
        match data["resultType"].as_str() {
            Some("vector" | "matrix") => data["result"].as_array().unwrap().iter().map(series).collect(),
            Some("scalar") => {
                Ok(vec![Series { labels: BTreeMap::new(), values: vec![value(&data["result"])?] }])
            }
            other => bail!("{form:?} is a {other:?}"),
        }
    }

    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Result<Value> {
        let request = match form {
            [] => Request::get(path),
            form => {
                let pairs: Vec<_> =
                    form.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
                Request::post(path, pairs.join("&"))
                    .header("content-type", "application/x-www-form-urlencoded")
            }
        };
        let response = self.client.request(request).await?;
        let mut answer: Value = serde_json::from_slice(&response.body).with_context(|| response.text())?;
        ensure!(answer["status"] == "success", "{form:?}: {answer}");
        Ok(answer["data"].take())
    }
}

/// It takes a port from the system and says which.
fn address_in(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("Listening on"))?;
    let address = line.split_once("address=")?.1;
    address.split_whitespace().next()?.parse().ok()
}

fn series(result: &Value) -> Result<Series> {
    let labels = result["metric"].as_object().context("labels")?.iter();
    let labels =
        labels.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    let values = match result["values"].as_array() {
        Some(values) => values.iter().map(value).collect::<Result<_>>()?,
        None => vec![value(&result["value"])?],
    };
    Ok(Series { labels, values })
}

/// The second of a pair of time and value, which is text.
fn value(pair: &Value) -> Result<f64> {
    Ok(pair[1].as_str().context("a value")?.parse()?)
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
