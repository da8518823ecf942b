// SPDX-License-Identifier: Apache-2.0
//! One question, one set of limits: the verdict's defaults are those of the alerts, the dashboard and the gates.

use std::fs;

use anyhow::{Context, Result, anyhow, ensure};
use harness::root;
use serde_json::Value;
use shadow_filter_cli::verdict::Thresholds;
use shadow_filter_cli::yaml::documents;

/// By fewer requests an alert says nothing. It comes before the verdict's `min_samples`, where chance is out of the question.
const FLOOR: f64 = 100.0;
/// How many standard errors are beyond chance.
const BEYOND_CHANCE: f64 = 3.0;

/// The defaults as the metrics have them: shares, not points or per cent.
struct Limits {
    errors: f64,
    client_errors: f64,
    p99_ratio: f64,
    slack_us: f64,
    /// Of the primary's P50.
    slack_share: f64,
    failures: f64,
    mismatches: f64,
    samples: f64,
}

impl Limits {
    fn of_the_verdict() -> Self {
        let defaults = Thresholds::default();
        Self {
            errors: defaults.max_error_increase / 100.0,
            client_errors: defaults.max_client_error_increase / 100.0,
            p99_ratio: defaults.max_p99_ratio,
            slack_us: defaults.latency_slack_us,
            slack_share: defaults.latency_slack_percent / 100.0,
            failures: defaults.max_failure_rate / 100.0,
            mismatches: defaults.max_mismatch_rate / 100.0,
            samples: defaults.min_samples as f64,
        }
    }
}

/// The numbers with which an expression compares, each behind its operator.
fn comparisons(expression: &str) -> Vec<(String, f64)> {
    let mut words =
        expression.split([' ', '\n', '(', ')']).filter(|word| !word.is_empty() && *word != "bool");
    let mut found = Vec::new();
    let mut operator = None;
    for word in words.by_ref() {
        if let (Some(operator), Ok(number)) = (operator, word.parse()) {
            found.push((operator, number));
        }
        operator = matches!(word, ">" | ">=" | "<" | "<=" | "==").then(|| word.to_owned());
    }
    found
}

fn expected(comparisons: &[(&str, f64)]) -> Vec<(String, f64)> {
    comparisons.iter().map(|(operator, number)| ((*operator).to_owned(), *number)).collect()
}

fn prometheus(file: &str) -> Result<String> {
    Ok(fs::read_to_string(root().join("envoy/prometheus").join(file))?)
}

fn yaml(text: &str) -> Result<Value> {
    let documents = documents(text).map_err(|error| anyhow!(error))?;
    Ok(documents.into_iter().next().context("a document")?.value)
}

fn alert(name: &str) -> Result<String> {
    let alerts = yaml(&prometheus("alerts.yml")?)?;
    let groups = alerts["groups"].as_array().context("groups")?;
    let mut rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
    let rule = rules.find(|rule| rule["alert"] == name).with_context(|| name.to_owned())?;
    Ok(rule["expr"].as_str().context("an expression")?.to_owned())
}

fn panel(title: &str) -> Result<Value> {
    let dashboard: Value = serde_json::from_str(&prometheus("dashboard.json")?)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    panels.iter().find(|panel| panel["title"] == title).cloned().with_context(|| title.to_owned())
}

#[test]
fn the_alerts_have_the_verdicts_limits() -> Result<()> {
    let limits = Limits::of_the_verdict();
    for (name, comparisons_of_it) in [
        ("ShadowErrorRateAbovePrimary", &[(">", limits.errors), (">", BEYOND_CHANCE), (">=", FLOOR)][..]),
        (
            "ShadowClientErrorsAbovePrimary",
            &[(">", limits.client_errors), (">", BEYOND_CHANCE), (">=", FLOOR)],
        ),
        ("ShadowP99AbovePrimary", &[(">", limits.p99_ratio), (">", limits.slack_us), (">=", limits.samples)]),
        ("ShadowAnswersDiffer", &[(">", limits.mismatches), (">=", FLOOR)]),
        ("ShadowCopiesFailing", &[(">", limits.failures)]),
    ] {
        let expression = alert(name)?;
        let slack =
            name != "ShadowP99AbovePrimary" || expression.contains(&format!("- {} * ", limits.slack_share));
        ensure!(slack, "{name} without the share of the primary's P50:\n{expression}");
        let found = comparisons(&expression);
        ensure!(found == expected(comparisons_of_it), "{name}: {found:?} in\n{expression}");
    }
    Ok(())
}

