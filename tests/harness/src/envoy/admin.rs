// SPDX-License-Identifier: Apache-2.0

//! Envoy's admin interface: one connection per request, which cannot go stale, and a bound on the time of each.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy)]
pub(super) struct Admin(pub(super) SocketAddr);

impl Admin {
    pub(super) async fn get(self, path: &str) -> Result<String> {
        self.expect_ok(Method::GET, path).await
    }

    pub(super) async fn post(self, path: &str) -> Result<String> {
        self.expect_ok(Method::POST, path).await
    }

    pub(super) async fn status(self, path: &str) -> Result<StatusCode> {
        Ok(self.request(Method::GET, path).await?.0)
    }

    async fn expect_ok(self, method: Method, path: &str) -> Result<String> {
        let (status, body) = self.request(method.clone(), path).await?;
        if !status.is_success() {
            bail!("{method} {path} on Envoy's admin: {status}: {body}");
        }
        Ok(body)
    }

    async fn request(self, method: Method, path: &str) -> Result<(StatusCode, String)> {
        let what = format!("{method} {path} on Envoy's admin at {}", self.0);
        timeout(PATIENCE, self.exchange(method, path))
            .await
            .with_context(|| format!("{what}: no answer in {} s", PATIENCE.as_secs()))?
            .context(what)
    }

    async fn exchange(self, method: Method, path: &str) -> Result<(StatusCode, String)> {
        let stream = TcpStream::connect(self.0).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.0.to_string())
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        connection.abort();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}
