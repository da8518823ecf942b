// SPDX-License-Identifier: Apache-2.0
//! How a configuration reaches the filter, and what a wrong one does: nothing, or a refusal, as the VM is told.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use harness::bootstrap::INGRESS;
use harness::client::{Http1, Request};
use harness::{Bootstrap, Envoy, Stats, Update};
use serde_json::json;
use serde_yaml_ng::Value;

use crate::bench::{EVERYTHING, Pair, Wire, arrived};

/// Not quite [`EVERYTHING`]: Envoy goes back to a root that it still has without a word to it.
const CORRECTED: &str = r#"{"mirrors": [{"name": "corrected", "cluster": "shadow"}]}"#;
/// Three faults: all of them have to be told.
const WRONG: &str =
    r#"{"mirrors": [{"cluster": "shadow", "percentage": 120, "timeot": "1s"}], "annotate": "yes"}"#;
const FAULTS: [&str; 3] = [
    "mirrors[0].percentage: found 120, expected a number from 0 to 100",
    "mirrors[0].timeot: found an unknown key",
    "annotate: found \"yes\", expected true or false",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_a_configuration_does_the_same() -> Result<()> {
    let plugin = json!({
        "loop_guard": false,
        "max_buffered_bytes": 1e6,
        "mirrors": [{
            "name": "forms",
            "cluster": "shadow",
            "percentage": 100.0,
            "authority": {"literal": "v2.test:80"},
            "headers": {"remove": ["x-request-id", "x-internal-*"], "set": {"x-a": "ä"}, "add": {"x-b": "2"}},
            "body": {"max_bytes": 4, "on_overflow": "headers_only"},
            "timeout": "1500ms",
            "limits": {"max_in_flight": 1000},
        }],
    });
    let text = plugin.to_string();
    let pair = Pair::on(Wire::Http1, &text, |bootstrap| {
        let bytes = json!({
            "@type": "type.googleapis.com/google.protobuf.BytesValue",
            "value": BASE64_STANDARD.encode(&text),
        });
        let in_struct = json!({"@type": "type.googleapis.com/google.protobuf.Struct", "value": plugin});
        bootstrap.extra_listener("bytes", "").extra_listener("struct", "").edit(|bootstrap| {
            *configuration(bootstrap, "bytes") = serde_yaml_ng::to_value(bytes).unwrap();
            *configuration(bootstrap, "struct") = serde_yaml_ng::to_value(in_struct).unwrap();
        })
    })
    .await?;
    let mut copies = Vec::new();
    for (listener, path) in [(INGRESS, "/1"), ("bytes", "/2"), ("struct", "/3")] {
        let request = Request::post(path, "12345").header("x-internal-a", "1").header("x-b", "1");
        let client = Http1::new(pair.envoy.address_of(listener));
        client.request(request.header("x-shadow-mirror", "v1")).await?;
        let copy = arrived(&pair.shadow, path).await?;
        copies.push(String::from_utf8(copy.raw_head.clone())?.replacen(path, "/", 1));
    }
    ensure!(copies[0].contains("v2.test:80") && copies[0].contains("x-envoy-expected-rq-timeout-ms: 1500"));
    ensure!(copies[1] == copies[0] && copies[2] == copies[0], "not alike: {copies:#?}");
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[("mirror", "forms")]) == 3);
    Ok(())
}

