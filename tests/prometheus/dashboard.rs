// SPDX-License-Identifier: Apache-2.0
//! The dashboard as Grafana reads it: its queries, with values for its variables, and what else must hold in it.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::tools::directory;

/// What Grafana puts in place of the variables, but for the mirror.
const VARIABLES: [(&str, &str); 3] = [("$__rate_interval", "4s"), ("$__range", "20s"), ("$job", ".+")];

/// The panel that a person sees first.
pub const ANSWER: &str = "Is the shadow worse?";

/// One query of the dashboard.
pub struct Query {
    /// The panel's title, or the variable's name.
    pub what: String,
    pub expression: String,
    /// The labels that its legend needs, or the variable.
    pub labels: BTreeSet<String>,
    /// Of now, not of the time range.
    pub instant: bool,
    /// It picks labels out of series that have more.
    pub is_sampled: bool,
}

/// Every query about a mirror: of the panels, of the variables, and of the annotations.
pub fn queries(mirror: &str) -> Result<Vec<Query>> {
    let substituted = |expression: &str| substituted(expression, mirror);
    let dashboard = read()?;
    let mut queries = Vec::new();
    for panel in list(&dashboard["panels"])? {
        for target in panel["targets"].as_array().unwrap_or(&Vec::new()) {
            queries.push(Query {
                what: text(&panel["title"])?.to_owned(),
                expression: substituted(text(&target["expr"])?)?,
                labels: labels_of(text(&target["legendFormat"])?),
                instant: target["instant"] == true,
                is_sampled: false,
            });
        }
    }
    for variable in list(&dashboard["templating"]["list"])? {
        if variable["type"] == "query" {
            let query = text(&variable["query"])?;
            let query = query.strip_prefix("label_values(").context("label_values")?;
            let (expression, label) = query.rsplit_once(',').context("a label")?;
            queries.push(Query {
                what: text(&variable["name"])?.to_owned(),
                expression: substituted(expression)?,
                labels: BTreeSet::from([label.trim_matches([' ', ')']).to_owned()]),
                instant: true,
                is_sampled: true,
            });
        }
    }
    for annotation in list(&dashboard["annotations"]["list"])? {
        let mut labels = labels_of(text(&annotation["titleFormat"])?);
        labels.append(&mut labels_of(text(&annotation["textFormat"])?));
        queries.push(Query {
            what: text(&annotation["name"])?.to_owned(),
            expression: substituted(text(&annotation["expr"])?)?,
            labels,
            instant: false,
            is_sampled: true,
        });
    }
    ensure!(queries.len() > 30, "only {} queries", queries.len());
    Ok(queries)
}

#[test]
fn what_a_person_sees_first_is_the_answer() -> Result<()> {
    let dashboard = read()?;
    let first = list(&dashboard["panels"])?.iter().filter(|panel| panel["gridPos"]["y"] == 0);
    let titles: Vec<_> = first.map(|panel| panel["title"].as_str().unwrap_or_default()).collect();
    assert_eq!(
        titles,
        [ANSWER, "Errors: shadow minus primary", "P99: shadow divided by primary", "Answers that differ"]
    );
    Ok(())
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() -> Result<()> {
    let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&read()?["panels"])? {
        let title = text(&panel["title"])?;
        ensure!(ids.insert(panel["id"].as_u64().context("an id")?), "{title}: its id is another's");
        let at = |key: &str| panel["gridPos"][key].as_u64().with_context(|| format!("{title}: {key}"));
        ensure!(at("x")? + at("w")? <= 24, "{title} is beyond the right edge");
        for x in at("x")?..at("x")? + at("w")? {
            for y in at("y")?..at("y")? + at("h")? {
                ensure!(cells.insert((x, y)), "{title} lies over another");
            }
        }
    }
    Ok(())
}

#[test]
fn the_viewer_chooses_the_data_source() -> Result<()> {
    let dashboard = read()?;
    let mut found = 0;
    data_sources(&dashboard, &mut |source| {
        found += 1;
        ensure!(source["uid"] == "${datasource}" && source["type"] == "prometheus", "{source}");
        Ok(())
    })?;
    ensure!(found > 30, "{found}");
    let variables = list(&dashboard["templating"]["list"])?;
    let types: Vec<_> = variables.iter().map(|one| (one["name"].as_str(), one["type"].as_str())).collect();
    assert_eq!(
        types,
        [("datasource", "datasource"), ("job", "query"), ("mirror", "query")]
            .map(|(a, b)| (Some(a), Some(b)))
    );
    Ok(())
}

fn data_sources(value: &Value, look: &mut impl FnMut(&Value) -> Result<()>) -> Result<()> {
    match value {
        Value::Object(object) => {
            if let Some(source) = object.get("datasource").filter(|source| source.is_object()) {
                look(source)?;
            }
            object.values().try_for_each(|value| data_sources(value, look))
        }
        Value::Array(array) => array.iter().try_for_each(|value| data_sources(value, look)),
        _ => Ok(()),
    }
}

fn read() -> Result<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(directory().join("dashboard.json"))?)?)
}

fn substituted(expression: &str, mirror: &str) -> Result<String> {
    let mut expression = expression.replace("$mirror", mirror);
    for (variable, value) in VARIABLES {
        expression = expression.replace(variable, value);
    }
    ensure!(!expression.contains('$'), "an unknown variable: {expression}");
    Ok(expression)
}

/// The labels that a legend names: `{{class}}`.
fn labels_of(legend: &str) -> BTreeSet<String> {
    legend.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0.trim().to_owned())).collect()
}

fn list(value: &Value) -> Result<&Vec<Value>> {
    value.as_array().context("a list")
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("text, not {value}"))
}
