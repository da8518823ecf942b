// SPDX-License-Identifier: Apache-2.0
//! Every query that is shipped, asked of a real Prometheus.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::time::{Instant, sleep};

use crate::dashboard::{self, ANSWER, Query};
use crate::rendered;
use crate::server::{Prometheus, Series};
use crate::stage::{Stage, WORSE};

/// Until a counter has a history of two weeks, at the times of [`rendered`], and a bit for a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The mirrors of the stage for which each alert must come. It must for no other, where the second is true; a machine
/// that is busy may make any shadow slow.
const ALERTS: [(&str, &[&str], bool); 11] = [
    ("ShadowErrorRateAbovePrimary", &["reset", "timeout", "unreachable", WORSE], true),
    ("ShadowClientErrorsAbovePrimary", &[WORSE], true),
    ("ShadowP99AbovePrimary", &[WORSE], false),
    ("ShadowAnswersDiffer", &[WORSE], true),
    ("ShadowCopiesFailing", &["rejected", "reset", "timeout", "unknown_cluster", "unreachable", WORSE], true),
    ("ShadowBreakerOpen", &["dead"], true),
    ("ShadowConfigInvalid", &[""], true),
    ("ShadowMirrorWithoutRequests", &["idle"], true),
    ("ShadowMirrorWithoutCopies", &["off"], true),
    ("ShadowMirrorPastItsEnd", &["ended"], true),
    ("ShadowMirrorOver14Days", &["good", "reset", "timeout", "unreachable", WORSE], true),
];

/// Whether a value of the verdict panel is the expected one.
type Expected = fn(i64) -> bool;

/// What the dashboard must answer: 1 is errors, 2 slower, 4 differs, 8 fewer than 1,000 copies, -1 fewer than 100.
const ANSWERS: [(&str, Expected); 4] = [
    (WORSE, |answer| answer >= 0 && answer & 7 == 7),
    ("timeout", |answer| answer >= 0 && answer & 7 == 1),
    ("good", |answer| answer >= 0 && answer & 5 == 0),
    ("idle", |answer| answer == -1),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_answers_from_a_real_envoy_under_traffic() -> Result<()> {
    let stage = Stage::set().await?;
    let prometheus = Prometheus::start(stage.envoy.admin()).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let complaints = complaints(&prometheus).await?;
        if complaints.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            bail!(
                "after {} s:\n{}\nthe filter's metrics:\n{}\nPrometheus:\n{}",
                PATIENCE.as_secs(),
                complaints.join("\n"),
                stage.envoy.stats().await?,
                prometheus.log()
            );
        }
        sleep(Duration::from_millis(500)).await;
    }
    stage.envoy.no_traps()
}

/// What is wrong now with the answers. A query that Prometheus refuses is an error at once.
async fn complaints(prometheus: &Prometheus) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let mut note = |what: &str, complaint: Result<()>| {
        if let Err(error) = complaint {
            complaints.push(format!("{what}: {error:#}"));
        }
    };
    for rule in rendered::rules("rules.yml")?["groups"].as_sequence().unwrap().iter().flat_map(rules_of) {
        let name = rule["record"].as_str().unwrap();
        let expression = rule["expr"].as_str().unwrap();
        let own = rule.get("labels").is_some_and(|labels| labels.get("side").is_some());
        note(name, is_recorded(name, own, &prometheus.query(expression).await?));
        // What was recorded has the same labels, but for a name.
        note(name, is_recorded(name, false, &prometheus.query(name).await?));
    }
    let mut seen = BTreeSet::new();
    for rule in rendered::rules("alerts.yml")?["groups"].as_sequence().unwrap().iter().flat_map(rules_of) {
        let name = rule["alert"].as_str().unwrap().to_owned();
        note(&name, comes_for(&name, &prometheus.query(rule["expr"].as_str().unwrap()).await?));
        seen.insert(name);
    }
    ensure!(
        seen.iter()
            .map(String::as_str)
            .eq(ALERTS.map(|(name, ..)| name).into_iter().collect::<BTreeSet<_>>())
    );
    for query in dashboard::queries(WORSE)? {
        let series = match query.instant {
            true => prometheus.query(&query.expression).await?,
            false => prometheus.query_range(&query.expression, 5).await?,
        };
        note(&query.what, is_shown(&query, &series));
    }
    for (mirror, is_right) in ANSWERS {
        let mut queries = dashboard::queries(mirror)?.into_iter();
        let query = queries.find(|query| query.what == ANSWER).context("the answer")?;
        let values: Vec<f64> = prometheus
            .query(&query.expression)
            .await?
            .iter()
            .flat_map(|series| series.values.clone())
            .collect();
        let right = matches!(values[..], [value] if is_right(value as i64));
        note(mirror, if right { Ok(()) } else { Err(anyhow!("the answer is {values:?}")) });
    }
    for rule in prometheus.rules().await? {
        ensure!(rule["health"] != "err", "{}: {}", rule["name"], rule["lastError"]);
    }
    Ok(complaints)
}

fn rules_of(group: &serde_yaml_ng::Value) -> Vec<serde_yaml_ng::Value> {
    group["rules"].as_sequence().unwrap().clone()
}

/// By the convention of Prometheus, a rule's name begins with the labels that it keeps.
fn is_recorded(name: &str, side_is_added: bool, series: &[Series]) -> Result<()> {
    let mut expected: BTreeSet<_> = name.split(':').next().unwrap_or_default().split('_').collect();
    expected.insert("job");
    if side_is_added {
        expected.remove("side");
    }
    has_labels(series, &expected)
}

fn is_shown(query: &Query, series: &[Series]) -> Result<()> {
    let expected = query.labels.iter().map(String::as_str).collect();
    if query.is_sampled {
        ensure!(
            series.iter().any(|series| series.names().is_superset(&expected)),
            "no {expected:?}: {series:?}"
        );
        return Ok(());
    }
    has_labels(series, &expected)
}

/// There is data, it is numbers, and it has these labels and no others.
fn has_labels(series: &[Series], expected: &BTreeSet<&str>) -> Result<()> {
    ensure!(!series.is_empty(), "no data");
    for series in series {
        let mut names = series.names();
        names.remove("__name__");
        ensure!(names == *expected, "labels {names:?}, not {expected:?}");
        let last = series.values.last().copied().unwrap_or(f64::NAN);
        ensure!(last.is_finite(), "{:?} is {last}", series.labels);
    }
    Ok(())
}

fn comes_for(name: &str, series: &[Series]) -> Result<()> {
    let (_, expected, no_other) = ALERTS.iter().find(|(alert, ..)| *alert == name).unwrap();
    let mut mirrors: BTreeMap<&str, String> = BTreeMap::new();
    for series in series {
        let mut labels = String::new();
        for (label, value) in &series.labels {
            write!(labels, " {label}={value}")?;
        }
        mirrors.insert(series.label("mirror"), labels);
    }
    let expected: BTreeSet<&str> = expected.iter().copied().collect();
    let found: BTreeSet<&str> = mirrors.keys().copied().collect();
    let right = if *no_other { found == expected } else { found.is_superset(&expected) };
    ensure!(right, "it comes for {mirrors:?}, not for {expected:?}");
    for series in series {
        ensure!(series.label("job") == "envoy", "{series:?}");
        match name {
            "ShadowConfigInvalid" => ensure!(series.label("plugin") == "broken", "{series:?}"),
            "ShadowCopiesFailing" => {
                let reason = if series.label("mirror") == WORSE { "timeout" } else { series.label("mirror") };
                ensure!(series.label("reason") == reason, "{series:?}");
            }
            _ => {}
        }
    }
    Ok(())
}
