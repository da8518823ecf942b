// SPDX-License-Identifier: Apache-2.0
//! A Prometheus: which names the metrics have there, and what each grew by.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::failure::{Failure, Kind};
use super::super::options::Options;
use super::super::reading::{Key, Reading, add_cumulative};
use super::super::series::{Labels, Metric, from_prometheus, from_prometheus_name, unit};
use super::http::{get, with_scheme};

/// The metrics by all names that they may have; the expression has to match as a whole.
const NAMES: &str = "(.*___|envoy_|wasmcustom_|envoy_wasmcustom_)?shadow_(requests_total|skipped_total|sent_total|\
                     failed_total|responses_total|grpc_responses_total|duration_(micro|milli)seconds_bucket|\
                     slowdown_percent_bucket|comparisons_total|differences_total|in_flight|breaker_open|config_invalid)";
const LABELS: &str = "mirror, reason, side, class, status, result, kind, plugin, le, exported_mirror, exported_reason, \
                      exported_side, exported_class, exported_status, exported_result, exported_kind, exported_plugin";

pub(super) struct Prometheus {
    url: String,
    matchers: String,
    token: Option<String>,
}

#[derive(Deserialize)]
struct Answer<T> {
    data: Option<T>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Vector {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    metric: Labels,
    /// A time, and a number as text.
    value: (f64, String),
}

impl Prometheus {
    pub(super) fn new(url: &str, options: &Options) -> Result<Self, Failure> {
        let read = |file: &std::path::PathBuf| {
            fs::read_to_string(file).with_context(|| format!("--bearer-token-file {}", file.display()))
        };
        let token = options.bearer_token_file.as_ref().map(read).transpose();
        let token = token.map_err(|error| Kind::File.of(error))?.map(|token| token.trim().to_owned());
        let selector = options.selector.as_deref().unwrap_or_default();
        let matchers = selector.trim().trim_start_matches('{').trim_end_matches('}').to_owned();
        Ok(Self { url: with_scheme(url).trim_end_matches('/').to_owned(), matchers, token })
    }

    /// What every metric of the filter grew by over a time that ends now; gauges are as they are.
    pub(super) fn increase(&self, window: Duration) -> Result<Reading, Failure> {
        self.try_increase(window).map_err(|error| {
            Kind::Unreachable.of(anyhow!(
                "{}: {error:#}\nIs this the address of a Prometheus, and does it scrape the Envoys? Its page /targets tells.",
                self.url
            ))
        })
    }

    fn try_increase(&self, window: Duration) -> Result<Reading> {
        let seconds = window.as_secs().max(1);
        let mut reading = Reading::default();
        let mut histograms: BTreeMap<(Metric, u32, Labels), Vec<(f64, f64)>> = BTreeMap::new();
        for name in self.names(seconds)? {
            let Some((metric, _)) = from_prometheus_name(&name) else { continue };
            let series = format!("{name}{{{}}}", self.matchers);
            let query = match metric.is_gauge() {
                true => format!("sum by ({LABELS}) ({series})"),
                false => format!("sum by ({LABELS}) (increase({series}[{seconds}s]))"),
            };
            let Vector { result } = self.ask("/api/v1/query", &[("query", query)])?;
            for Sample { metric: labels, value: (_, value) } in result {
                let (Some((_, known)), Ok(value)) = (from_prometheus(&name, &labels), value.parse::<f64>())
                else {
                    continue;
                };
                if !metric.is_histogram() {
                    reading.add(Key { metric, labels: known, bucket: None }, value);
                } else if let Some(end) = labels.get("le").and_then(|end| end.parse().ok()) {
                    histograms.entry((metric, unit(&name), known)).or_default().push((end, value));
                }
            }
        }
        for ((metric, unit, labels), ends) in histograms {
            add_cumulative(&mut reading, metric, &labels, unit, ends);
        }
        Ok(reading)
    }

    fn names(&self, seconds: u64) -> Result<Vec<String>> {
        let comma = if self.matchers.is_empty() { "" } else { ", " };
        let series = format!("{{__name__=~\"{NAMES}\"{comma}{}}}", self.matchers);
        // Names of the time that is asked for, where the server's answer would have those of all time.
        let now =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
        let start = now.saturating_sub(seconds).to_string();
        self.ask("/api/v1/label/__name__/values", &[("match[]", series), ("start", start)])
    }

    fn ask<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T> {
        let url = format!("{}{path}", self.url);
        let answer = get(&url, query, self.token.as_deref())?;
        let parsed: Result<Answer<T>, _> = serde_json::from_str(&answer.body);
        match parsed {
            Ok(Answer { data: Some(data), .. }) if answer.status == 200 => Ok(data),
            Ok(Answer { error: Some(error), .. }) => bail!("Prometheus says: {error}"),
            Ok(_) => bail!("GET {path}: status {}", answer.status),
            Err(error) => {
                Err(anyhow!("GET {path}: status {}, and not what a Prometheus says: {error}", answer.status))
            }
        }
    }
}
