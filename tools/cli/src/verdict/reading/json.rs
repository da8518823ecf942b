// SPDX-License-Identifier: Apache-2.0
//! `/stats?format=json` of an Envoy's admin. With `histogram_buckets=detailed` it has the buckets in which Envoy really keeps
//! a histogram, at most a tenth of their value wide, whatever `histogram_bucket_settings` say; with
//! `histogram_buckets=cumulative` those of the settings.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::super::series::{Labels, Metric, from_envoy, unit};
use super::{Key, Reading, add_cumulative};

#[derive(Deserialize)]
struct Answer {
    stats: Vec<Stat>,
}

/// A counter or gauge has a name; histograms come together, in one of three forms.
#[derive(Deserialize)]
struct Stat {
    name: Option<String>,
    value: Option<serde_json::Value>,
    histograms: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Cumulative {
    name: String,
    buckets: Vec<End>,
}

#[derive(Deserialize)]
struct End {
    upper_bound: f64,
    cumulative: f64,
}

#[derive(Deserialize)]
struct Details {
    details: Vec<Detailed>,
}

#[derive(Deserialize)]
struct Detailed {
    name: String,
    totals: Vec<Own>,
}

#[derive(Deserialize)]
struct Own {
    lower_bound: f64,
    width: f64,
    count: f64,
}

pub(super) fn parse(text: &str) -> Result<Reading> {
    let answer: Answer = serde_json::from_str(text).context("this is not what /stats?format=json says")?;
    let mut reading = Reading::default();
    for stat in answer.stats {
        if let Some((metric, labels)) = stat.name.as_deref().and_then(from_envoy) {
            if let Some(value) = stat.value.and_then(|value| value.as_f64()) {
                reading.add(Key { metric, labels, bucket: None }, value);
            }
        } else if let Some(histograms) = stat.histograms {
            histograms_of(histograms, &mut reading)?;
        }
    }
    Ok(reading)
}

fn histograms_of(histograms: serde_json::Value, reading: &mut Reading) -> Result<()> {
    if histograms.get("details").is_some() {
        let Details { details } = serde_json::from_value(histograms).context("histogram_buckets=detailed")?;
        for Detailed { name, totals } in details {
            let Some((metric, labels)) = histogram(&name) else { continue };
            for Own { lower_bound, width, count } in totals {
                let micros = |end: f64| (end * f64::from(unit(&name))).round() as u64;
                // A value is a whole number of a time that was not.
                let bucket = Some((micros(lower_bound), Some(micros(lower_bound + width.max(1.0)))));
                reading.add(Key { metric, labels: labels.clone(), bucket }, count);
            }
        }
    } else if histograms.is_array() {
        let all: Vec<Cumulative> =
            serde_json::from_value(histograms).context("histogram_buckets=cumulative")?;
        for Cumulative { name, buckets } in all {
            let Some((metric, labels)) = histogram(&name) else { continue };
            let ends = buckets.iter().map(|end| (end.upper_bound, end.cumulative)).collect();
            add_cumulative(reading, metric, &labels, unit(&name), ends);
        }
    } else if histograms.to_string().contains("shadow_duration_") {
        bail!(
            "these statistics have quantiles and no buckets; ask with ?format=json&histogram_buckets=detailed"
        );
    }
    Ok(())
}

fn histogram(name: &str) -> Option<(Metric, Labels)> {
    from_envoy(name).filter(|(metric, _)| metric.is_histogram())
}
