// SPDX-License-Identifier: Apache-2.0
//! The manifests of `examples/gates/` against the schemas of those who read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};
use harness::root;
use serde_json::Value;
use shadow_filter_cli::yaml::documents;

const ARGO: &str = include_str!("schemas/argo-analysis-template.json");
const FLAGGER: &str = include_str!("schemas/flagger-metric-template.json");

fn gate(file: &str) -> Result<Value> {
    let text = fs::read_to_string(root().join("examples/gates").join(file))?;
    let documents = documents(&text).map_err(|error| anyhow!("{file}: {error}"))?;
    Ok(documents.into_iter().next().with_context(|| file.to_owned())?.value)
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
    ensure!(found.len() == 8, "{found:?}");
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
    ensure!(checked == 5);
    Ok(())
}

/// Runs the shell's gate with a `cargo` that ends with these codes, one look after the other, and says how it ended and how often
/// it looked.
fn gate_with(codes: &[i32]) -> Result<(Option<i32>, usize)> {
    let directory = tempfile::tempdir()?;
    let looks = directory.path().join("looks");
    let codes: Vec<String> = codes.iter().map(i32::to_string).collect();
    let cargo = format!(
        "#!/usr/bin/env bash\necho \"$@\" >> {0}\ncodes=({1})\nexit ${{codes[$(($(wc -l < {0}) - 1))]}}\n",
        looks.display(),
        codes.join(" ")
    );
    let stub = directory.path().join("cargo");
    fs::write(&stub, cargo)?;
    fs::set_permissions(&stub, fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH")?);
    let ended = Command::new("bash")
        .arg(root().join("examples/gates/verdict.sh"))
        .envs([("PATH", &*path), ("ROUNDS", "3"), ("PAUSE", "0"), ("MIRROR", "v2")])
        .env("SOURCE", "--prometheus http://p:9090")
        .stderr(Stdio::null())
        .status()?;
    let looks = fs::read_to_string(&looks)?;
    let asked = "verdict --prometheus http://p:9090 --mirror v2 --html verdict.html";
    ensure!(looks.lines().all(|line| line == asked), "{looks}");
    Ok((ended.code(), looks.lines().count()))
}

#[test]
fn the_shell_gate_waits_while_it_is_hold() -> Result<()> {
    for (codes, ended, looks) in [
        (&[0][..], 0, 1),
        (&[1], 1, 1),
        (&[2, 2, 0], 0, 3),
        (&[2, 1], 1, 2),
        (&[2, 2, 2], 2, 3),
        (&[2, 3], 3, 2),
        (&[69], 69, 1),
    ] {
        ensure!(gate_with(codes)? == (Some(ended), looks), "{codes:?}: {:?}", gate_with(codes)?);
    }
    Ok(())
}

#[test]
fn the_workflow_runs_the_shell_gate() -> Result<()> {
    let workflow = gate("github-actions.yaml")?;
    let steps = workflow["jobs"]["verdict"]["steps"].as_array().context("steps")?;
    ensure!(steps.iter().any(|step| step["run"] == "examples/gates/verdict.sh"));
    Ok(())
}
