// SPDX-License-Identifier: Apache-2.0
//! The manifests for Istio and Envoy Gateway agree with each other, with what is written about them, and with what the
//! filter takes (`tools/cli/tests/check.rs` holds them against the checker). Whether Istio takes them, only Istio can say.

#![allow(clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use shadow_filter::config::Config;

const ISTIO: &str = "examples/istio";
const GATEWAY: &str = "examples/envoy-gateway/extension-policy.yaml";
const TAGS: &str = "sidecar.istio.io/extraStatTags";
const BUCKETS: &str = "sidecar.istio.io/statsHistogramBuckets";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).expect(file)
}

/// The YAML files of a folder and those below it, named from the root.
fn manifests(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).expect(folder) {
        let path = entry.expect("a file").path();
        let name = path.strip_prefix(root()).expect("below the root").to_str().expect("UTF-8").to_owned();
        if path.is_dir() {
            found.extend(manifests(&name));
        } else if name.ends_with(".yaml") {
            found.push(name);
        }
    }
    found.sort();
    found
}

fn documents(file: &str) -> Vec<Value> {
    let text = read(file);
    let documents = serde_yaml_ng::Deserializer::from_str(&text).map(Value::deserialize);
    documents.map(|document| document.expect(file)).collect()
}

fn of_kind(file: &str, kind: &str) -> Vec<Value> {
    documents(file).into_iter().filter(|object| object["kind"] == kind).collect()
}

fn all_of_kind(kind: &str) -> Vec<Value> {
    manifests(ISTIO).iter().flat_map(|file| of_kind(file, kind)).collect()
}

