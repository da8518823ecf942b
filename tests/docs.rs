// SPDX-License-Identifier: Apache-2.0
//! What the documentation names exists, and what exists is documented; every configuration that is shipped or shown
//! is one that the filter takes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use shadow_filter::config::{Config, keys};
use shadow_filter::mirror::Worker;
use shadow_filter::telemetry::{FailReason, SkipReason};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect(path)
}

/// The first cells of the table that follows a line, without the quotes of code.
fn table_after(text: &str, line: &str) -> BTreeSet<String> {
    let rows = text.lines().skip_while(|candidate| !candidate.starts_with(line)).skip(1);
    let rows = rows.skip_while(|row| !row.starts_with('|')).take_while(|row| row.starts_with('|'));
    let cells = rows.skip(2).filter_map(|row| row.split('|').nth(1));
    let cells: BTreeSet<_> = cells.map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
    assert!(!cells.is_empty(), "no table after {line}");
    cells
}

fn owned(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[test]
fn the_readme_has_every_key_and_no_other() {
    let mut expected = BTreeSet::new();
    for (object, keys) in keys::OBJECTS {
        let prefix = if object.is_empty() { String::new() } else { format!("{object}.") };
        expected.extend(keys.iter().map(|key| format!("{prefix}{key}")));
    }
    assert_eq!(table_after(&read("README.md"), "A careful beginning"), expected);
}

#[test]
fn the_readme_has_every_metric_and_no_other() {
    let config = Config::parse(br#"{"mirrors": [{"cluster": "c", "compare": {}}]}"#).expect("valid");
    let mut worker = Worker::new(config, 0);
    let metrics = worker.ledger().metrics().iter();
    let mut expected: BTreeSet<_> =
        metrics.map(|(_, name)| name.rsplit(";.;").next().expect("a name").to_owned()).collect();
    expected.insert("shadow_config_invalid".into());
    assert_eq!(table_after(&read("README.md"), "## Metrics"), expected);
}

#[test]
fn the_readme_has_every_reason_and_no_other() {
    let readme = read("README.md");
    assert_eq!(
        table_after(&readme, "### Why a request was not copied"),
        owned(SkipReason::ALL.map(|(_, name)| name))
    );
    assert_eq!(table_after(&readme, "### Why a copy failed"), owned(FailReason::ALL.map(|(_, name)| name)));
}

#[test]
fn every_configuration_in_the_documentation_is_valid() {
    let mut found = 0;
    for file in ["README.md", "DESIGN.md", "envoy/README.md", "tests/README.md"] {
        for block in read(file).split("```json\n").skip(1) {
            let json = block.split("```").next().unwrap_or_default();
            Config::parse(json.as_bytes()).unwrap_or_else(|faults| panic!("{file}: {json}\n{faults:?}"));
            found += 1;
        }
    }
    assert!(found >= 2, "the README shows configurations");
}

#[test]
fn the_readme_has_an_example_of_every_key() {
    let mut shown = BTreeSet::new();
    for block in read("README.md").split("```json\n").skip(1) {
        let json = serde_json::from_str(block.split("```").next().unwrap_or_default()).expect("JSON");
        keys_of(&json, "", &mut shown);
    }
    let objects = keys::OBJECTS.iter();
    let all = objects.flat_map(|(object, keys)| keys.iter().map(move |key| (*object, *key)));
    let missing: Vec<_> = all.filter(|(object, key)| !shown.contains(&format!("{object}.{key}"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The paths of all keys, as the documentation names them: matchers are those of `path`, and `exclude` is as `match`.
fn keys_of(json: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
    let path = path.replace("exclude[]", "match[]");
    for (key, value) in json.as_object().into_iter().flatten() {
        found.insert(format!("{path}.{key}"));
        let below = match path.as_str() {
            "" => key.clone(),
            "mirrors[].match[].headers" | "mirrors[].match[].query" => "mirrors[].match[].path".to_owned(),
            _ => format!("{path}.{key}"),
        };
        keys_of(value, &below, found);
    }
    for item in json.as_array().into_iter().flatten() {
        keys_of(item, &format!("{path}[]"), found);
    }
}

#[test]
fn every_shipped_configuration_is_valid() {
    let mut found = 0;
    for file in files(&root().join("envoy")).into_iter().chain(files(&root().join("examples"))) {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).unwrap_or_default();
        match file.extension().and_then(|extension| extension.to_str()) {
            // Not configurations; tests/schema.rs and tests/prometheus/ look at them.
            Some("json") if name.ends_with(".schema.json") || name.ends_with("dashboard.json") => {}
            Some("json") => {
                Config::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
                found += 1;
            }
            // Manifests of several documents; tests/manifests.rs looks at them.
            Some("yaml")
                if name.contains("/examples/istio/") || name.contains("/examples/envoy-gateway/") => {}
            Some("yaml") => {
                let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(&text).expect(&name);
                for config in plugin_configurations(&yaml) {
                    Config::parse(config.as_bytes()).unwrap_or_else(|faults| panic!("{name}: {faults:?}"));
                    found += 1;
                }
            }
            _ => {}
        }
    }
    assert!(found >= 2, "both bootstraps have a plugin configuration");
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).expect("a directory").filter_map(Result::ok).map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_table_of_examples_has_every_file_and_no_other() {
    let linked = table_after(&read("examples/configs/README.md"), "# Configurations to begin with");
    let linked: BTreeSet<_> =
        linked.iter().map(|cell| cell.split('`').nth(1).unwrap_or_default().to_owned()).collect();
    let files = files(&root().join("examples/configs"));
    let names = files.iter().filter_map(|file| file.file_name()?.to_str());
    assert_eq!(linked, names.filter(|name| name.ends_with(".json")).map(str::to_owned).collect());
}

/// The text of every `configuration` that is a `StringValue`.
fn plugin_configurations(yaml: &serde_yaml_ng::Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(mapping) = yaml.as_mapping() {
        if let Some(value) = mapping.get("configuration").and_then(|config| config.get("value")) {
            found.extend(value.as_str().map(str::to_owned));
        }
        mapping.values().for_each(|value| found.extend(plugin_configurations(value)));
    }
    yaml.as_sequence().into_iter().flatten().for_each(|value| found.extend(plugin_configurations(value)));
    found
}

#[test]
fn the_readme_has_the_versions_of_envoy_that_are_tested() {
    let readme = read("README.md");
    let rows: Vec<_> = readme.lines().filter(|line| line.starts_with("| Envoy ")).collect();
    let cells = rows.iter().filter_map(|row| row.trim_start_matches("| Envoy ").split(['|', '(']).next());
    let named: BTreeSet<_> =
        cells.flat_map(|cell| cell.split([',', ' '])).filter(|word| word.contains('.')).collect();
    let tested = read("envoy/older-versions") + &read("envoy/version");
    assert_eq!(named, tested.split_whitespace().collect());
}

#[test]
fn the_readme_has_the_headers_that_a_preset_stands_for() {
    let readme = read("README.md");
    let row = readme.lines().find(|line| line.starts_with("| `mirrors[].headers.remove`")).expect("the key");
    for header in shadow_filter::transform::CREDENTIALS {
        assert!(row.contains(&format!("`{header}`")), "{header}");
    }
}
