// SPDX-License-Identifier: Apache-2.0
//! The client that costs: three kinds of requests at once, each at a steady rate as far as Envoy keeps up.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use harness::client::{Http1, Request};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub const LARGE: &str = "/large";
pub const MANY: &str = "/many";
const PATHS: &str = "/paths";

const MIB: usize = 1 << 20;
const LARGE_BODY: usize = 8 * MIB;
const LARGE_RATE: f64 = 2.0;
const MANY_BODY: usize = 32 << 10;
const MANY_RATE: f64 = 40.0;
/// One that a regular expression sees, and one that is too long for that.
const PATH_LENGTHS: [usize; 2] = [4_000, 60_000];
const PATHS_RATE: f64 = 100.0;

/// Requests that were answered.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Done {
    pub large: u64,
    pub many: u64,
    pub paths: u64,
}

pub struct Heavy {
    stop: CancellationToken,
    clients: JoinSet<Result<Done>>,
}

impl Heavy {
    pub fn start(to: SocketAddr) -> Self {
        let stop = CancellationToken::new();
        let mut clients = JoinSet::new();
        let large = json(LARGE_BODY);
        clients.spawn(ask(to, stop.clone(), LARGE_RATE, move |_| {
            (post(LARGE, large.clone()), Done { large: 1, ..Done::default() })
        }));
        let many = json(MANY_BODY);
        clients.spawn(ask(to, stop.clone(), MANY_RATE, move |_| {
            (post(MANY, many.clone()), Done { many: 1, ..Done::default() })
        }));
        let paths = PATH_LENGTHS.map(|length| format!("{PATHS}/{}", "ab/".repeat(length / 3)));
        clients.spawn(ask(to, stop.clone(), PATHS_RATE, move |index| {
            let [seen, unseen] = &paths;
            let path = if index % 2 == 0 { seen } else { unseen };
            (Request::get(path), Done { paths: 1, ..Done::default() })
        }));
        Self { stop, clients }
    }

    /// Waits for what is under way.
    pub async fn stop(mut self) -> Result<Done> {
        self.stop.cancel();
        let mut all = Done::default();
        while let Some(done) = self.clients.join_next().await {
            let done = done??;
            all.add(done);
        }
        Ok(all)
    }
}

impl Done {
    fn add(&mut self, other: Self) {
        self.large += other.large;
        self.many += other.many;
        self.paths += other.paths;
    }
}

async fn ask(
    to: SocketAddr,
    stop: CancellationToken,
    rate: f64,
    make: impl Fn(u64) -> (Request, Done) + Send,
) -> Result<Done> {
    let client = Http1::new(to).patience(Duration::from_secs(20));
    let mut all = Done::default();
    let start = Instant::now();
    for index in 0_u64.. {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = sleep_until(start + Duration::from_secs_f64(index as f64 / rate)) => {}
        }
        let (request, done) = make(index);
        let answer = client.request(request).await?;
        anyhow::ensure!(answer.status == 200, "status {}", answer.status);
        all.add(done);
    }
    Ok(all)
}

fn post(path: &str, body: Bytes) -> Request {
    Request::post(path, body).header("content-type", "application/json")
}

/// A list of users of about this size.
pub fn json(size: usize) -> Bytes {
    let user = r#"{"id":17,"user":{"name":"Ann","email":"ann@example.test","tags":["a","b"]},"cards":[{"number":"4111 1111"},{"number":"5500 0000"}],"price":29.90,"note":"nothing \"special\" to say"},"#;
    let mut text = String::with_capacity(size + user.len());
    text.push('[');
    while text.len() < size {
        text.push_str(user);
    }
    text.pop();
    text.push(']');
    text.into()
}
