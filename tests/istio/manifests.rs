// SPDX-License-Identifier: Apache-2.0
//! The shipped manifests, before anything of them runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use serde_json::json;

use crate::manifest::{self, Document};
use crate::world::World;

/// Istio's own checker, the API server with its definitions of the resources, and istiod's webhook take every file.
pub async fn all_are_accepted(world: &World) -> Result<()> {
    world.clear()?;
    let files = files(&harness::root().join("examples"))?;
    ensure!(files.len() >= 14, "only {} manifests in examples/", files.len());
    for file in &files {
        world.validate(file)?;
        world.kubectl().dry_run(&fs::read_to_string(file)?)?;
    }
    Ok(())
}

/// `metrics.yaml` is a patch for a workload, as its head says.
pub async fn the_patch_for_metrics_applies(world: &World) -> Result<()> {
    world.clear()?;
    let deployment = manifest::shipped("httpbin/app.yaml")?
        .into_iter()
        .filter(|document| document.kind() == "Deployment" && document.name() == "httpbin-v1");
    world.kubectl().apply(&deployment.map(|document| document.to_yaml()).collect::<Result<String>>()?)?;
    let patch = harness::root().join("examples/istio/metrics.yaml");
    let patch = patch.display().to_string();
    let patched = world.kubectl().run(&[
        "-n",
        "shadow-demo",
        "patch",
        "deployment",
        "httpbin-v1",
        "--dry-run=server",
        "-o",
        "json",
        "--patch-file",
        &patch,
    ])?;
    let patched: serde_json::Value = serde_json::from_str(&patched)?;
    let annotations = &patched["spec"]["template"]["metadata"]["annotations"];
    for (name, value) in manifest::annotations()? {
        ensure!(annotations[&name] == json!(value), "{name} is {}", annotations[&name]);
    }
    Ok(())
}

/// What Istio refuses. It shows that being accepted means something, and what `examples/istio/README.md` says of it.
pub async fn faults_are_refused(world: &World) -> Result<()> {
    world.clear()?;
    let plugin = manifest::shipped("search.yaml")?.into_iter().find(Document::is_plugin);
    let Some(plugin) = plugin else { bail!("search.yaml has no plugin") };
    let faults = [
        ("an unknown field", json!({"sha265": "0".repeat(64)})),
        ("a strategy that there is not", json!({"failStrategy": "FAIL_SOFT"})),
        ("a short digest", json!({"sha256": "abc"})),
        ("another scheme", json!({"url": "ftp://example.com/shadow_filter.wasm"})),
        ("a host and port without a scheme", json!({"url": "registry.example.com:5000/shadow-filter:0.1.0"})),
        ("a port that there is not", json!({"match": [{"ports": [{"number": 70000}]}]})),
    ];
    for (what, fault) in faults {
        let text = plugin.clone().with(&fault)?.to_yaml()?;
        ensure!(world.kubectl().dry_run(&text).is_err(), "the API server takes {what}:\n{text}");
        let file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
        fs::write(file.path(), &text)?;
        ensure!(world.validate(&file.path().to_owned()).is_err(), "istioctl takes {what}:\n{text}");
    }
    Ok(())
}

/// Every file of Kubernetes' resources below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "yaml") && is_manifest(&path)? {
            found.push(path);
        }
    }
    Ok(found)
}

/// Patches, and examples for other programs, are YAML, too.
fn is_manifest(path: &Path) -> Result<bool> {
    const GROUPS: [&str; 2] = ["istio.io/", "gateway."];
    let text = fs::read_to_string(path)?;
    let mut versions = text.lines().filter_map(|line| line.strip_prefix("apiVersion: "));
    Ok(versions.any(|version| GROUPS.iter().any(|group| version.contains(group))))
}
