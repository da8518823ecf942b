// SPDX-License-Identifier: Apache-2.0
//! One copy per request, when the request is complete.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::Request;
use harness::upstream::Reply;
use serde_yaml_ng::Value;

use crate::bench::{EVERYTHING, Pair, Wire, arrived, connection_manager};

fn retry_the_primary(listener: &mut Value) {
    let manager = connection_manager(listener);
    let route = &mut manager["route_config"]["virtual_hosts"][0]["routes"][0]["route"];
    route["retry_policy"] = serde_yaml_ng::from_str("{retry_on: 5xx, num_retries: 3}").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_envoy_retries_at_the_primary_is_copied_once() -> Result<()> {
    let pair =
        Pair::on(Wire::Http1, EVERYTHING, |bootstrap| bootstrap.edit_listener(retry_the_primary)).await?;
    let attempts = AtomicUsize::new(0);
    pair.primary.respond_with(move |_| match attempts.fetch_add(1, Ordering::Relaxed) {
        0..2 => Reply::status(503),
        _ => Reply::status(200),
    });
    let answer = pair.http1().request(Request::post("/retried", "body")).await?;
    ensure!(answer.status == 200 && pair.primary.count() == 3, "{} attempts", pair.primary.count());
    let stats = pair.no_copy(|_| false).await?;
    ensure!(pair.shadow.find_all(|copy| copy.path == "/retried").len() == 1, "more than one copy");
    ensure!(stats.counter("shadow_sent_total", &[]) == 2, "{stats}");
    let answers = stats.counter("shadow_responses_total", &[("side", "primary"), ("class", "2xx")]);
    ensure!(answers == 2, "what the client saw is the primary's answer:\n{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_copy_waits_for_the_request_and_not_for_the_primary() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;
    pair.primary.respond_with(|_| Reply::hang());
    pair.primary.respond_early_with(|head| {
        // Begins before the upload is over and ends after it.
        (head.path == "/early")
            .then(|| Reply::status(201).body(vec![b'.'; 50]).drip(1, Duration::from_millis(20)))
    });

    let mut upload = pair.http2().start(&Request::new("POST", "/hanging")).await?;
    upload.send("first,").await?;
    pair.primary.await_started(1).await?;
    ensure!(pair.shadow.started() == 0, "a copy of half a request");
    upload.send("second").await?;
    upload.finish(&Vec::new())?;
    let copy = arrived(&pair.shadow, "/hanging").await?;
    ensure!(copy.text() == "first,second", "{copy}");
    upload.reset(8);

    let mut upload = pair.http2().start(&Request::new("POST", "/early")).await?;
    upload.send("first,").await?;
    let head = upload.head().await?;
    ensure!(head.status == 201, "{}", head.status);
    upload.send("second").await?;
    upload.finish(&Vec::new())?;
    while upload.receive().await?.is_some() {}
    let copy = arrived(&pair.shadow, "/early").await?;
    ensure!(copy.text() == "first,second", "{copy}");

    let stats = pair.ends_well().await?;
    let primary = stats.counter("shadow_responses_total", &[("side", "primary")]);
    ensure!(stats.counter("shadow_sent_total", &[]) == 2 && primary == 1, "{stats}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_the_announced_length_is_whole_though_its_end_was_not_signalled() -> Result<()> {
    let pair = Pair::with(EVERYTHING).await?;
    let announced = Request::new("POST", "/announced").header("content-length", "4");
    let mut upload = pair.http2().start(&announced).await?;
    upload.send("body").await?;
    // An HTTP/1.1 primary needs no more to answer, and Envoy no more than that answer to end the stream.
    ensure!(upload.head().await?.status == 200);
    let (_, copy) = pair.both("/announced").await?;
    ensure!(copy.text() == "body", "{copy}");
    drop(upload);
    let stats = pair.ends_well().await?;
    ensure!(stats.counter("shadow_responses_total", &[("side", "primary")]) == 1, "{stats}");
    Ok(())
}
