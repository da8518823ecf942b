// SPDX-License-Identifier: Apache-2.0
//! Copies of a real Envoy.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use harness::client::{Http1, Request, burst};
use harness::upstream::Upstream;
use harness::{Bootstrap, Envoy};
use tempfile::TempDir;

use crate::serving::{Program, kept};

const REQUESTS: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn every_copy_of_an_envoy_is_kept_once_over_either_protocol() -> Result<()> {
    for bootstrap in [Bootstrap::shipped(), Bootstrap::shipped_http2()] {
        let folder = TempDir::new()?;
        let place = folder.path().display().to_string();
        let recorder =
            Program::start(&["record", &place, "--listen=127.0.0.1:0", "--rotate-size=20KiB", "--zstd"])
                .await?;
        let primary = Upstream::http1().await?;
        let plugin =
            r#"{"mirrors": [{"name": "v2", "cluster": "shadow", "redact": {"headers": ["x-secret"]}}]}"#;
        let bootstrap = bootstrap.primary(primary.addr()).shadow(recorder.address).plugin(plugin);
        let envoy = Envoy::start(bootstrap).await?;
        let client = Http1::new(envoy.address());
        let request = |index: usize| {
            Request::post(format!("/items/{index}?q=1"), format!("body of {index} \u{e4}"))
                .authority("shop.test:8080")
                .header("x-secret", "abc")
                .header("x-binary", b"\xff\xfe")
        };
        burst(&client, REQUESTS, 16, request).await.all_succeeded()?;
        let stats = envoy.settled().await?;
        stats.check_equations()?;
        ensure!(
            stats.counter("shadow_responses_total", &[("side", "shadow"), ("class", "2xx")])
                == REQUESTS as u64
        );
        let said = recorder.end().await?;
        ensure!(said.contains(&format!("kept 0 exchanges and {REQUESTS} copies")), "{said}");

        let all = kept(folder.path())?;
        let mut paths = BTreeMap::new();
        for one in &all {
            let header = |name: &str| one.header(name).map(|value| value.to_vec()).unwrap_or_default();
            let path = String::from_utf8(header(":path"))?;
            ensure!(
                header(":method") == b"POST" && header(":authority") == b"shop.test-shadow:8080",
                "{one:?}"
            );
            ensure!(header("x-shadow-mirror") == b"v2" && one.mirror == "v2", "{one:?}");
            ensure!(header("x-secret") == b"[redacted]" && header("x-binary") == b"\xff\xfe", "{one:?}");
            let index = path.trim_start_matches("/items/").trim_end_matches("?q=1");
            let body = &one.request.as_ref().expect("a request").body;
            ensure!(*body == format!("body of {index} \u{e4}").as_bytes(), "{one:?}");
            *paths.entry(path).or_insert(0) += 1;
        }
        ensure!(all.len() == REQUESTS && paths.len() == REQUESTS, "{} of {REQUESTS}", all.len());
        let files = std::fs::read_dir(folder.path())?.count();
        ensure!(files > 3, "{files} files");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_copies_are_answered_is_what_the_primary_is_compared_with() -> Result<()> {
    let folder = TempDir::new()?;
    let place = folder.path().join("night.ndjson").display().to_string();
    let recorder = Program::start(&["record", &place, "--listen=127.0.0.1:0", "--status=503"]).await?;
    let primary = Upstream::http1().await?;
    let bootstrap = Bootstrap::shipped().primary(primary.addr()).shadow(recorder.address);
    let envoy = Envoy::start(bootstrap.plugin(r#"{"mirrors": [{"cluster": "shadow"}]}"#)).await?;
    ensure!(Http1::new(envoy.address()).get("/").await?.status == 200);
    let stats = envoy.settled().await?;
    ensure!(stats.counter("shadow_responses_total", &[("side", "shadow"), ("class", "5xx")]) == 1);
    recorder.end().await?;
    ensure!(kept(place.as_ref())?.len() == 1);
    Ok(())
}
