// SPDX-License-Identifier: Apache-2.0
//! Requests at a steady rate for any length of time, in bounded memory. What became of each is a short text, which is
//! counted; latencies are a histogram.
//!
//! A latency counts from when its request was due: an Envoy that stalls is not flattered.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use harness::client::{Cut, Http1, Request, Response};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// Requests of one load that are under way at the same time, at most.
const SENDERS: usize = 64;
const PATIENCE: Duration = Duration::from_secs(20);
/// What a request was answered with that succeeded.
pub const FINE: &str = "200";

/// What is sent; gets the number of the request.
pub type Make = Arc<dyn Fn(u64) -> Request + Send + Sync>;

pub struct Load {
    stop: CancellationToken,
    senders: JoinSet<Tally>,
}

/// What became of requests.
#[derive(Clone, Debug)]
pub struct Tally {
    pub outcomes: BTreeMap<String, u64>,
    /// In microseconds, of answered requests.
    pub latency: Histogram<u64>,
}

impl Load {
    pub fn start(client: &Http1, per_second: f64, make: &Make) -> Self {
        let stop = CancellationToken::new();
        let mut senders = JoinSet::new();
        let start = Instant::now();
        for sender in 0..SENDERS {
            let (client, make, stop) = (client.clone(), make.clone(), stop.clone());
            senders.spawn(async move {
                let mut tally = Tally::default();
                for index in (sender as u64..).step_by(SENDERS) {
                    let due = start + Duration::from_secs_f64(index as f64 / per_second);
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = sleep_until(due) => {}
                    }
                    let request = make(index);
                    let expected = expected(&request);
                    let result = client.request(request).await;
                    tally.count(&expected, &result, due.elapsed());
                }
                tally
            });
        }
        Self { stop, senders }
    }

    /// Waits for the answers to all that was sent.
    pub async fn stop(self) -> Tally {
        self.stop.cancel();
        let mut all = Tally::default();
        for tally in self.senders.join_all().await {
            all.add(&tally);
        }
        all
    }
}

/// Sends for a while.
pub async fn window(client: &Http1, per_second: f64, length: Duration, make: &Make) -> Tally {
    let load = Load::start(client, per_second, make);
    tokio::time::sleep(length).await;
    load.stop().await
}

pub fn client(address: SocketAddr) -> Http1 {
    Http1::new(address).patience(PATIENCE)
}

/// An answer that repeats the request's body is the right one.
fn expected(request: &Request) -> Vec<u8> {
    match &request.body {
        harness::client::Body::Whole(body) => body.to_vec(),
        _ => Vec::new(),
    }
}

impl Tally {
    fn count(&mut self, expected: &[u8], result: &Result<Response>, latency: Duration) {
        let outcome = match result {
            Ok(response) if response.status == 200 && response.body != expected => {
                "200, other body".to_owned()
            }
            Ok(response) => response.status.to_string(),
            Err(error) if error.downcast_ref::<Cut>().is_some() => "cut".to_owned(),
            Err(error) if format!("{error:#}").contains("waited") => "no answer".to_owned(),
            Err(_) => "connection broke".to_owned(),
        };
        *self.outcomes.entry(outcome).or_default() += 1;
        if result.is_ok() {
            self.latency.saturating_record(latency.as_micros() as u64);
        }
    }

    pub fn add(&mut self, other: &Self) {
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        // Both are made with the same bounds.
        self.latency.add(&other.latency).ok();
    }

    pub fn total(&self) -> u64 {
        self.outcomes.values().sum()
    }

    /// Those that were not answered as they should be.
    pub fn failed(&self) -> u64 {
        self.total() - self.outcomes.get(FINE).copied().unwrap_or(0)
    }

    /// In milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        self.latency.value_at_quantile(share) as f64 / 1_000.0
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self { outcomes: BTreeMap::new(), latency: histogram() }
    }
}

/// 1 µs to 60 s with three digits.
fn histogram() -> Histogram<u64> {
    #[expect(clippy::expect_used, reason = "the bounds are constant and valid")]
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("valid bounds")
}
