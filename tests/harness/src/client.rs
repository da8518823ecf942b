// SPDX-License-Identifier: Apache-2.0
//! Clients for both protocols, single requests and traffic. Every operation ends in bounded time
//! with an error that says what was awaited; none repeats a request that the server may have seen.

pub mod http1;
pub mod http2;
mod request;
mod response;
mod traffic;

use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::{Instant, timeout_at};

pub use self::{
    http1::{Http1, Raw},
    http2::Http2,
    request::{Body, Request},
    response::{Cut, Response},
    traffic::{Answered, Latencies, Traffic, burst, latencies, pace, pace_until},
};
pub use crate::wire::Headers;

/// How long one operation may take, if not set otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What sends whole requests: [`Http1`] and [`Http2`]. Clones share connections.
pub trait Client: Clone + Send + Sync + 'static {
    fn request(&self, request: Request) -> impl Future<Output = Result<Response>> + Send;
}

/// When an operation has to be over.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    patience: Duration,
}

impl Deadline {
    fn after(patience: Duration) -> Self {
        Self { at: Instant::now() + patience, patience }
    }

    async fn wait<T>(self, what: &str, operation: impl Future<Output = T>) -> Result<T> {
        timeout_at(self.at, operation).await.map_err(|_| anyhow!("waited {:?} for {what}", self.patience))
    }
}

async fn within<T>(patience: Duration, what: &str, operation: impl Future<Output = T>) -> Result<T> {
    Deadline::after(patience).wait(what, operation).await
}
