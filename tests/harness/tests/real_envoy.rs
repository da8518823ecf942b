// SPDX-License-Identifier: Apache-2.0

//! The harness starts, changes and ends a real Envoy. Mostly without the filter, whose tests are elsewhere.

#![allow(clippy::indexing_slicing, reason = "a test's helpers fail the test")]

use std::path::Path;

use anyhow::Result;
use harness::{Bootstrap, Envoy, Update};
use serde_yaml_ng::Value;
use tokio::net::TcpStream;

fn plain() -> Bootstrap {
    Bootstrap::shipped().without_filter()
}

fn is_running(pid: u32) -> bool {
    // A killed process may stay a zombie until its new parent collects it.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_serves_until_it_is_dropped() -> Result<()> {
    let envoy = Envoy::start(plain()).await?;
    let pid = envoy.pid();
    TcpStream::connect(envoy.address()).await?;
    let stats = envoy
        .await_stats(|stats| stats.envoy("http.ingress.downstream_cx_total") == 1, "a connection")
        .await?;
    assert_eq!(stats.envoy("server.concurrency"), 2);
    assert!(envoy.cpu_time()?.as_nanos() > 0);
    assert!(envoy.rss_bytes()? > 1 << 20);
    envoy.no_traps()?;
    assert!(is_running(pid));
    drop(envoy);
    assert!(!Path::new("/proc").exists() || !is_running(pid));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envoy_ends_gracefully_when_asked() -> Result<()> {
    let log = Envoy::start(plain().concurrency(1).listener_ipv6(true)).await?.shutdown().await?;
    assert!(log.contains("exiting"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_bootstrap_leaves_its_reason() -> Result<()> {
    let broken = || plain().edit(|bootstrap| bootstrap["admin"]["no_such_field"] = Value::from(1));
    let validation = Envoy::validate(broken()).await?;
    assert!(!validation.ok && validation.log.contains("no_such_field"), "{validation:?}");
    let log = Envoy::start_expecting_refusal(broken()).await?;
    assert!(log.contains("no_such_field"), "{log}");
    let error = Envoy::start(broken()).await.err().map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("no_such_field")));
    assert!(Envoy::validate(plain()).await?.ok);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_files_are_valid() -> Result<()> {
    for bootstrap in [Bootstrap::shipped(), Bootstrap::shipped_http2()] {
        let validation = Envoy::validate(bootstrap.yaml_files()).await?;
        assert!(validation.ok, "{}", validation.log);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_are_replaced_at_their_address() -> Result<()> {
    let mut envoy = Envoy::start(plain().dynamic_listeners()).await?;
    let address = envoy.address();
    for prefix in ["second", "third"] {
        let update =
            envoy.update(|bootstrap| bootstrap.edit_listener(|listener| rename(listener, prefix))).await?;
        assert_eq!((update, envoy.address()), (Update::Accepted, address));
        TcpStream::connect(address).await?;
        let counter = format!("http.{prefix}.downstream_cx_total");
        envoy.await_stats(|stats| stats.envoy(&counter) > 0, "a connection on the new listener").await?;
    }
    let update = envoy.update(|bootstrap| bootstrap.edit_listener(|listener| rename(listener, ""))).await?;
    assert_eq!((update, envoy.address()), (Update::Rejected, address));
    TcpStream::connect(address).await?;
    Ok(())
}

fn rename(listener: &mut Value, stat_prefix: &str) {
    listener["filter_chains"][0]["filters"][0]["typed_config"]["stat_prefix"] = stat_prefix.into();
}
