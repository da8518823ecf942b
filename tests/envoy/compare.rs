// SPDX-License-Identifier: Apache-2.0
//! Answers of both sides side by side, where a real Envoy hands them over: in chunks, encoded, and by two workers.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use harness::Stats;
use harness::client::{Request, burst};
use harness::upstream::Reply;
use serde_json::{Value, json};

use crate::bench::{Pair, Wire};

const REQUESTS: usize = 20_000;

fn plugin(compare: &Value) -> String {
    json!({"mirrors": [{
        "name": "v2", "cluster": "shadow", "compare": compare, "breaker": "off", "timeout": "10s",
        "limits": {"max_in_flight": REQUESTS},
    }]})
    .to_string()
}

fn results(stats: &Stats) -> BTreeMap<&'static str, u64> {
    let of = |result| stats.counter("shadow_comparisons_total", &[("mirror", "v2"), ("result", result)]);
    ["match", "mismatch", "incomparable"].map(|result| (result, of(result))).into()
}

fn kinds(stats: &Stats) -> BTreeMap<&'static str, u64> {
    let of = |kind| stats.counter("shadow_differences_total", &[("mirror", "v2"), ("kind", kind)]);
    ["status", "header", "body"].map(|kind| (kind, of(kind))).into()
}

/// The lines about differences in Envoy's log.
fn logged(pair: &Pair) -> Vec<Value> {
    let log = pair.envoy.log();
    let lines = log.lines().filter_map(|line| Some(line.split_once("shadow difference ")?.1));
    lines.map(|line| serde_json::from_str(line.trim()).expect(line)).collect()
}

