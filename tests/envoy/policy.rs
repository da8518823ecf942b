// SPDX-License-Identifier: Apache-2.0
//! Every key that says who is copied, what a copy contains and what it may cost, on a real Envoy.

mod cost;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use harness::Stats;
use harness::client::Request;
use harness::recording::Recorded;
use serde_json::{Value, json};

use crate::bench::{Pair, Wire};

/// The copies for a mirror, by their paths.
fn copies(pair: &Pair, mirror: &str) -> BTreeSet<String> {
    let own = pair.shadow.find_all(|copy| copy.header("x-shadow-mirror") == Some(mirror));
    own.iter().map(|copy| copy.path.clone()).collect()
}

fn set<const N: usize>(paths: [&str; N]) -> BTreeSet<String> {
    paths.map(str::to_owned).into()
}

fn mirror(name: &str, keys: Value) -> Value {
    let mut mirror = json!({"name": name, "cluster": "shadow"});
    if keys.get("cluster_header").is_some() {
        mirror = json!({"name": name});
    }
    let (Some(mirror_keys), Some(keys)) = (mirror.as_object_mut(), keys.as_object()) else { panic!() };
    mirror_keys.extend(keys.clone());
    mirror
}

async fn with(mirrors: &[Value]) -> Result<Pair> {
    Pair::with(&json!({"mirrors": mirrors}).to_string()).await
}

fn skipped(stats: &Stats, mirror: &str) -> BTreeMap<String, u64> {
    stats.skipped(mirror).into_iter().filter(|(_, count)| *count > 0).collect()
}

