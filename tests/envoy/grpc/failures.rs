// SPDX-License-Identifier: Apache-2.0
//! Shadows that fail gRPC requests. Envoy answers these in gRPC's own way, which must not be taken for the shadow's.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use harness::client::Request;
use harness::upstream::{BlackHole, Refusing, Reply, Upstream};
use harness::{Bootstrap, Envoy};

/// One call without messages in each direction.
const MESSAGE: &[u8] = b"\0\0\0\0\0";

/// Everything that is gRPC to Envoy, or nearly so.
const TYPES: [&str; 6] = [
    "application/grpc",
    "application/grpc+proto",
    "application/grpc;charset=utf-8",
    "application/grpc-web",
    "application/grpc-web+proto",
    "application/json",
];

fn call(content_type: &str) -> Request {
    Request::post("/echo.Echo/Unary", MESSAGE).header("content-type", content_type).header("te", "trailers")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn envoys_answers_to_grpc_are_told_from_the_shadows() -> Result<()> {
    // What a shadow may say itself, be it in Envoy's very words.
    let failing = |status: &str, message: &str| {
        Reply::status(200)
            .header("content-type", "application/grpc")
            .header("grpc-status", status)
            .header("grpc-message", message)
    };
    let hangs = Reply::hang();
    let fates = [
        ("unavailable", failing("14", "upstream connect error or disconnect/reset before headers"), None),
        ("late", failing("4", "upstream request timeout"), None),
        ("trailers", Reply::status(200).body(MESSAGE).trailer("grpc-status", "13"), None),
        ("plain503", Reply::status(503), None),
        ("plain504", Reply::status(504).body("upstream request timeout"), None),
        ("hangs", hangs, Some("timeout")),
        ("stalls", Reply::status(200).body(MESSAGE).stall_after(2), Some("reset")),
        ("resets", Reply::reset(), Some("unreachable")),
        ("refuses", Reply::refused_stream(), Some("unreachable")),
        ("goes", Reply::goaway(0), Some("unreachable")),
        ("garbles", Reply::garbled(), Some("unreachable")),
        ("breaks", Reply::status(200).body(MESSAGE).reset_stream_after(2, 2), Some("reset")),
    ];
    let (primary, black_hole, closed) = (Upstream::http1().await?, BlackHole::new().await?, Refusing::new()?);
    let mut expected = BTreeMap::from([("closed", Some("unreachable")), ("silent", Some("timeout"))]);
    let mut bootstrap = Bootstrap::shipped_http2()
        .primary(primary.addr())
        .cluster_http2("closed", closed.addr())
        .cluster_http2("silent", black_hole.addr());
    let mut shadows = Vec::new();
    for (name, reply, reason) in fates {
        let shadow = Upstream::http2().await?;
        shadow.respond_with(move |_| reply.clone());
        bootstrap = bootstrap.cluster_http2(name, shadow.addr());
        shadows.push(shadow);
        expected.insert(name, reason);
    }
    let mirrors: Vec<String> =
        expected.keys().map(|name| format!(r#"{{"cluster": "{name}", "timeout": "500ms"}}"#)).collect();
    let plugin = format!(r#"{{"mirrors": [{}]}}"#, mirrors.join(","));
    let envoy = Envoy::start(bootstrap.plugin(plugin)).await?;

    let client = harness::client::Http2::new(envoy.address());
    for content_type in TYPES {
        ensure!(client.request(call(content_type)).await?.status == 200);
    }

    let stats = envoy.settled().await?;
    stats.check_equations()?;
    envoy.no_traps()?;
    let calls = TYPES.len() as u64;
    for (mirror, reason) in expected {
        let answers = stats.counter("shadow_responses_total", &[("mirror", mirror), ("side", "shadow")]);
        let failed = stats.failed(mirror);
        match reason {
            None => ensure!(answers == calls && failed.is_empty(), "{mirror}: {failed:?}\n{stats}"),
            Some(reason) => {
                ensure!(
                    failed == BTreeMap::from([(reason.to_owned(), calls)]),
                    "{mirror}: {failed:?}\n{stats}"
                );
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callers_grpc_timeout_does_not_cut_the_copy_short() -> Result<()> {
    let (primary, shadow) = (Upstream::http1().await?, Upstream::http2().await?);
    shadow.respond_with(|_| Reply::status(200).delay(std::time::Duration::from_millis(100)));
    let bootstrap = Bootstrap::shipped_http2().primary(primary.addr()).shadow(shadow.addr());
    let envoy = Envoy::start(bootstrap.plugin(crate::bench::EVERYTHING)).await?;
    let client = harness::client::Http2::new(envoy.address());
    client.request(call("application/grpc").header("grpc-timeout", "1m")).await?;
    let copy = shadow.await_one().await?;
    ensure!(copy.header("grpc-timeout") == Some("1m"), "{:?}", copy.headers);
    ensure!(copy.header("te") == Some("trailers") && copy.body == MESSAGE, "{:?}", copy.headers);
    let stats = envoy.settled().await?;
    stats.check_equations()?;
    ensure!(stats.failed("shadow").is_empty(), "{stats}");
    envoy.no_traps()
}
