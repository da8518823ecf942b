// SPDX-License-Identifier: Apache-2.0
//! CONNECT and upgrades work end to end and are never mirrored.

use anyhow::{Result, ensure};
use harness::client::{Raw, Request};
use harness::upstream::Reply;
use serde_yaml_ng::Value;

use crate::bench::{EVERYTHING, Pair, Wire, connection_manager};

/// The shipped listener takes WebSockets over HTTP/1.1 and no CONNECT.
fn take_connect(listener: &mut Value) {
    let manager = connection_manager(listener);
    let options = "{upgrades: [{upgrade_type: websocket}, {upgrade_type: CONNECT}], http2: {allow_connect: true}, \
        route: {match: {connect_matcher: {}}, route: {cluster: primary}}}";
    let options: Value = serde_yaml_ng::from_str(options).unwrap();
    manager["upgrade_configs"] = options["upgrades"].clone();
    manager["http2_protocol_options"] = options["http2"].clone();
    let routes = &mut manager["route_config"]["virtual_hosts"][0]["routes"];
    routes.as_sequence_mut().unwrap().insert(0, options["route"].clone());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_work_and_are_not_mirrored() -> Result<()> {
    let pair = Pair::on(Wire::Http1, EVERYTHING, |bootstrap| bootstrap.edit_listener(take_connect)).await?;
    pair.primary.respond_with(|request| match request.path.as_str() {
        "/sentinel" => Reply::status(200),
        _ => Reply::switching_protocols(),
    });

    let mut websocket = Raw::connect(pair.envoy.address()).await?;
    websocket
        .send("GET /chat HTTP/1.1\r\nhost: a.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n")
        .await?;
    let answer = websocket.read_head().await?;
    ensure!(answer.status == 101 && answer.header("upgrade") == Some("websocket"), "{answer:?}");
    echoes(&mut websocket).await?;

    let mut connect = Raw::connect(pair.envoy.address()).await?;
    connect.send("CONNECT a.test:443 HTTP/1.1\r\nhost: a.test:443\r\n\r\n").await?;
    let answer = connect.read_head().await?;
    ensure!(answer.status == 200, "{answer:?}");
    echoes(&mut connect).await?;

    let mut extended = pair.http2().connect("websocket", &Request::get("/chat2")).await?;
    ensure!(extended.head().await?.status == 200);
    extended.send("ping").await?;
    ensure!(extended.receive().await?.as_deref() == Some(&b"ping"[..]));

    drop((websocket, connect, extended));
    let stats = pair.no_copy(|copy| copy.path != "/sentinel").await?;
    ensure!(stats.skipped("shadow").get("upgrade") == Some(&3), "{stats}");
    Ok(())
}

async fn echoes(tunnel: &mut Raw) -> Result<()> {
    for message in ["ping", "pong"] {
        tunnel.send(message).await?;
        ensure!(tunnel.read_exactly(4).await? == message.as_bytes(), "the tunnel does not echo");
    }
    Ok(())
}