fn reasons<const N: usize>(reasons: [(&str, u64); N]) -> BTreeMap<String, u64> {
    reasons.map(|(reason, count)| (reason.to_owned(), count)).into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_get_the_requests_that_are_meant_for_them() -> Result<()> {
    let choice = json!({"name": "x-to", "allowed": ["shadow"]});
    let pair = with(&[
        mirror(
            "reads",
            json!({"match": [{"methods": ["GET"], "path": {"regex": "/[ab]"}}], "exclude": [{"query": {"no": {"present": true}}}]}),
        ),
        mirror("thirty", json!({"percentage": 30, "sample_by": {"header": "x-user"}})),
        mirror("ninety", json!({"percentage": 90, "sample_by": {"cookie": "user", "salt": "2026-11"}})),
        mirror("past", json!({"active": {"until": "2020-01-01T00:00:00Z"}})),
        mirror("future", json!({"active": {"from": "2999-01-01T00:00:00Z"}, "ramp": {"start": 1, "over": "1h"}})),
        mirror("ramped", json!({"active": {"from": "2020-01-01T00:00:00Z"}, "ramp": {"start": 0, "over": "1h"}})),
        mirror("dry", json!({"dry_run": true})),
        mirror("chosen", json!({"cluster_header": choice})),
    ])
    .await?;
    let client = pair.http1();
    for request in [
        Request::get("/a").header("x-user", "user-1").header("x-to", "shadow"),
        Request::get("/b?no=1").header("x-user", "user-2").header("x-to", "primary"),
        Request::post("/b", "x").header("x-user", "user-1").header("cookie", "a=b; user=user-1"),
        Request::get("/ab").header("x-user", "user-2").header("x-to", "shadow"),
    ] {
        ensure!(client.request(request).await?.is_success());
    }
    let stats = pair.ends_well().await?;
    let all = || set(["/a", "/b?no=1", "/b", "/ab"]);
    for (mirror, expected) in [
        ("reads", set(["/a"])),
        ("thirty", set(["/a", "/b"])),
        ("past", set([])),
        ("future", set([])),
        ("ramped", all()),
        ("dry", set([])),
        ("chosen", set(["/a", "/ab"])),
    ] {
        ensure!(copies(&pair, mirror) == expected, "{mirror}: {:?}", copies(&pair, mirror));
    }
    ensure!(copies(&pair, "ninety").contains("/b"), "user-1 is copied from 85.8218 %");
    for (mirror, expected) in [
        ("reads", reasons([("unmatched", 3)])),
        ("thirty", reasons([("unsampled", 2)])),
        ("past", reasons([("inactive", 4)])),
        ("future", reasons([("inactive", 4)])),
        ("ramped", reasons([])),
        ("dry", reasons([("dry_run", 4)])),
        ("chosen", reasons([("no_target", 2)])),
    ] {
        ensure!(skipped(&stats, mirror) == expected, "{mirror}: {:?}", skipped(&stats, mirror));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_of_json_bodies_are_set_in_copies_of_both_forms() -> Result<()> {
    let keys = json!({"set_json": {"/model": "v2", "/options/seed": 7}, "redact": {"json": ["/key"]}});
    let mut late = mirror("late", keys.clone());
    late["send"] = "primary_end".into();
    let plugin = json!({"mirrors": [mirror("early", keys), late]}).to_string();
    for wire in [Wire::Http1, Wire::Http2] {
        let pair = Pair::on(wire, &plugin, |bootstrap| bootstrap).await?;
        let post =
            |path: &str, body: String| Request::post(path, body).header("content-type", "application/json");
        let small = r#"{"model": "v1", "t": 0.50, "options": {}, "key": "S3CRET"}"#.to_owned();
        let large = format!(r#"{{"text": "{}", "options": {{ }} }}"#, "x".repeat(300_000));
        pair.http1().request(post("/small", small.clone())).await?;
        pair.http1().request(post("/large", large.clone())).await?;
        pair.http1().request(post("/list", "[]".to_owned())).await?;
        let set = [
            (
                "/small",
                r#"{"model": "v2", "t": 0.50, "options": {"seed":7}, "key": "[redacted]"}"#.to_owned(),
            ),
            ("/large", large.replace("{ } }", r#"{"seed":7 },"model":"v2" }"#)),
        ];
        for (path, body) in set {
            for name in ["early", "late"] {
                let is = |copy: &Recorded| copy.path == path && copy.header("x-shadow-mirror") == Some(name);
                let copy = pair.shadow.await_where(is).await?;
                ensure!(copy.text() == body, "{name} {path}: {copy}");
            }
        }
        let stats = pair.ends_well().await?;
        for name in ["early", "late"] {
            ensure!(skipped(&stats, name) == reasons([("unredactable", 1)]), "{:?}", skipped(&stats, name));
        }
        ensure!(pair.primary.find(|request| request.text() == small).is_some(), "the primary's is as it was");
        ensure!(pair.primary.find(|request| request.text() == large).is_some(), "the primary's is as it was");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_redacted_never_leaves_envoy_and_the_rest_does_unchanged() -> Result<()> {
    let keys = json!({
        "path": {"prefix": "/api", "replacement": "/v2/api"},
        "redact": {"headers": ["authorization"], "query": ["token"], "json": ["/user/email", "/cards/*/number"]},
    });
    for wire in [Wire::Http1, Wire::Http2] {
        let plugin = json!({"mirrors": [mirror("m", keys.clone())]}).to_string();
        let pair = Pair::on(wire, &plugin, |bootstrap| bootstrap).await?;
        let client = pair.http1();
        let body = r#"{ "user": {"email": "S3CRET", "id": 1.50}, "cards": [{"number": 5.0e3, "n": "x"}]}"#;
        let json = |path: &str, body: &str| {
            Request::post(path, body.to_owned())
                .header("content-type", "application/json")
                .header("authorization", "S3CRET")
                .header("content-digest", "sha-256=:S3CRET:")
        };
        client.request(json("/api/a?token=S3CRET&b=%7e", body)).await?;
        client.request(json("/api/broken", &body[1..])).await?;
        client.request(json("/api/encoded", body).header("content-encoding", "br")).await?;
        client.request(Request::get("/api/empty")).await?;
        let stats = pair.ends_well().await?;
        let expected = set(["/v2/api/a?token=%5Bredacted%5D&b=%7e", "/v2/api/empty"]);
        ensure!(copies(&pair, "m") == expected, "{:?}", copies(&pair, "m"));
        ensure!(skipped(&stats, "m") == reasons([("unredactable", 2)]), "{:?}", skipped(&stats, "m"));
        let copy = pair.shadow.await_where(|copy| copy.method == "POST").await?;
        let redacted = r#"{ "user": {"email": "[redacted]", "id": 1.50}, "cards": [{"number": "[redacted]", "n": "x"}]}"#;
        ensure!(copy.text() == redacted, "{}", copy.text());
        ensure!(copy.header("authorization") == Some("[redacted]"));
        let leaks =
            |copy: &Recorded| format!("{copy:?}").contains("S3CRET") || copy.text().contains("S3CRET");
        ensure!(pair.shadow.find(leaks).is_none(), "the secret is in a copy");
        ensure!(pair.primary.find(|request| request.text() == body).is_some(), "the primary's is as it was");
    }
    Ok(())
}