#[test]
fn the_dashboards_answer_has_the_verdicts_limits() -> Result<()> {
    let limits = Limits::of_the_verdict();
    let panel = panel("Is the shadow worse?")?;
    let expression = panel["targets"][0]["expr"].as_str().context("an expression")?;
    let found = comparisons(expression);
    let expected = expected(&[
        (">", limits.errors),
        (">", BEYOND_CHANCE),
        (">", limits.p99_ratio),
        (">", limits.slack_us),
        (">=", limits.samples),
        // Nothing is divided by none.
        (">", 0.0),
        (">", limits.mismatches),
        (">=", FLOOR),
        ("<", limits.samples),
        (">=", FLOOR),
        ("<", FLOOR),
    ]);
    ensure!(found == expected, "{found:?} in\n{expression}");
    let words = panel["description"].as_str().context("a description")?;
    for part in [
        format!("more than {} points above", limits.errors * 100.0),
        format!(
            "more than {} times the primary's and {} µs and a tenth of its P50 above",
            limits.p99_ratio, limits.slack_us
        ),
        format!("more than {} % of {FLOOR} compared", limits.mismatches * 100.0),
    ] {
        ensure!(words.contains(&part), "{part:?} is not in {words:?}");
    }
    Ok(())
}

#[test]
fn a_panel_turns_red_at_the_verdicts_limit() -> Result<()> {
    let limits = Limits::of_the_verdict();
    for (title, limit) in [
        ("Errors: shadow minus primary", limits.errors),
        ("P99: shadow divided by primary", limits.p99_ratio),
        ("Answers that differ", limits.mismatches),
        ("Copies that failed", limits.failures),
    ] {
        let panel = panel(title)?;
        let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array().context("steps")?;
        let values: Vec<_> = steps.iter().map(|step| step["value"].as_f64()).collect();
        ensure!(
            matches!(values[..], [None, Some(warns), Some(red)] if warns < red && red == limit),
            "{title}: {values:?}"
        );
    }
    Ok(())
}

#[test]
fn the_readme_of_the_alerts_has_the_verdicts_limits() -> Result<()> {
    let limits = Limits::of_the_verdict();
    let readme = prometheus("README.md")?;
    for (name, part) in [
        ("ShadowErrorRateAbovePrimary", format!("over {} points above", limits.errors * 100.0)),
        ("ShadowClientErrorsAbovePrimary", format!("over {} points above", limits.client_errors * 100.0)),
        ("ShadowP99AbovePrimary", format!("over {} times the primary's", limits.p99_ratio)),
        ("ShadowP99AbovePrimary", format!("more than {} µs and a tenth of its P50 above", limits.slack_us)),
        ("ShadowAnswersDiffer", format!("more than {} % of the compared", limits.mismatches * 100.0)),
        ("ShadowCopiesFailing", format!("more than {} % of the copies", limits.failures * 100.0)),
    ] {
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}`"))).context(name)?;
        ensure!(row.contains(&part), "{part:?} is not in {row}");
    }
    Ok(())
}

#[test]
fn the_gates_fail_at_the_verdicts_limits() -> Result<()> {
    let limits = Limits::of_the_verdict();
    let gate = |file: &str| fs::read_to_string(root().join("examples/gates").join(file));
    let argo = yaml(&gate("argo-rollouts.yaml")?)?;
    let metrics = argo["spec"]["metrics"].as_array().context("metrics")?;
    for (name, limit) in [
        ("error-increase", limits.errors),
        ("client-error-increase", limits.client_errors),
        ("p99-ratio", limits.p99_ratio),
    ] {
        let metric = metrics.iter().find(|metric| metric["name"] == name).context(name)?;
        let condition = |key: &str| comparisons(metric[key].as_str().unwrap_or_default());
        let (fails, passes) = (condition("failureCondition"), condition("successCondition"));
        ensure!(fails == expected(&[(">", 0.0), (">", limit)]), "{name}: {fails:?}");
        // Points and not intervals: what passes keeps its distance.
        ensure!(matches!(passes[..], [_, (_, value)] if value < limit), "{name}: {passes:?}");
    }
    for file in ["argo-rollouts.yaml", "flagger-p99.yaml"] {
        let text = gate(file)?;
        ensure!(text.contains(&format!("- {} * ", limits.slack_share)), "{file}");
        ensure!(text.contains(&format!("> bool {}", limits.slack_us)), "{file}");
    }
    for (file, limit) in [
        ("flagger-errors.yaml", limits.errors * 100.0),
        ("flagger-client-errors.yaml", limits.client_errors * 100.0),
        ("flagger-p99.yaml", limits.p99_ratio),
    ] {
        ensure!(gate(file)?.contains(&format!("thresholdRange: {{ max: {limit} }}")), "{file}: {limit}");
    }
    Ok(())
}
