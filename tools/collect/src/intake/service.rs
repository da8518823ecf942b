// SPDX-License-Identifier: Apache-2.0
//! One request after the other: a batch of exchanges, or a copy.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, StatusCode};
use hyper::body::Incoming;

use super::batch::{Asked, Kind, NoBatch};
use super::body::{self, BodyError};
use super::budget::{Budget, Charge};
use super::copy;
use super::counts::Counts;
use super::reply::{Reply, empty, later, text};
use crate::protocol::Exchange;

/// An exchange that came.
#[derive(Clone, Debug)]
pub struct Taken {
    pub exchange: Exchange,
    /// Its bytes, where it came in a frame.
    pub frame: Option<Bytes>,
}

/// Why a batch is not taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The disk or a queue is full.
    Full,
    /// What keeps exchanges fails.
    Failing,
}

/// What becomes of exchanges.
pub trait Taker: Send + Sync + 'static {
    /// Takes all of a batch, or nothing. When it returns what is to be kept is on disk. Says how many were new. The charge is for
    /// what the batch holds in memory.
    fn take(&self, batch: Vec<Taken>, charge: Charge) -> impl Future<Output = Result<u64, Refusal>> + Send;
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of a batch, as it comes and decoded.
    pub batch_bytes: usize,
    /// What is kept of the body of a copy.
    pub body_bytes: usize,
}

/// The service behind every connection.
#[derive(Debug)]
pub struct Intake<T> {
    pub taker: T,
    pub counts: Arc<Counts>,
    pub budget: Budget,
    pub limits: Limits,
    /// What a copy is answered.
    pub status: StatusCode,
}

impl<T: Taker> Intake<T> {
    /// `scheme`: that of the connection.
    pub async fn answer(&self, request: Request<Incoming>, scheme: &'static str) -> Reply {
        let reply = match Asked::of(&request) {
            Asked::Batch(kind) => self.batch(request.into_body(), kind).await,
            Asked::Copy => self.copy(request, scheme).await,
            Asked::Unsupported => Err(text(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "expected content-type application/x-protobuf (length-delimited) or application/x-ndjson, and content-encoding \
                 gzip, zstd or none\n",
            )),
        };
        reply.unwrap_or_else(|refused| {
            let is_temporary = refused.status() == StatusCode::SERVICE_UNAVAILABLE;
            let counter = if is_temporary { &self.counts.refused } else { &self.counts.malformed };
            Counts::add(counter, 1);
            refused
        })
    }

    async fn batch(&self, body: Incoming, kind: Kind) -> Result<Reply, Reply> {
        /// Longer batches are decoded elsewhere, so that others need not wait.
        const AT_ONCE: usize = 256 << 10;
        let most = self.limits.batch_bytes;
        let mut charge = self.budget.open();
        let body = body::read(body, most, &mut charge).await.map_err(refused)?;
        if body.left_out > 0 {
            return Err(refused(BodyError::TooLarge));
        }
        let length = body.bytes.len();
        let decode = move || (kind.read(body.bytes, most, &mut charge), charge);
        let (batch, charge) = match length {
            0..=AT_ONCE => decode(),
            _ => tokio::task::spawn_blocking(decode).await.map_err(|_| later("the program ends\n"))?,
        };
        let batch = batch.map_err(|error| match error {
            NoBatch::Body(error) => refused(error),
            NoBatch::Malformed(why) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
        })?;
        let count = batch.len() as u64;
        let new = self.take(batch, charge).await?;
        Counts::add(&self.counts.batches, 1);
        Counts::add(&self.counts.exchanges, new);
        Counts::add(&self.counts.duplicates, count - new);
        Ok(empty(StatusCode::NO_CONTENT))
    }

    async fn copy(&self, request: Request<Incoming>, scheme: &'static str) -> Result<Reply, Reply> {
        let began = SystemTime::now();
        let (parts, body) = request.into_parts();
        let mut charge = self.budget.open();
        let body = body::read(body, self.limits.body_bytes, &mut charge).await.map_err(refused)?;
        let exchange = copy::exchange(&parts, body, began, scheme);
        let new = self.take(vec![Taken { exchange, frame: None }], charge).await?;
        Counts::add(&self.counts.copies, new);
        let mut reply = empty(self.status);
        let kind = parts.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
        if kind.starts_with(b"application/grpc") && self.status == StatusCode::OK {
            // A gRPC client takes no answer without a status of its own.
            reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            reply.headers_mut().insert(shadow_filter::http::GRPC_STATUS, HeaderValue::from_static("0"));
        }
        Ok(reply)
    }

    async fn take(&self, batch: Vec<Taken>, charge: Charge) -> Result<u64, Reply> {
        self.taker.take(batch, charge).await.map_err(|refusal| match refusal {
            Refusal::Full => later("full\n"),
            Refusal::Failing => later("exchanges cannot be kept\n"),
        })
    }
}

fn refused(error: BodyError) -> Reply {
    match error {
        BodyError::Broken => text(StatusCode::BAD_REQUEST, "the body broke off\n"),
        BodyError::NoRoom => later("too much is under way\n"),
        BodyError::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "the batch is too large\n"),
        BodyError::Undecodable(why) => text(StatusCode::BAD_REQUEST, format!("{why}\n")),
    }
}
