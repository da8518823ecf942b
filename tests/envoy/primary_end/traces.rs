// SPDX-License-Identifier: Apache-2.0
//! A trace that begins in this Envoy: the copy is in it where it leaves at the primary's end.

use anyhow::{Context, Result, ensure};
use harness::upstream::Upstream;
use serde_yaml_ng::Value;

use crate::bench::{Pair, Wire, arrived, connection_manager};

const BOTH: &str = r#"{"mirrors": [
    {"name": "early", "cluster": "shadow"},
    {"name": "late", "cluster": "shadow", "send": "primary_end"}
]}"#;

const ZIPKIN: &str = r#"
    random_sampling: {value: 100}
    spawn_upstream_span: true
    provider:
      name: envoy.tracers.zipkin
      typed_config:
        "@type": type.googleapis.com/envoy.config.trace.v3.ZipkinConfig
        collector_cluster: collector
        collector_endpoint: /api/v2/spans
        collector_endpoint_version: HTTP_JSON
"#;

const OPEN_TELEMETRY: &str = r#"
    random_sampling: {value: 100}
    provider:
      name: envoy.tracers.opentelemetry
      typed_config:
        "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
        http_service: {http_uri: {uri: "http://collector/v1/traces", cluster: collector, timeout: 1s}}
        service_name: envoy
"#;

/// The trace's id in the headers that a tracer adds.
async fn trace_of(tracing: &str, header: &str, id: fn(&str) -> Option<&str>) -> Result<()> {
    let collector = Upstream::http1().await?;
    let tracing: Value = serde_yaml_ng::from_str(tracing)?;
    let pair = Pair::on(Wire::Http1, BOTH, |bootstrap| {
        bootstrap
            .cluster("collector", collector.addr())
            .edit_listener(|listener| connection_manager(listener)["tracing"] = tracing)
    })
    .await?;
    pair.http1().get("/traced").await?;
    let primary = arrived(&pair.primary, "/traced").await?;
    pair.shadow.await_count(2).await?;
    let of = |mirror: &str| pair.shadow.find(|copy| copy.header("x-shadow-mirror") == Some(mirror)).unwrap();
    let context = primary.header(header).with_context(|| format!("no trace begins: {primary}"))?;
    ensure!(of("early").header(header).is_none(), "the router has not been asked yet: {}", of("early"));
    let copied = of("late").header(header).map(str::to_owned);
    ensure!(
        copied.as_deref().and_then(id) == id(context) && id(context).is_some(),
        "{copied:?} of {context}"
    );

    // One that comes with the request goes on in both.
    let begun = "80f198ee56343ba864fe8b2a57d3eff7";
    let value =
        if header == "traceparent" { format!("00-{begun}-e457b5a2e4d86bd1-01") } else { begun.to_owned() };
    let request = harness::client::Request::get("/begun")
        .header(header, value)
        .header("x-b3-spanid", "e457b5a2e4d86bd1")
        .header("x-b3-sampled", "1");
    pair.http1().request(request).await?;
    pair.shadow.await_count(4).await?;
    for copy in pair.shadow.find_all(|copy| copy.path == "/begun") {
        ensure!(copy.header(header).and_then(id) == Some(begun), "{copy}");
    }
    pair.ends_well().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_that_begins_here_is_in_copies_that_leave_at_the_primarys_end() -> Result<()> {
    tokio::try_join!(
        trace_of(ZIPKIN, "x-b3-traceid", |id| Some(id)),
        trace_of(OPEN_TELEMETRY, "traceparent", |parent| parent.split('-').nth(1)),
    )?;
    Ok(())
}