fn configuration<'a>(bootstrap: &'a mut Value, listener: &str) -> &'a mut Value {
    let listeners = bootstrap["static_resources"]["listeners"].as_sequence_mut().unwrap();
    let listener = listeners.iter_mut().find(|found| found["name"] == listener).unwrap();
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    &mut manager["http_filters"][0]["typed_config"]["config"]["configuration"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_struct_in_yaml_may_have_fractions() -> Result<()> {
    let plugin = json!({"mirrors": [{"cluster": "shadow", "percentage": 0.5, "timeout": "500ms"}]});
    let validation = Envoy::validate(Bootstrap::shipped().yaml_files().plugin_struct(plugin)).await?;
    ensure!(validation.ok, "{}", validation.log);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_mode_refuses_to_start_and_says_everything() -> Result<()> {
    let wrong = || Bootstrap::shipped().plugin(WRONG).strict(true);
    let log = Envoy::start_expecting_refusal(wrong()).await?;
    tells_all_faults(&log)?;
    let validation = Envoy::validate(wrong()).await?;
    ensure!(!validation.ok, "valid: {}", validation.log);
    tells_all_faults(&validation.log)?;
    let log = Envoy::start_expecting_refusal(Bootstrap::shipped().no_plugin_config()).await?;
    ensure!(log.contains("configuration: found nothing (0 bytes)"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_configuration_is_inert_by_default() -> Result<()> {
    ensure!(Envoy::validate(Bootstrap::shipped().plugin(WRONG).strict(false)).await?.ok);
    let pair = Pair::on(Wire::Http1, WRONG, |bootstrap| {
        bootstrap.strict(false).extra_listener("none", "").edit(|bootstrap| {
            configuration(bootstrap, "none");
            let listener = &mut bootstrap["static_resources"]["listeners"][1];
            let config = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"][0]
                ["typed_config"]["config"];
            config["name"] = "none".into();
            config.as_mapping_mut().unwrap().remove("configuration");
        })
    })
    .await?;
    for listener in [INGRESS, "none"] {
        ensure!(Http1::new(pair.envoy.address_of(listener)).get("/").await?.is_success());
    }
    all_faults_are_logged(&pair.envoy).await?;
    pair.envoy.await_log("configuration: found nothing (0 bytes)").await?;
    pair.envoy.await_log("the configuration is invalid: nothing is mirrored until it is fixed").await?;
    let stats = pair.ends_well().await?;
    for plugin in ["shadow", "none"] {
        ensure!(stats.gauge("shadow_config_invalid", &[("plugin", plugin)]) == 1, "{stats}");
    }
    ensure!(stats.mirrors().is_empty() && pair.shadow.started() == 0, "{stats}");
    Ok(())
}

/// The log comes through a pipe, and may be behind what the admin tells.
async fn all_faults_are_logged(envoy: &Envoy) -> Result<()> {
    for fault in FAULTS {
        envoy.await_log(fault).await?;
    }
    Ok(())
}

fn tells_all_faults(log: &str) -> Result<()> {
    for fault in FAULTS {
        ensure!(log.contains(fault), "the log does not say {fault}:\n{log}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_mode_keeps_the_configuration_that_it_has() -> Result<()> {
    let mut pair = Pair::on(Wire::Http1, EVERYTHING, |bootstrap| bootstrap.dynamic_listeners()).await?;
    mirrored(&pair, "/before").await?;
    let update = pair.envoy.update(|bootstrap| bootstrap.plugin(WRONG)).await?;
    ensure!(update == Update::Rejected);
    all_faults_are_logged(&pair.envoy).await?;
    mirrored(&pair, "/refused").await?;
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin("")).await? == Update::Rejected);
    mirrored(&pair, "/refused-again").await?;
    let stats = pair.ends_well().await?;
    ensure!(invalid(&stats) == 0, "{stats}");
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(CORRECTED)).await? == Update::Accepted);
    mirrored(&pair, "/corrected").await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_sent_total", &[("mirror", "corrected")]) == 1, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_inert_update_ends_mirroring_until_it_is_corrected() -> Result<()> {
    let mut pair =
        Pair::on(Wire::Http1, EVERYTHING, |bootstrap| bootstrap.strict(false).dynamic_listeners()).await?;
    mirrored(&pair, "/before").await?;
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(WRONG)).await? == Update::Accepted);
    all_faults_are_logged(&pair.envoy).await?;
    ensure!(invalid(&pair.envoy.stats().await?) == 1);
    ensure!(pair.http1().get("/inert").await?.is_success());
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(CORRECTED)).await? == Update::Accepted);
    ensure!(invalid(&pair.envoy.stats().await?) == 0);
    mirrored(&pair, "/corrected").await?;
    let stats = pair.ends_well().await?;
    for mirror in ["shadow", "corrected"] {
        ensure!(stats.counter("shadow_requests_total", &[("mirror", mirror)]) == 1, "{stats}");
    }
    ensure!(pair.shadow.find(|copy| copy.path == "/inert").is_none());
    // Back to what the first listener still drains with.
    for (plugin, expected) in [(WRONG, "/inert-again"), (EVERYTHING, "/as-before")] {
        ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(plugin)).await? == Update::Accepted);
        pair.http1().get(expected).await?;
    }
    arrived(&pair.shadow, "/as-before").await?;
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_requests_total", &[]) == 3, "{stats}");
    Ok(())
}

