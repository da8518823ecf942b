// SPDX-License-Identifier: Apache-2.0
//! The page on a port, before a real Envoy.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::{Http1, Request};
use harness::process::Process;
use tokio::time::{Instant, sleep};

use crate::envoy::Stage;
use crate::verdict;

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_follows_what_happens() -> Result<()> {
    let stage = Stage::set(|bootstrap| bootstrap).await?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_shadow-filter"));
    command
        .args(["verdict", "--envoy", &stage.admin(), "--window", "10m", "--serve", "0"])
        .stdin(Stdio::null());
    let mut server = Process::spawn(command)?;
    let address_in = |log: &str| {
        let (_, rest) = log.split_once("The verdict is at http://")?;
        rest.split('/').next()?.parse().ok()
    };
    let address: std::net::SocketAddr = server.await_in_log(PATIENCE, address_in).await?;
    ensure!(address.ip().is_loopback(), "{address}");

    let client = Http1::new(address);
    let page = |path| Request::get(path).authority(address.to_string());
    let first = client.request(page("/")).await?;
    ensure!(
        first.status == 200 && first.text().contains("No request reached this mirror"),
        "{}",
        first.text()
    );
    ensure!(first.header("refresh") == Some("5"), "{:?}", first.headers);
    stage.traffic(300).await?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let json: serde_json::Value = serde_json::from_str(&client.request(page("/json")).await?.text())?;
        if json["mirrors"][0]["samples"] == 300 {
            ensure!(json["time"].as_str().is_some_and(|time| time.starts_with("over the last ")), "{json:#}");
            let hashes = json["configurations"].as_array().map_or(0, Vec::len);
            ensure!(hashes == 1, "{json:#}");
            break;
        }
        ensure!(Instant::now() < deadline, "{json:#}");
        sleep(Duration::from_millis(200)).await;
    }
    ensure!(client.request(page("/")).await?.text().contains("300 requests over the last"));

    ensure!(client.request(page("/other")).await?.status == 404);
    ensure!(client.request(Request::new("POST", "/").authority(address.to_string())).await?.status == 405);
    // Somebody else's page that was given a name for this address.
    ensure!(client.request(Request::get("/").authority("evil.test")).await?.status == 403);

    // An Envoy that has gone: the last page stays, and says so.
    drop(stage);
    let deadline = Instant::now() + PATIENCE;
    while !client.request(page("/")).await?.text().contains("It cannot be read anew: GET http://") {
        ensure!(Instant::now() < deadline, "nothing is said of an Envoy that has gone");
        sleep(Duration::from_millis(200)).await;
    }
    ensure!(client.request(page("/")).await?.text().contains("300 requests over the last"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_served_is_said() -> Result<()> {
    for (arguments, code, words) in [
        (&["--serve", "here"][..], 64, "127.0.0.1:8080"),
        (&["--serve", "0", "--log", "-"], 64, "name files"),
        (&["--serve", "0", "--envoy", "http://127.0.0.1:1"], 69, "admin"),
    ] {
        let said = verdict(arguments).await?;
        ensure!(said.code == Some(code) && said.err.contains(words), "{arguments:?}: {said:?}");
    }
    Ok(())
}
