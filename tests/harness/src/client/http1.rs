// SPDX-License-Identifier: Apache-2.0
//! HTTP/1.1 clients: [`Raw`] for bytes exactly as given, [`Http1`] for requests as values.
//! Neither repeats a request: a test that counts copies must know what it sent.

mod raw;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::sync::Semaphore;

pub use self::raw::Raw;
use super::{Body, Client, PATIENCE, Request, Response, within};
use crate::wire::{http1, named};

/// The most connections of one client; requests beyond them wait.
const MAX_CONNECTIONS: usize = 1024;

/// A client with a pool of keep-alive connections; clones share it.
#[derive(Clone)]
pub struct Http1 {
    address: SocketAddr,
    patience: Duration,
    pool: Arc<Pool>,
}

impl Http1 {
    /// Connects when the first request needs it.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            patience: PATIENCE,
            pool: Arc::new(Pool { idle: Mutex::new(Vec::new()), free: Semaphore::new(MAX_CONNECTIONS) }),
        }
    }

    /// How long connecting may take, and then a request until the end of its answer.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub async fn get(&self, path: &str) -> Result<Response> {
        self.request(Request::get(path)).await
    }

    /// The answer, whatever its status. An answer that broke off is the error [`super::Cut`].
    pub async fn request(&self, request: Request) -> Result<Response> {
        let _turn = self.pool.free.acquire().await?;
        let mut connection = match self.pool.reusable() {
            Some(connection) => connection,
            None => within(self.patience, "a connection", Raw::connect(self.address)).await??,
        };
        connection.set_patience(self.patience);
        let response = connection
            .request(&request)
            .await
            .with_context(|| format!("{} {} failed", request.method, request.path))?;
        let closes = named(&request.headers, "connection").any(|value| value == b"close");
        let tunnel = response.status == 101 || request.method == "CONNECT";
        if !closes && !tunnel && !response.is_last() {
            self.pool.idle().push(connection);
        }
        Ok(response)
    }
}

impl Client for Http1 {
    async fn request(&self, request: Request) -> Result<Response> {
        Http1::request(self, request).await
    }
}

struct Pool {
    idle: Mutex<Vec<Raw>>,
    free: Semaphore,
}

impl Pool {
    /// An idle connection that the server has not closed meanwhile.
    fn reusable(&self) -> Option<Raw> {
        let mut idle = self.idle();
        while let Some(connection) = idle.pop() {
            if connection.is_idle() {
                return Some(connection);
            }
        }
        None
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Raw>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The head, and the body too if it is whole.
fn encode(request: &Request) -> Vec<u8> {
    let mut bytes = format!("{} {} HTTP/1.1\r\n", request.method, request.path).into_bytes();
    if named(&request.headers, "host").next().is_none() {
        http1::write_header(&mut bytes, b"host", request.authority.as_bytes());
    }
    for (name, value) in &request.headers {
        http1::write_header(&mut bytes, name, value);
    }
    if is_chunked(request) {
        http1::write_header(&mut bytes, b"transfer-encoding", b"chunked");
    } else if let (Body::Whole(body), false) = (&request.body, is_framed(request)) {
        let length = body.len().to_string();
        http1::write_header(&mut bytes, b"content-length", length.as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// Whether this module chunks the body; with framing headers of its own a request is left alone.
fn is_chunked(request: &Request) -> bool {
    let needs_it = matches!(request.body, Body::Pieces(_)) || !request.trailers.is_empty();
    needs_it && !is_framed(request)
}

fn is_framed(request: &Request) -> bool {
    ["content-length", "transfer-encoding"].iter().any(|name| named(&request.headers, name).next().is_some())
}
