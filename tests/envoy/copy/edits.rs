// SPDX-License-Identifier: Apache-2.0
//! What a mirror's configuration changes in its copies, and that it changes nothing else.

use anyhow::{Result, ensure};
use harness::client::Request;

use super::shown;
use crate::bench::{Pair, Wire, arrived, connection_manager, log_mirrors};

const EDITS: &str = r#"{"mirrors": [{"cluster": "shadow", "headers": {
    "remove": ["x-secret", "X-Internal-*"],
    "set": {"x-stage": "shadow", "X-New": "1"},
    "add": {"x-tag": "c", "x-internal-kept": "yes"}
}}]}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_are_removed_then_set_then_added() -> Result<()> {
    tokio::try_join!(edited(Wire::Http1), edited(Wire::Http2))?;
    Ok(())
}

async fn edited(wire: Wire) -> Result<()> {
    let pair = Pair::on(wire, EDITS, |bootstrap| bootstrap).await?;
    let request = Request::get("/edits")
        .header("x-secret", "1")
        .header("X-Internal-Id", "2")
        .header("x-internal-id", "3")
        .header("x-stage", "one")
        .header("x-stage", "two")
        .header("x-tag", "a")
        .header("x-tag", "b")
        .header("x-other", "o");
    pair.http1().request(request).await?;
    let (primary, copy) = pair.both("/edits").await?;
    for (name, values) in [
        ("x-secret", &[][..]),
        ("x-internal-id", &[]),
        ("x-stage", &["shadow"]),
        ("x-new", &["1"]),
        ("x-tag", &["a", "b", "c"]),
        ("x-internal-kept", &["yes"]),
        ("x-other", &["o"]),
    ] {
        let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
        ensure!(copy.headers_named(name) == values, "{name} in {}", shown(&copy.headers));
    }
    ensure!(primary.header("x-secret") == Some("1"), "the primary's headers were edited");
    ensure!(primary.headers_named("x-stage").len() == 2, "the primary's headers were edited");
    pair.envoy.no_traps()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_mirrors_get_a_copy_each_and_the_access_log_names_them() -> Result<()> {
    let mirrors = r#"{"annotate": true, "mirrors": [
        {"name": "one", "cluster": "shadow"},
        {"name": "two", "cluster": "shadow", "body": {"max_bytes": 2}},
        {"name": "three", "cluster": "shadow"}
    ]}"#;
    let pair = Pair::on(Wire::Http1, mirrors, |bootstrap| bootstrap.edit_listener(log_mirrors)).await?;
    pair.http1().request(Request::post("/small", "ab")).await?;
    pair.http1().request(Request::post("/large", "abc")).await?;
    pair.http1().request(Request::get("/marked").header("x-shadow-mirror", "x")).await?;
    pair.shadow.await_count(5).await?;

    let markers = |path: &str| {
        let mut markers: Vec<String> = pair
            .shadow
            .find_all(|copy| copy.path == path)
            .iter()
            .map(|copy| copy.header("x-shadow-mirror").unwrap().to_owned())
            .collect();
        markers.sort();
        markers
    };
    ensure!(markers("/small") == ["one", "three", "two"], "{:?}", markers("/small"));
    ensure!(markers("/large") == ["one", "three"], "{:?}", markers("/large"));
    pair.ends_well().await?;
    // Envoy keeps what it logs for a while; its end is what makes it write.
    let log = pair.envoy.shutdown().await?;
    for line in ["/small: one,two,three.", "/large: one,three.", "/marked: -."] {
        ensure!(log.contains(&format!("mirrors of {line}\n")), "no {line} in\n{log}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_path_gets_another_beginning_or_what_an_expression_makes_of_it() -> Result<()> {
    let mirrors = r#"{"mirrors": [
        {"name": "text", "cluster": "shadow", "path": {"prefix": "/api", "replacement": "/"}},
        {"name": "segment", "cluster": "shadow", "path": {"regex": "^/api(/|$)", "replacement": "/"}},
        {"name": "groups", "cluster": "shadow", "path": {"regex": "^/api/([^/]+)/(.*)$", "replacement": "/\\2/of/\\1"}}
    ]}"#;
    let pair = Pair::with(mirrors).await?;
    let rows = [
        ("/api/x", "//x", "/x", "/api/x"),
        ("/api?x", "/?x", "/?x", "/api?x"),
        ("/apis", "/s", "/apis", "/apis"),
        ("/api/users/7?q=/api/", "//users/7?q=/api/", "/users/7?q=/api/", "/7/of/users?q=/api/"),
    ];
    for (path, text, segment, groups) in rows {
        pair.http1().get(path).await?;
        pair.shadow.await_count(3).await?;
        for (mirror, expected) in [("text", text), ("segment", segment), ("groups", groups)] {
            let copy = pair.shadow.find(|copy| copy.header("x-shadow-mirror") == Some(mirror)).unwrap();
            ensure!(copy.path == expected, "{mirror} of {path}: {}", copy.path);
        }
        pair.shadow.take();
    }
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_made_of_the_request_before_the_routes_rewrites() -> Result<()> {
    let pair = Pair::on(Wire::Http1, r#"{"mirrors": [{"cluster": "shadow"}]}"#, |bootstrap| {
        bootstrap.edit_listener(|listener| {
            let manager = connection_manager(listener);
            let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
            route["prefix_rewrite"] = "/rewritten/".into();
        })
    })
    .await?;
    pair.http1().get("/asked").await?;
    arrived(&pair.primary, "/rewritten/asked").await?;
    arrived(&pair.shadow, "/asked").await?;
    pair.envoy.no_traps()
}
