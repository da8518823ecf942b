// SPDX-License-Identifier: Apache-2.0
//! The files as they are, under Prometheus' own tools.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use serde_yaml_ng::Value;

use crate::tools::{directory, promtool};

const TESTS: [&str; 2] = ["tests.yml", "tests-history.yml"];

#[test]
fn promtool_takes_the_configuration_and_the_rules() -> Result<()> {
    promtool(&["check", "config", "--lint=all", "--lint-fatal", "prometheus.yml"])?;
    promtool(&["check", "rules", "--lint=all", "--lint-fatal", "rules.yml", "alerts.yml"])
}

#[test]
fn every_alert_comes_and_stays_away_as_its_tests_say() -> Result<()> {
    promtool(&[&["test", "rules"][..], &TESTS].concat())
}

#[test]
fn every_alert_has_a_test_in_which_it_comes_and_one_in_which_it_does_not() -> Result<()> {
    let (mut comes, mut stays_away) = (BTreeSet::new(), BTreeSet::new());
    for file in TESTS {
        for test in read(file)?["tests"].as_sequence().unwrap() {
            for case in test["alert_rule_test"].as_sequence().unwrap() {
                let alerts = case["exp_alerts"].as_sequence().unwrap();
                let group = if alerts.is_empty() { &mut stays_away } else { &mut comes };
                group.insert(case["alertname"].as_str().unwrap().to_owned());
            }
        }
    }
    let alerts = alerts()?;
    ensure!(alerts.len() >= 10, "{alerts:?}");
    ensure!(comes == alerts, "seen to come: {comes:?}; there are {alerts:?}");
    ensure!(stays_away == alerts, "seen to stay away: {stays_away:?}; there are {alerts:?}");
    Ok(())
}

#[test]
fn the_readme_has_every_alert_and_no_other() -> Result<()> {
    let readme = fs::read_to_string(directory().join("README.md"))?;
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `Shadow")?.split_once('`'));
    let named: BTreeSet<_> = rows.map(|(name, _)| format!("Shadow{name}")).collect();
    ensure!(named == alerts()?, "{named:?}");
    Ok(())
}

fn alerts() -> Result<BTreeSet<String>> {
    let alerts = read("alerts.yml")?;
    let rules = alerts["groups"].as_sequence().unwrap().iter().flat_map(|group| group["rules"].as_sequence());
    Ok(rules.flatten().map(|rule| rule["alert"].as_str().unwrap().to_owned()).collect())
}

fn read(file: &str) -> Result<Value> {
    Ok(serde_yaml_ng::from_str(&fs::read_to_string(directory().join(file))?)?)
}
