// SPDX-License-Identifier: Apache-2.0
//! The manifests of `examples/gates/` against the schemas of those who read them.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::root;

const ARGO: &str = include_str!("schemas/argo-analysis-template.json");
const FLAGGER: &str = include_str!("schemas/flagger-metric-template.json");

fn gate(file: &str) -> Result<Value> {
    let text = fs::read_to_string(root().join("examples/gates").join(file))?;
    serde_yaml_ng::from_str(&text).with_context(|| file.to_owned())
}

fn files() -> Result<Vec<String>> {
    let entries = fs::read_dir(root().join("examples/gates"))?.filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| name.ends_with(".yaml")).collect())
}

/// All shipped queries by name, for a mirror over a time.
pub fn queries(mirror: &str, time: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for file in files()? {
        let manifest = gate(&file)?;
        if let Some(metrics) = manifest["spec"]["metrics"].as_array() {
            for metric in metrics {
                let name = metric["name"].as_str().context("a name")?;
                let query = metric["provider"]["prometheus"]["query"].as_str().context("a query")?;
                found.push((name.to_owned(), query.to_owned()));
            }
        } else if let Some(query) = manifest["spec"]["query"].as_str() {
            found.push((file.clone(), query.to_owned()));
        }
    }
    for (name, query) in &mut found {
        for (place, value) in [
            ("{{args.mirror}}", mirror),
            ("{{args.window}}", time),
            ("{{ variables.mirror }}", mirror),
            ("{{ interval }}", time),
        ] {
            *query = query.replace(place, value);
        }
        ensure!(!query.contains("{{"), "{name}: {query}");
    }
    ensure!(found.len() == 6, "{found:?}");
    Ok(found)
}

#[test]
fn the_manifests_fit_their_schemas() -> Result<()> {
    let mut checked = 0;
    for file in files()? {
        let manifest = gate(&file)?;
        let schema = match manifest["kind"].as_str() {
            Some("AnalysisTemplate") => ARGO,
            Some("MetricTemplate") => FLAGGER,
            _ => continue,
        };
        let schema = jsonschema::validator_for(&serde_json::from_str(schema)?)?;
        let faults: Vec<String> = schema
            .iter_errors(&manifest)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        ensure!(faults.is_empty(), "{file}: {faults:?}");
        let mut wrong = manifest.clone();
        wrong["spec"]["quary"] = "up".into();
        ensure!(!schema.is_valid(&wrong), "the schema sees no misspelled key");
        checked += 1;
    }
    ensure!(checked == 4);
    Ok(())
}

#[test]
fn the_shell_gate_is_valid_and_the_workflow_runs_it() -> Result<()> {
    let gate_file = root().join("examples/gates/verdict.sh");
    let checked = std::process::Command::new("bash").arg("-n").arg(&gate_file).status()?;
    ensure!(checked.success());
    let workflow = gate("github-actions.yaml")?;
    let steps = workflow["jobs"]["verdict"]["steps"].as_array().context("steps")?;
    ensure!(steps.iter().any(|step| step["run"] == "examples/gates/verdict.sh"));
    Ok(())
}