/// Every value of a key, wherever it stands.
fn values<'a>(json: &'a Value, key: &str) -> Vec<&'a Value> {
    match json {
        Value::Array(items) => items.iter().flat_map(|item| values(item, key)).collect(),
        Value::Object(object) => {
            let below = object.values().flat_map(|value| values(value, key));
            object.get(key).into_iter().chain(below).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_manifest_begins_with_what_to_change() {
    for file in manifests(ISTIO).into_iter().chain([GATEWAY.to_owned()]) {
        let text = read(&file);
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with('#')).collect();
        assert_eq!(head[0], "# SPDX-License-Identifier: Apache-2.0", "{file}");
        let explains = head.iter().any(|line| line.starts_with("# Change: "));
        let refers = file.contains("/traffic-extension/") || file.ends_with("/metrics.yaml");
        assert!(explains || refers, "{file}");
    }
}

#[test]
fn every_plugin_fails_open_and_is_not_strict() {
    let plugins = all_of_kind("WasmPlugin").into_iter().map(|plugin| plugin["spec"].clone());
    let extensions = all_of_kind("TrafficExtension").into_iter().map(|plugin| plugin["spec"]["wasm"].clone());
    let all: Vec<Value> = plugins.chain(extensions).collect();
    assert_eq!(all.len(), 12);
    for plugin in all {
        assert_eq!(plugin["failStrategy"], "FAIL_OPEN", "{plugin}");
        assert_eq!(plugin["imagePullPolicy"], "IfNotPresent", "{plugin}");
        assert_eq!(plugin["vmConfig"], Value::Null, "{plugin}");
        assert!(plugin["url"].as_str().is_some_and(|url| url.starts_with("oci://")), "{plugin}");
    }
    let policy = &of_kind(GATEWAY, "EnvoyExtensionPolicy")[0];
    assert_eq!(policy["spec"]["wasm"][0]["failOpen"], true);
}

#[test]
fn every_wasm_plugin_is_a_traffic_extension_too() {
    let extension_of = |mut plugin: Value| {
        let wasm = plugin["spec"].as_object_mut().expect("a spec");
        let kept = ["selector", "targetRefs", "match", "phase", "priority"];
        let mut spec: serde_json::Map<_, _> =
            kept.into_iter().filter_map(|key| wasm.remove_entry(key)).collect();
        spec.insert("wasm".into(), Value::Object(wasm.clone()));
        plugin["kind"] = json!("TrafficExtension");
        plugin["spec"] = Value::Object(spec);
        plugin
    };
    let folder = format!("{ISTIO}/traffic-extension");
    let mut twins = 0;
    for file in manifests(ISTIO).iter().filter(|file| !file.starts_with(&folder)) {
        for plugin in of_kind(file, "WasmPlugin") {
            let name = match Path::new(file).file_stem().and_then(|stem| stem.to_str()) {
                Some("mirror") => "httpbin",
                Some(name) => name,
                None => panic!("{file}"),
            };
            assert_eq!(documents(&format!("{folder}/{name}.yaml")), [extension_of(plugin)], "{file}");
            twins += 1;
        }
    }
    assert_eq!(twins, manifests(&folder).len());
}

/// A cluster is named after a service and a subset; both, and what bounds them, are in the manifests.
#[test]
fn every_shadow_has_a_destination_rule_that_bounds_it() {
    let mut bounded = BTreeSet::new();
    for rule in all_of_kind("DestinationRule") {
        let host = rule["spec"]["host"].as_str().expect("a host");
        let namespace = rule["metadata"]["namespace"].as_str().expect("a namespace");
        let host =
            if host.contains('.') { host.into() } else { format!("{host}.{namespace}.svc.cluster.local") };
        let none = Vec::new();
        let subsets = rule["spec"]["subsets"].as_array().unwrap_or(&none);
        let subsets = subsets.iter().map(|subset| (subset["name"].as_str().unwrap_or_default(), subset));
        for (subset, rule) in subsets.chain([("", &rule["spec"])]) {
            let policy = &rule["trafficPolicy"];
            if policy["connectionPool"]["http"].is_object() && policy["outlierDetection"].is_object() {
                bounded.insert(format!("{subset}|{host}"));
            }
        }
    }
    for plugin in all_of_kind("WasmPlugin") {
        for cluster in values(&plugin["spec"]["pluginConfig"], "cluster") {
            let parts: Vec<&str> = cluster.as_str().expect("a name").split('|').collect();
            let [direction, port, subset, host] = parts[..] else { panic!("{cluster}") };
            assert!(port.parse::<u16>().is_ok(), "{cluster}");
            let subset = match direction {
                "outbound" => subset,
                "inbound-vip" => subset.strip_prefix("http").expect("the protocol").trim_start_matches('/'),
                _ => panic!("{cluster}"),
            };
            assert!(bounded.contains(&format!("{subset}|{host}")), "{cluster}: {bounded:?}");
        }
    }
}

#[test]
fn proxies_are_told_of_every_label() {
    let bootstrap = &documents("envoy/envoy.yaml")[0]["stats_config"];
    let names = |tags: &Value| -> BTreeSet<String> {
        let tags = tags.as_array().expect("tags").iter();
        tags.map(|tag| tag["tag_name"].as_str().expect("a name").to_owned()).collect()
    };
    let expected = names(&bootstrap["stats_tags"]);
    let documents_of_all: Vec<Value> = manifests(ISTIO).iter().flat_map(|file| documents(file)).collect();
    let annotations = |key: &str| -> Vec<String> {
        let found = documents_of_all.iter().flat_map(|document| values(document, key));
        found.map(|value| value.as_str().expect("text").to_owned()).collect()
    };
    assert_eq!(annotations(TAGS).len(), 3, "of metrics.yaml, httpbin and the waypoint");
    for tags in annotations(TAGS) {
        assert_eq!(tags.split(',').map(str::to_owned).collect::<BTreeSet<_>>(), expected, "{tags}");
    }
    for buckets in annotations(BUCKETS) {
        let buckets: Value = serde_json::from_str(&buckets).expect("JSON");
        assert_eq!(buckets["wasmcustom"], bootstrap["histogram_bucket_settings"][0]["buckets"]);
    }
    let proxy = of_kind(GATEWAY, "EnvoyProxy").remove(0);
    let merged = proxy["spec"]["bootstrap"]["value"].as_str().expect("a bootstrap");
    let merged: Value = serde_yaml_ng::from_str(merged).expect("YAML");
    assert_eq!(merged["stats_config"]["stats_tags"], bootstrap["stats_tags"]);
}

#[test]
fn the_readme_shows_the_manifest_that_is_shipped() {
    let manifest = read("examples/istio/search.yaml");
    assert!(read("README.md").contains(&format!("```yaml\n{manifest}```")));
    let plugin = of_kind("examples/istio/search.yaml", "WasmPlugin").remove(0);
    let config = Config::parse(plugin["spec"]["pluginConfig"].to_string().as_bytes()).expect("valid");
    assert_eq!(config.mirrors.len(), 1);
}

#[test]
fn the_table_of_manifests_has_every_file_and_no_other() {
    let readme = read("examples/istio/README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| [`"));
    let named: BTreeSet<String> =
        rows.map(|row| row.split('`').nth(1).unwrap_or_default().trim_end_matches('/').to_owned()).collect();
    let entries = fs::read_dir(root().join(ISTIO)).expect("a folder").filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    assert_eq!(named, names.filter(|name| name != "README.md").collect());
}
