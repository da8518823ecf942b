// SPDX-License-Identifier: Apache-2.0
//! Many requests: as fast as a number of workers can, or at a fixed rate. Failures are kept, not
//! raised: whether one matters is for the caller to say.

use std::{
    collections::BTreeMap,
    fmt,
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Error, Result, bail};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{Client, Request, Response};

/// Sends `count` requests, `parallel` at a time; `make` gets their indices.
pub async fn burst<C: Client>(
    client: &C,
    count: usize,
    parallel: usize,
    make: impl Fn(usize) -> Request + Send + Sync + 'static,
) -> Traffic {
    let make = Arc::new(make);
    let next = Arc::new(AtomicUsize::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..parallel.min(count) {
        let (client, make, next) = (client.clone(), make.clone(), next.clone());
        workers.spawn(async move {
            let mut outcomes = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= count {
                    return outcomes;
                }
                let start = Instant::now();
                let result = client.request(make(index)).await;
                outcomes.push((index, result, start.elapsed()));
            }
        });
    }
    let outcomes = workers.join_all().await;
    Traffic::of(outcomes.into_iter().flatten())
}

/// Sends requests at a fixed rate for a while, whether or not earlier ones were answered. The
/// latency counts from when a request was due, so that a server that stalls is not flattered.
pub async fn pace<C: Client>(
    client: &C,
    per_second: f64,
    duration: Duration,
    make: impl Fn(usize) -> Request,
) -> Traffic {
    let count = (per_second * duration.as_secs_f64()).round() as usize;
    paced(client, per_second, count, pending(), make).await
}

/// Sends requests at a fixed rate, as [`pace`] does, until `end` is there; then waits for the answers to all that were sent.
pub async fn pace_until<C: Client>(
    client: &C,
    per_second: f64,
    end: impl Future<Output = ()>,
    make: impl Fn(usize) -> Request,
) -> Traffic {
    paced(client, per_second, usize::MAX, end, make).await
}

/// Up to `most` requests, or until `end` is there.
async fn paced<C: Client>(
    client: &C,
    per_second: f64,
    most: usize,
    end: impl Future<Output = ()>,
    make: impl Fn(usize) -> Request,
) -> Traffic {
    let start = Instant::now();
    let mut end = pin!(end);
    let mut requests = JoinSet::new();
    for index in 0..most {
        let due = start + Duration::from_secs_f64(index as f64 / per_second);
        tokio::select! {
            biased;
            () = &mut end => break,
            () = sleep_until(due) => {}
        }
        let client = client.clone();
        let request = make(index);
        requests.spawn(async move {
            let result = client.request(request).await;
            (index, result, due.elapsed())
        });
    }
    Traffic::of(requests.join_all().await)
}

/// What became of many requests, in the order of their indices.
#[derive(Debug, Default)]
pub struct Traffic {
    pub answered: Vec<Answered>,
    /// Index and error of each request without a whole answer.
    pub failed: Vec<(usize, Error)>,
}

#[derive(Clone, Debug)]
pub struct Answered {
    pub index: usize,
    pub response: Response,
    pub latency: Duration,
}

impl Traffic {
    /// How often each status came.
    pub fn statuses(&self) -> BTreeMap<u16, usize> {
        let mut statuses = BTreeMap::new();
        for answered in &self.answered {
            *statuses.entry(answered.response.status).or_default() += 1;
        }
        statuses
    }

    pub fn latencies(&self) -> Latencies {
        let all: Vec<_> = self.answered.iter().map(|one| one.latency).collect();
        latencies(&all)
    }

    /// An error unless every request was answered with 2xx.
    pub fn all_succeeded(&self) -> Result<()> {
        if let Some((index, error)) = self.failed.first() {
            let failed = self.failed.len();
            bail!("{failed} requests failed, the first is number {index}: {error:#}");
        }
        if self.answered.iter().any(|one| !one.response.is_success()) {
            bail!("not all answers are 2xx: {:?}", self.statuses());
        }
        Ok(())
    }

    fn of(outcomes: impl IntoIterator<Item = (usize, Result<Response>, Duration)>) -> Self {
        let mut traffic = Self::default();
        for (index, result, latency) in outcomes {
            match result {
                Ok(response) => traffic.answered.push(Answered { index, response, latency }),
                Err(error) => traffic.failed.push((index, error)),
            }
        }
        traffic.answered.sort_by_key(|answered| answered.index);
        traffic.failed.sort_by_key(|(index, _)| *index);
        traffic
    }
}

/// A summary of latencies; all zero for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    pub count: usize,
    pub mean: Duration,
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// Percentiles by nearest rank: the smallest value that is not below that share of all.
pub fn latencies(all: &[Duration]) -> Latencies {
    let mut sorted = all.to_vec();
    sorted.sort_unstable();
    let Some(&max) = sorted.last() else {
        return Latencies::default();
    };
    let rank = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100) - 1];
    let total = sorted.iter().map(Duration::as_secs_f64).sum::<f64>();
    Latencies {
        count: sorted.len(),
        mean: Duration::from_secs_f64(total / sorted.len() as f64),
        p50: rank(50),
        p99: rank(99),
        max,
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "p50 {:.2?}, p99 {:.2?}, max {:.2?}, mean {:.2?} of {}",
            self.p50, self.p99, self.max, self.mean, self.count
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let all: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        let summary = latencies(&all);
        assert_eq!(summary.p50, Duration::from_millis(100));
        assert_eq!(summary.p99, Duration::from_millis(198));
        assert_eq!(summary.max, Duration::from_millis(200));
        assert_eq!(latencies(&[]), Latencies::default());
        assert_eq!(latencies(&all[..1]).p50, Duration::from_millis(200));
    }
}