/// A request on a connection of its own, which meets the newest listener.
async fn mirrored(pair: &Pair, path: &str) -> Result<()> {
    ensure!(pair.http1().get(path).await?.is_success());
    arrived(&pair.shadow, path).await.map(drop)
}

fn invalid(stats: &Stats) -> u64 {
    stats.gauge("shadow_config_invalid", &[("plugin", "shadow")])
}

/// From a directory in which the module is where `cargo wasm` puts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_shipped_bootstrap_is_valid_as_it_is() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let built = directory.path().join("target/wasm32-wasip1/release");
    fs::create_dir_all(&built)?;
    let module = tokio::task::spawn_blocking(harness::wasm::module).await??;
    symlink(module, built.join("shadow_filter.wasm"))?;
    let mut files = 0;
    for entry in fs::read_dir(harness::root().join("envoy"))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "yaml") {
            validate(&file, directory.path())?;
            files += 1;
        }
    }
    ensure!(files >= 2, "{files} files");
    Ok(())
}

fn validate(file: &Path, directory: &Path) -> Result<()> {
    let output = Command::new(harness::envoy::binary::find()?)
        .args(["--mode", "validate", "--disable-hot-restart", "-c"])
        .arg(file)
        .current_dir(directory)
        .output()
        .context("run envoy --mode validate")?;
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}:\n{log}", file.display());
    Ok(())
}

#[test]
fn the_shipped_bootstraps_differ_only_in_the_shadows_protocol() -> Result<()> {
    let read = |file: &str| -> Result<Value> {
        Ok(serde_yaml_ng::from_str(&fs::read_to_string(harness::root().join("envoy").join(file))?)?)
    };
    let (http1, mut http2) = (read("envoy.yaml")?, read("envoy-http2.yaml")?);
    let clusters = http2["static_resources"]["clusters"].as_sequence_mut().context("no clusters")?;
    let shadow = clusters.iter_mut().find(|cluster| cluster["name"] == "shadow").context("no shadow")?;
    let protocol = shadow.as_mapping_mut().context("no cluster")?.remove("typed_extension_protocol_options");
    ensure!(protocol.is_some() && http1 == http2);
    Ok(())
}

#[test]
fn where_envoy_samples_the_filter_is_the_same() -> Result<()> {
    let read = |file: &str| -> Result<Value> {
        Ok(serde_yaml_ng::from_str(&fs::read_to_string(harness::root().join("envoy").join(file))?)?)
    };
    let manager = |file: &Value| {
        let listener = &file["static_resources"]["listeners"][0];
        listener["filter_chains"][0]["filters"][0]["typed_config"].clone()
    };
    let (plain, sampled, per_route) =
        (read("envoy.yaml")?, read("envoy-sampled.yaml")?, read("envoy-per-route.yaml")?);
    let filter = &manager(&plain)["http_filters"][0]["typed_config"];
    ensure!(filter["config"]["configuration"].is_mapping());
    let action =
        &manager(&sampled)["http_filters"][0]["typed_config"]["xds_matcher"]["on_no_match"]["action"];
    ensure!(&action["typed_config"]["typed_config"]["typed_config"] == filter);
    ensure!(&manager(&per_route)["http_filters"][0]["typed_config"] == filter);
    for file in [&sampled, &per_route] {
        ensure!(file["static_resources"]["clusters"] == plain["static_resources"]["clusters"]);
        ensure!(file["stats_config"] == plain["stats_config"] && file["admin"] == plain["admin"]);
        ensure!(file["layered_runtime"]["layers"][0] == plain["layered_runtime"]["layers"][0]);
    }
    Ok(())
}
