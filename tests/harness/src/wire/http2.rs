// SPDX-License-Identifier: Apache-2.0
//! The parts of HTTP/2 that `h2` leaves to its user: flow control and header lists.

use std::future::poll_fn;

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Headers;

/// Windows that let a test's bodies through without waiting for updates.
pub(crate) const STREAM_WINDOW: u32 = 1 << 20;
pub(crate) const CONNECTION_WINDOW: u32 = 16 << 20;
/// Filters and proxies reset many streams at once; `h2` would take that for an attack.
pub(crate) const MAX_RESET_STREAMS: usize = 100_000;

pub(crate) fn to_map(headers: &Headers) -> Result<HeaderMap> {
    let mut map = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let shown = String::from_utf8_lossy(name);
        let name =
            HeaderName::from_bytes(name).with_context(|| format!("{shown:?} is no header name in HTTP/2"))?;
        let value = HeaderValue::from_bytes(value)
            .with_context(|| format!("the value of {shown} is not allowed in HTTP/2"))?;
        map.append(name, value);
    }
    Ok(map)
}

pub(crate) fn to_headers(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

/// Appends the rest of the body to `body` and returns the trailers. What came before an error is
/// in `body`.
pub(crate) async fn read_body(stream: &mut RecvStream, body: &mut Vec<u8>) -> Result<Headers> {
    while let Some(data) = read_data(stream).await? {
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await.context("no trailers")?;
    Ok(trailers.as_ref().map(to_headers).unwrap_or_default())
}

pub(crate) async fn read_data(stream: &mut RecvStream) -> Result<Option<Bytes>> {
    let Some(data) = stream.data().await else {
        return Ok(None);
    };
    let data = data.context("the stream ended before its body")?;
    // A stream that was reset meanwhile has no window left to give back.
    let _ = stream.flow_control().release_capacity(data.len());
    Ok(Some(data))
}

/// Sends all of `data`, as fast as the peer's window allows.
pub(crate) async fn send(stream: &mut SendStream<Bytes>, data: Bytes) -> Result<()> {
    push(stream, data, false).await
}

/// Likewise, and ends the stream with the last byte and not in a frame of its own.
pub(crate) async fn send_last(stream: &mut SendStream<Bytes>, data: Bytes) -> Result<()> {
    if data.is_empty() {
        return finish(stream, &Headers::new());
    }
    push(stream, data, true).await
}

async fn push(stream: &mut SendStream<Bytes>, mut data: Bytes, last: bool) -> Result<()> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len());
        let capacity = poll_fn(|context| stream.poll_capacity(context))
            .await
            .context("the peer ended the stream")?
            .context("the stream ended while it was sent")?;
        let part = data.split_to(capacity.min(data.len()));
        stream.send_data(part, last && data.is_empty())?;
    }
    Ok(())
}

/// Ends the stream, with trailers if there are any.
pub(crate) fn finish(stream: &mut SendStream<Bytes>, trailers: &Headers) -> Result<()> {
    if trailers.is_empty() {
        stream.send_data(Bytes::new(), true)?;
    } else {
        stream.send_trailers(to_map(trailers)?)?;
    }
    Ok(())
}
