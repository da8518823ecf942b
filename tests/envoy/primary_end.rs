// SPDX-License-Identifier: Apache-2.0
//! `"send": "primary_end"`: what the host tells when the primary's exchange is over, and what the copy is made of then.

mod traces;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::client::{Raw, Request};
use harness::recording::Recorded;
use harness::upstream::{Refusing, Reply};
use harness::{Bootstrap, Update};
use serde_yaml_ng::Value;

use crate::bench::{Pair, Wire, arrived, connection_manager, log_mirrors};

const LATE: &str = r#"{"mirrors": [{"cluster": "shadow", "send": "primary_end"}]}"#;

fn yaml(text: &str) -> Value {
    serde_yaml_ng::from_str(text).unwrap()
}

/// Routes that answer, redirect, rewrite, retry and fail; everything else goes to the primary, but for paths below `/none`.
fn route(listener: &mut Value) {
    let manager = connection_manager(listener);
    manager["route_config"]["virtual_hosts"][0]["routes"] = yaml(
        r#"
        - match: {prefix: /rewritten/}
          route: {cluster: primary, prefix_rewrite: /v2/, host_rewrite_literal: "search.internal:8080"}
          request_headers_to_add: [{header: {key: x-added, value: "by the route"}}]
          request_headers_to_remove: [x-removed]
        - {match: {prefix: /direct}, direct_response: {status: 200, body: {inline_string: direct}}}
        - {match: {prefix: /redirect}, redirect: {path_redirect: /elsewhere}}
        - {match: {prefix: /refused}, route: {cluster: refused}}
        - {match: {prefix: /empty}, route: {cluster: empty}}
        - {match: {prefix: /unknown}, route: {cluster_header: x-cluster}}
        - {match: {prefix: /slow}, route: {cluster: primary, timeout: 0.3s}}
        - {match: {prefix: /retried}, route: {cluster: primary, retry_policy: {retry_on: 5xx, num_retries: 3}}}
        - match: {prefix: /hop}
          route: {cluster: primary, internal_redirect_policy: {max_internal_redirects: 3}}
        - match: {prefix: /authorized}
          route: {cluster: primary}
          typed_per_filter_config:
            authorization: {"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, config: {}}
        - match: {prefix: /limited}
          route: {cluster: primary}
          typed_per_filter_config:
            limit:
              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
              stat_prefix: limit
              token_bucket: {max_tokens: 1, fill_interval: 3600s}
              filter_enabled: {default_value: {numerator: 100}}
              filter_enforced: {default_value: {numerator: 100}}
        - {match: {prefix: /plain}, route: {cluster: primary}}
        - {match: {prefix: /sentinel}, route: {cluster: primary}}
        "#,
    );
}

/// Filters behind this one that refuse requests, by path or header, and one before it.
fn refuse(listener: &mut Value) {
    let filters = connection_manager(listener)["http_filters"].as_sequence_mut().unwrap();
    let fault = |header: &str| {
        yaml(&format!(
            r#"
            name: fault on {header}
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.fault.v3.HTTPFault
              abort: {{http_status: 418, percentage: {{numerator: 100}}}}
              headers: [{{name: {header}, present_match: true}}]
            "#
        ))
    };
    let refusing = yaml(
        r#"
        - name: rbac
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
            rules:
              action: DENY
              policies:
                secret: {permissions: [{url_path: {path: {prefix: /plain/rbac}}}], principals: [{any: true}]}
        - name: limit
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
            stat_prefix: limit
        - name: authorization
          disabled: true
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
            http_service: {server_uri: {uri: "http://127.0.0.1:1", cluster: refused, timeout: 0.2s}}
        "#,
    );
    let router = filters.len() - 1;
    let mut refusing = refusing.as_sequence().unwrap().clone();
    refusing.push(fault("x-fault"));
    filters.splice(router..router, refusing);
    filters.insert(0, fault("x-before"));
}

async fn pair(plugin: &str, refused: &Refusing) -> Result<Pair> {
    let address = refused.addr();
    let pair = Pair::on(Wire::Http1, plugin, |bootstrap| {
        bootstrap
            .edit_listener(route)
            .edit_listener(refuse)
            .cluster("refused", address)
            .cluster("empty", address)
            .no_endpoints("empty")
    })
    .await?;
    pair.primary.respond_with(|request| match request.path_only() {
        "/slow" | "/plain/hangs" => Reply::hang(),
        "/slow/drip" => Reply::status(200).body_of_size(100).drip(1, Duration::from_millis(100)),
        "/plain/reset" => Reply::reset(),
        "/plain/cut" => Reply::status(200).body_of_size(1_000).reset_after(100),
        "/hop" => Reply::status(302).header("location", "http://a.test/plain/landed?by=redirect"),
        "/plain/500" => Reply::status(500),
        _ => Reply::status(200).body("answer"),
    });
    Ok(pair)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_what_the_router_sent() -> Result<()> {
    let refused = Refusing::new()?;
    let pair = pair(LATE, &refused).await?;
    let request = Request::post("/rewritten/items?q=1", "body")
        .authority("shop.test")
        .header("x-removed", "1")
        .header("x-envoy-max-retries", "2")
        .header("x-two", "a")
        .header("x-two", "b");
    pair.http1().request(request.clone()).await?;
    let (primary, copy) = pair.both("/v2/items?q=1").await?;
    ensure!(primary.header("host") == Some("search.internal:8080"), "{primary}");
    ensure!(copy.header("host") == Some("search.internal-shadow:8080"), "{copy}");
    ensure!(copy.header("x-added") == Some("by the route") && copy.header("x-removed").is_none(), "{copy}");
    ensure!(copy.headers_named("x-two").len() == 2 && copy.body == b"body"[..], "{copy}");
    let steering = |name: &[u8]| {
        name.starts_with(b"x-envoy-")
            && ![&b"x-envoy-internal"[..], b"x-envoy-expected-rq-timeout-ms"].contains(&name)
    };
    ensure!(!copy.headers.iter().any(|(name, _)| steering(name)), "{copy}");
    pair.shadow.take();
    pair.http2().request(request).await?;
    let copy = arrived(&pair.shadow, "/v2/items?q=1").await?;
    ensure!(copy.header("host") == Some("search.internal-shadow:8080") && copy.text() == "body", "{copy}");
    let stats = pair.ends_well().await?;
    ensure!(
        stats.counter("shadow_responses_total", &[("side", "primary"), ("class", "2xx")]) == 2,
        "{stats}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_an_upstream_answered_is_copied() -> Result<()> {
    let refused = Refusing::new()?;
    let pair = pair(LATE, &refused).await?;
    let client = pair.http1();
    // Which refuses the second one.
    client.get("/limited").await?;
    let refusals = [
        ("/none", "x-a", 404),
        ("/direct", "x-a", 200),
        ("/redirect", "x-a", 301),
        ("/refused", "x-a", 503),
        ("/empty", "x-a", 503),
        ("/unknown", "x-a", 503),
        ("/slow", "x-a", 504),
        ("/plain/reset", "x-a", 503),
        ("/plain/rbac", "x-a", 403),
        ("/plain/fault", "x-fault", 418),
        ("/limited/again", "x-a", 429),
        ("/authorized", "x-a", 403),
    ];
    for (path, header, status) in refusals {
        let answer = client.request(Request::get(path).header(header, "1")).await.with_context(|| path)?;
        ensure!(answer.status == status, "{path}: {}", answer.status);
    }
    // The filter never sees what one before it refuses.
    let answer = client.request(Request::get("/plain/before").header("x-before", "1")).await?;
    ensure!(answer.status == 418, "{}", answer.status);
    for path in ["/plain/200", "/plain/500"] {
        client.get(path).await?;
    }
    // Answers that began and did not end: the upstream was asked.
    for path in ["/plain/cut", "/slow/drip"] {
        ensure!(client.get(path).await.is_err(), "{path} came whole");
    }
    for path in ["/plain/200", "/plain/500", "/plain/cut", "/slow/drip"] {
        arrived(&pair.shadow, path).await?;
    }
    let refused = |copy: &Recorded| refusals.iter().any(|(path, ..)| copy.path == *path);
    let stats = pair.no_copy(|copy| refused(copy) || copy.path == "/plain/before").await?;
    ensure!(
        stats.skipped("shadow") == [("not_forwarded".to_owned(), refusals.len() as u64)].into(),
        "{stats}"
    );
    // With the one that was not limited, and the sentinel.
    ensure!(stats.counter("shadow_sent_total", &[]) == 6, "{stats}");
    let primary = |class| stats.counter("shadow_responses_total", &[("side", "primary"), ("class", class)]);
    ensure!((primary("2xx"), primary("5xx")) == (5, 1), "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_primarys_answer_decides_who_is_copied() -> Result<()> {
    let mirrors = r#"{"mirrors": [
        {"name": "ok", "cluster": "shadow", "send": "primary_end", "match": [{"answer": {"status": ["2xx", 404]}}]},
        {"name": "failed", "cluster": "shadow", "send": "primary_end", "match": [{"answer": {"status": ["5xx"]}}]},
        {"name": "changed", "cluster": "shadow", "send": "primary_end", "exclude": [{"answer": {"status": [304, "4xx", "5xx"]}}]}
    ]}"#;
    let pair = Pair::with(mirrors).await?;
    pair.primary.respond_with(|request| {
        let status = request.path_only().trim_start_matches('/').parse().unwrap_or(200);
        Reply::status(status)
    });
    for path in ["/200", "/304", "/404", "/500", "/503"] {
        pair.http2().get(path).await?;
    }
    let stats = pair.no_copy(|_| false).await?;
    let copied = |mirror: &str| {
        let copies = pair.shadow.find_all(|copy| copy.header("x-shadow-mirror") == Some(mirror));
        let mut paths: Vec<_> = copies.iter().map(|copy| copy.path.clone()).collect();
        paths.sort();
        paths.join(" ")
    };
    ensure!(copied("ok") == "/200 /404 /sentinel", "{}", copied("ok"));
    ensure!(copied("failed") == "/500 /503", "{}", copied("failed"));
    ensure!(copied("changed") == "/200 /sentinel", "{}", copied("changed"));
    ensure!(stats.skipped("failed").get("unmatched") == Some(&4), "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retries_and_redirects_leave_one_copy() -> Result<()> {
    let refused = Refusing::new()?;
    let pair = pair(LATE, &refused).await?;
    let attempts = AtomicUsize::new(0);
    pair.primary.respond_with(move |request| match request.path_only() {
        "/hop" => Reply::status(302).header("location", "http://a.test/hop/again"),
        "/hop/again" => Reply::status(302).header("location", "http://a.test/plain/landed"),
        "/retried" if attempts.fetch_add(1, Ordering::Relaxed) < 2 => Reply::status(503),
        _ => Reply::status(200),
    });
    let answer = pair.http1().request(Request::post("/retried", "body")).await?;
    ensure!(answer.status == 200, "{}", answer.status);
    ensure!(pair.primary.find_all(|request| request.path == "/retried").len() == 3);
    ensure!(arrived(&pair.shadow, "/retried").await?.text() == "body");
    let answer = pair.http1().get("/hop").await?;
    ensure!(answer.status == 200, "{}", answer.status);
    let landed = arrived(&pair.shadow, "/plain/landed").await?;
    ensure!(landed.header("host") == Some("a.test-shadow"), "{landed}");
    let stats = pair.no_copy(|copy| copy.path.starts_with("/hop")).await?;
    ensure!(stats.skipped("shadow") == [("not_forwarded".to_owned(), 2)].into(), "{stats}");
    ensure!(stats.counter("shadow_sent_total", &[]) == 3, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_go_away_leave_a_copy_only_of_what_was_answered() -> Result<()> {
    let refused = Refusing::new()?;
    let pair = pair(LATE, &refused).await?;
    pair.primary.respond_early_with(|head| {
        (head.path == "/plain/early").then(|| Reply::status(200).body_of_size(1 << 20).stall_after(10))
    });
    // Half a request, and a whole one that has no answer yet, over both protocols.
    let mut half = Raw::connect(pair.envoy.address()).await?;
    half.send("POST /plain/half HTTP/1.1\r\nhost: a.test\r\ncontent-length: 100\r\n\r\nhalf").await?;
    let mut hangs = Raw::connect(pair.envoy.address()).await?;
    hangs.send("GET /plain/hangs HTTP/1.1\r\nhost: a.test\r\n\r\n").await?;
    let mut stream = pair.http2().start(&Request::new("POST", "/plain/hangs")).await?;
    stream.send("all").await?;
    stream.finish(&Vec::new())?;
    pair.primary.await_started(3).await?;
    half.reset()?;
    hangs.close();
    stream.reset(8);
    // One whose answer has begun.
    let mut begun = pair.http2().start(&Request::new("GET", "/plain/early")).await?;
    begun.finish(&Vec::new())?;
    ensure!(begun.head().await?.status == 200);
    begun.reset(8);
    arrived(&pair.shadow, "/plain/early").await?;
    let stats = pair.no_copy(|copy| ["/plain/half", "/plain/hangs"].contains(&copy.path.as_str())).await?;
    ensure!(stats.skipped("shadow") == [("aborted".to_owned(), 3)].into(), "{stats}");
    ensure!(stats.gauge("shadow_buffered_bytes", &[]) == 0, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_access_log_names_copies_that_leave_in_its_phase() -> Result<()> {
    let plugin = r#"{"annotate": true, "mirrors": [
        {"name": "late", "cluster": "shadow", "send": "primary_end"},
        {"name": "early", "cluster": "shadow"},
        {"name": "only_ok", "cluster": "shadow", "send": "primary_end", "match": [{"answer": {"status": ["2xx"]}}]}
    ]}"#;
    let pair = Pair::on(Wire::Http1, plugin, |bootstrap| bootstrap.edit_listener(log_mirrors)).await?;
    pair.primary.respond_with(|request| Reply::status(if request.path == "/failed" { 500 } else { 200 }));
    pair.http1().get("/ok").await?;
    pair.http1().get("/failed").await?;
    pair.shadow.await_count(5).await?;
    pair.ends_well().await?;
    let log = pair.envoy.shutdown().await?;
    for line in ["/ok: late,early,only_ok.", "/failed: late,early."] {
        ensure!(log.contains(&format!("mirrors of {line}\n")), "no {line} in\n{log}");
    }
    Ok(())
}

/// Without the callback in which the host logs an exchange.
fn forbid_logging(listener: &mut Value) {
    let filter = &mut connection_manager(listener)["http_filters"][0]["typed_config"]["config"];
    let allowed = &mut filter["capability_restriction_config"]["allowed_capabilities"];
    allowed.as_mapping_mut().unwrap().remove("proxy_on_log").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_callback_mirrors_that_need_it_skip_and_the_log_says_so() -> Result<()> {
    let plugin = r#"{"mirrors": [
        {"name": "late", "cluster": "shadow", "send": "primary_end"}, {"name": "shadow", "cluster": "shadow"}
    ]}"#;
    let pair = Pair::on(Wire::Http1, plugin, |bootstrap| bootstrap.edit_listener(forbid_logging)).await?;
    pair.http1().get("/a").await?;
    arrived(&pair.shadow, "/a").await?;
    let stats = pair.no_copy(|copy| copy.header("x-shadow-mirror") == Some("late")).await?;
    ensure!(stats.skipped("late") == [("memory".to_owned(), 2)].into(), "{stats}");
    let log = pair.envoy.shutdown().await?;
    ensure!(log.contains("proxy_on_log"), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_waits_through_a_change_of_configuration() -> Result<()> {
    let mut pair = Pair::on(Wire::Http1, LATE, Bootstrap::dynamic_listeners).await?;
    pair.primary.respond_with(|request| match request.path_only() {
        "/slow" => Reply::status(200).body("late").delay(Duration::from_millis(1500)),
        _ => Reply::status(200),
    });
    let client = pair.http1();
    let slow = tokio::spawn(async move { client.request(Request::post("/slow", "body")).await });
    pair.primary.await_started(1).await?;
    let other = r#"{"mirrors": [{"name": "other", "cluster": "shadow"}]}"#;
    ensure!(pair.envoy.update(|bootstrap| bootstrap.plugin(other)).await? == Update::Accepted);
    pair.http1().get("/new").await?;
    let copy = arrived(&pair.shadow, "/new").await?;
    ensure!(copy.header("x-shadow-mirror") == Some("other"), "{copy}");
    ensure!(slow.await??.body == b"late"[..]);
    let copy = arrived(&pair.shadow, "/slow").await?;
    ensure!(copy.header("x-shadow-mirror") == Some("shadow") && copy.text() == "body", "{copy}");
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mirrors_of_both_kinds_copy_one_request_at_its_two_ends() -> Result<()> {
    let plugin = r#"{"annotate": true, "mirrors": [
        {"name": "late", "cluster": "shadow", "send": "primary_end", "compare": {}},
        {"name": "early", "cluster": "shadow"}
    ]}"#;
    let refused = Refusing::new()?;
    let pair = pair(plugin, &refused).await?;
    pair.primary.respond_with(|_| Reply::status(200).body("answer").delay(Duration::from_millis(300)));
    pair.shadow.respond_with(|_| Reply::status(500));
    let client = pair.http1();
    let exchange = tokio::spawn(async move { client.request(Request::post("/rewritten/x", "body")).await });
    let early = arrived(&pair.shadow, "/rewritten/x").await?;
    ensure!(early.header("x-shadow-mirror") == Some("early") && pair.shadow.count() == 1, "{early}");
    exchange.await??;
    let late = arrived(&pair.shadow, "/v2/x").await?;
    ensure!(late.header("x-shadow-mirror") == Some("late") && late.text() == "body", "{late}");
    let stats = pair.ends_well().await?;
    for mirror in ["late", "early"] {
        let primary = [("mirror", mirror), ("side", "primary")];
        ensure!(stats.counter("shadow_responses_total", &primary) == 1, "{stats}");
        let durations = stats.histogram("shadow_duration_microseconds", &primary);
        ensure!(durations.sum >= 300_000.0, "{durations:?}");
    }
    ensure!(
        stats.counter("shadow_comparisons_total", &[("mirror", "late"), ("result", "mismatch")]) == 1,
        "{stats}"
    );
    Ok(())
}