/// What the shadow answers otherwise than the primary, and the kinds as which that is counted.
fn injected(number: usize) -> (Option<Change>, &'static [&'static str]) {
    match number % 50 {
        7 => (Some(Change::Status), &["status"]),
        11 | 12 => (Some(Change::Field), &["body"]),
        13 => (Some(Change::MissingHeader), &["header"]),
        17 => (Some(Change::NotJson), &["body"]),
        19 => (Some(Change::All), &["status", "header", "body"]),
        // These are no differences.
        23 | 24 => (Some(Change::Slow), &[]),
        29 => (Some(Change::Spelling), &[]),
        31 => (Some(Change::Ignored), &[]),
        _ => (None, &[]),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Change {
    Status,
    Field,
    MissingHeader,
    NotJson,
    All,
    Slow,
    Spelling,
    Ignored,
}

fn number(path: &str) -> usize {
    path.trim_start_matches('/').parse().unwrap_or(0)
}

fn primary(number: usize) -> Reply {
    let body = format!(r#"{{"id":{number},"price":29.50,"items":[1,2,{{"n":"x"}}],"served":{number}}}"#);
    let reply = Reply::status(200).header("content-type", "application/json").header("x-v", "1").body(body);
    if number.is_multiple_of(3) { reply.chunked() } else { reply }
}

fn shadow(number: usize) -> Reply {
    let (change, _) = injected(number);
    let is = |one| change == Some(one) || change == Some(Change::All) && one != Change::Slow;
    let status = if is(Change::Status) { 500 } else { 200 };
    let price = if is(Change::Field) { "29.5000000000000000001" } else { "29.5" };
    let body = match change {
        Some(Change::NotJson) => "<html>".into(),
        Some(Change::Spelling) => {
            format!(
                "{{ \"items\" : [1.0, 2e0, {{\"\\u006e\": \"x\"}}],\n \"price\":2.95e1, \"id\":{number}.0}}"
            )
        }
        Some(Change::Ignored) => {
            format!(r#"{{"id":{number},"price":29.5,"items":[1,2,{{"n":"x"}}],"served":{{"by":["other"]}}}}"#)
        }
        _ => format!(r#"{{"id":{number},"price":{price},"items":[1,2,{{"n":"x"}}],"served":-1}}"#),
    };
    let reply = Reply::status(status).header("content-type", "application/json").body(body);
    let reply = if is(Change::MissingHeader) { reply } else { reply.header("x-v", "1") };
    if change == Some(Change::Slow) { reply.delay(Duration::from_millis(80)) } else { reply }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn injected_differences_are_counted_exactly_and_nothing_else_is() -> Result<()> {
    let compare = json!({"headers": ["content-type", "x-v"], "body": "json", "ignore": ["/served"]});
    let pair = Pair::on(Wire::Http2, &plugin(&compare), |bootstrap| bootstrap).await?;
    pair.primary.respond_with(|request| primary(number(&request.path)));
    pair.shadow.respond_with(|copy| shadow(number(&copy.path)));

    burst(&pair.http1(), REQUESTS, 32, |i| Request::get(format!("/{i}"))).await.all_succeeded()?;

    let stats = pair.ends_well().await?;
    let (mut expected, mut mismatches) = (BTreeMap::from([("status", 0), ("header", 0), ("body", 0)]), 0);
    for (_, kinds) in (0..REQUESTS).map(injected) {
        mismatches += u64::from(!kinds.is_empty());
        kinds.iter().for_each(|kind| *expected.entry(kind).or_default() += 1);
    }
    ensure!(kinds(&stats) == expected, "{:?}, expected {expected:?}", kinds(&stats));
    let all = REQUESTS as u64;
    let expected = [("match", all - mismatches), ("mismatch", mismatches), ("incomparable", 0)].into();
    ensure!(results(&stats) == expected, "{:?}, expected {expected:?}", results(&stats));

    // Ten for each of the two workers, unless a minute went by.
    let logged = logged(&pair);
    ensure!((10..=40).contains(&logged.len()), "{} lines", logged.len());
    for line in &logged {
        let path = line["path"].as_str().context("a path")?;
        ensure!(!injected(number(path)).1.is_empty(), "{line}");
        ensure!(
            line["differences"]
                .as_array()
                .is_some_and(|list| list.iter().all(|one| one.get("shadow").is_none()))
        );
        ensure!(
            line["request_id"].is_string() && line["method"] == "GET" && line["mirror"] == "v2",
            "{line}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encoded_bodies_are_compared_decoded() -> Result<()> {
    let pair = Pair::with(&plugin(&json!({"body": "json", "log_values": true}))).await?;
    let gzip = |text: &str, level| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let reply = move |path: &str, level, changed: &str| match path {
        "/gzip" => Reply::status(200).header("content-encoding", "gzip").body(gzip(r#"{"a":1}"#, level)),
        "/changed" => Reply::status(200).header("content-encoding", "gzip").body(gzip(changed, level)),
        "/text" => {
            Reply::status(200).header("content-encoding", "gzip").body(format!("[{changed}, [1, {level}]]"))
        }
        "/same" => Reply::status(200).header("content-encoding", "br").body("the same"),
        _ => Reply::status(200).header("content-encoding", "br").body(changed.to_owned()),
    };
    pair.primary.respond_with(move |request| reply(&request.path, 1, r#"{"price":29}"#));
    pair.shadow.respond_with(move |copy| reply(&copy.path, 9, r#"{"price":31}"#));
    for path in ["/gzip", "/changed", "/brotli", "/same", "/text"] {
        pair.http1().get(path).await?;
    }
    let stats = pair.ends_well().await?;
    ensure!(results(&stats) == [("match", 2), ("mismatch", 2), ("incomparable", 1)].into(), "{stats}");
    let expected = json!([{"at": "/price", "primary": 29, "shadow": 31}]);
    ensure!(logged(&pair).iter().any(|line| line["differences"] == expected), "{:?}", logged(&pair));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_in_an_unordered_list_can_be_repeated_from_the_log() -> Result<()> {
    let compare = json!({
        "body": "json", "unordered": ["/**"], "ignore": ["/**/id"], "log_values": true, "log_query": true,
        "log_headers": ["accept", "host"], "log_slower_than": 5,
    });
    let pair = Pair::with(&plugin(&compare)).await?;
    pair.primary.respond_with(|_| {
        Reply::status(200).body(r#"{"id":1,"rows":[{"id":2,"tags":["a","b"]},{"id":3,"tags":[]}]}"#)
    });
    pair.shadow.respond_with(|copy| {
        let reply = |body: &str| Reply::status(200).body(body.to_owned());
        match copy.path.as_str() {
            "/same?q=1" => reply(r#"{"rows":[{"tags":[]},{"tags":["b","a"],"id":9}]}"#),
            "/slow" => {
                reply(r#"{"rows":[{"tags":[]},{"tags":["b","a"]}]}"#).delay(Duration::from_millis(300))
            }
            _ => reply(r#"{"rows":[{"tags":["b","c"]},{"tags":[]}]}"#),
        }
    });
    for path in ["/same?q=1", "/other?q=1&r=2", "/slow"] {
        pair.http1().request(Request::get(path).header("accept", "application/json")).await?;
    }
    let stats = pair.ends_well().await?;
    ensure!(results(&stats) == [("match", 2), ("mismatch", 1), ("incomparable", 0)].into(), "{stats}");
    let line = logged(&pair).into_iter().find(|line| line["path"] == "/other?q=1&r=2").context("a line")?;
    let (primary, shadow) = (json!({"id": 2, "tags": ["a", "b"]}), json!({"tags": ["b", "c"]}));
    let expected = json!([
        {"at": "/rows", "primary": primary, "shadow": null}, {"at": "/rows", "primary": null, "shadow": shadow},
    ]);
    ensure!(line["differences"] == expected && line["headers"]["accept"] == "application/json", "{line}");
    ensure!(line["headers"]["host"].as_str().is_some_and(|host| host.contains("-shadow")), "{line}");
    let log = pair.envoy.log();
    ensure!(
        log.lines().any(|line| line.contains("shadow slow ") && line.contains("\"path\":\"/slow\"")),
        "{log}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_never_came_are_incomparable() -> Result<()> {
    let pair = Pair::with(&plugin(&json!({}))).await?;
    pair.shadow.respond_with(|copy| match number(&copy.path) {
        0 => Reply::reset(),
        1 => Reply::status(200).body_of_size(5000).reset_after(10),
        _ => Reply::status(503),
    });
    pair.primary.respond_with(|request| Reply::status(if number(&request.path) == 3 { 503 } else { 200 }));
    for path in ["/0", "/1", "/2", "/3"] {
        pair.http1().get(path).await?;
    }
    let stats = pair.ends_well().await?;
    ensure!(results(&stats) == [("match", 1), ("mismatch", 1), ("incomparable", 2)].into(), "{stats}");
    Ok(())
}

/// Both answers at the limit, five hundred requests in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_stays_within_the_budget() -> Result<()> {
    const LIMIT: usize = 65_536;
    const BUDGET: usize = 16 << 20;
    let mut config: Value = serde_json::from_str(&plugin(&json!({"body": "bytes"})))?;
    config["max_buffered_bytes"] = BUDGET.into();
    let pair = Pair::on(Wire::Http2, &config.to_string(), |bootstrap| bootstrap).await?;
    let wait = |path: &str, even| {
        let is_even = number(path).is_multiple_of(2);
        Duration::from_millis(if is_even == even { 700 } else { 0 })
    };
    pair.primary.respond_with(move |request| {
        Reply::status(200).body_of_size(LIMIT as u64).delay(wait(&request.path, true))
    });
    pair.shadow.respond_with(move |copy| {
        Reply::status(200).body_of_size(LIMIT as u64).delay(wait(&copy.path, false))
    });

    let client = pair.http2();
    let traffic =
        tokio::spawn(async move { burst(&client, 1000, 500, |i| Request::get(format!("/{i}"))).await });
    let mut most = 0;
    while !traffic.is_finished() {
        most = most.max(pair.envoy.stats().await?.gauge("shadow_buffered_bytes", &[]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    traffic.await?.all_succeeded()?;
    let stats = pair.ends_well().await?;
    // The gauge adds both workers up.
    ensure!(most > BUDGET as u64 / 4 && most <= 2 * BUDGET as u64, "{most} bytes were held at most");
    let results = results(&stats);
    let sent = stats.counter("shadow_sent_total", &[("mirror", "v2")]);
    ensure!(results["mismatch"] == 0 && results.values().sum::<u64>() == sent, "{results:?} of {sent}");
    ensure!(results["match"] > 0 && results["incomparable"] > 0, "{results:?}: the budget did not matter");
    Ok(())
}
