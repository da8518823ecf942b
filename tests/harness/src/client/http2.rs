// SPDX-License-Identifier: Apache-2.0
//! The HTTP/2 client: prior knowledge, one connection at a time, many streams. It opens a new
//! connection when the server said goodbye to the old one, and repeats no request but those of
//! which that goodbye says that they were not processed.

mod stream;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use http::{Method, Uri, uri::PathAndQuery};
use tokio::{net::TcpStream, sync::Mutex, time::sleep};

use self::stream::Sending;
pub use self::stream::Stream;
use super::{Body, Client, Deadline, PATIENCE, Request, Response, within};
use crate::wire::http2::{CONNECTION_WINDOW, MAX_RESET_STREAMS, STREAM_WINDOW, to_map};

/// How often a request is sent that servers decline by GOAWAY.
const MAX_ATTEMPTS: usize = 5;
const MAX_HEADER_BYTES: u32 = 16 << 20;

/// A client whose requests share one connection; clones share it too.
#[derive(Clone)]
pub struct Http2 {
    address: SocketAddr,
    patience: Duration,
    connection: Arc<Mutex<Option<Numbered>>>,
}

/// A connection, and how many there were before it and with it.
type Numbered = (u64, SendRequest<Bytes>);

impl Http2 {
    /// Connects when the first request needs it.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, patience: PATIENCE, connection: Arc::default() }
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
        let deadline = Deadline::after(self.patience);
        let mut result = self.exchange(&request, deadline).await;
        for _ in 1..MAX_ATTEMPTS {
            if !result.as_ref().is_err_and(is_unprocessed) {
                break;
            }
            result = self.exchange(&request, deadline).await;
        }
        result.with_context(|| format!("{} {} failed", request.method, request.path))
    }

    /// Sends the head alone, the request's body and trailers not: for what is sent step by step.
    pub async fn start(&self, request: &Request) -> Result<Stream> {
        self.open(head(request)?, false).await
    }

    /// An extended CONNECT (`:protocol`) with the path and headers of `request`; it needs a
    /// server that allows it.
    pub async fn connect(&self, protocol: &str, request: &Request) -> Result<Stream> {
        let mut head = head(request)?;
        *head.method_mut() = Method::CONNECT;
        head.extensions_mut().insert(h2::ext::Protocol::from(protocol));
        self.open(head, false).await
    }

    async fn exchange(&self, request: &Request, deadline: Deadline) -> Result<Response> {
        let mut head = head(request)?;
        if let (Body::Whole(body), true) = (&request.body, request.trailers.is_empty()) {
            let length = head.headers_mut().entry("content-length");
            length.or_insert(body.len().into());
        }
        let ends = request.body == Body::None && request.trailers.is_empty();
        let stream = self.open(head, ends).await?;
        let (mut sending, receiving) = stream.split();
        if ends {
            return receiving.response(deadline).await;
        }
        // Both at once: an answer may come early.
        let (sent, response) = tokio::join!(
            async { deadline.wait("the peer to take the request", send(&mut sending, request)).await? },
            receiving.response(deadline)
        );
        response.map_err(|error| match sent {
            Ok(()) => error,
            Err(unsent) => error.context(format!("not all sent: {unsent:#}")),
        })
    }

    async fn open(&self, head: http::Request<()>, ends: bool) -> Result<Stream> {
        let mut send = within(self.patience, "a free HTTP/2 stream", self.ready()).await??;
        let (response, stream) = send.send_request(head, ends)?;
        Ok(Stream::new(stream, response, self.patience))
    }

    /// A connection that takes a request: the one there is, or a new one if that is ending.
    async fn ready(&self) -> Result<SendRequest<Bytes>> {
        let (number, send) = self.connected(None).await?;
        if let Ok(ready) = send.ready().await {
            return Ok(ready);
        }
        let (_, send) = self.connected(Some(number)).await?;
        Ok(send.ready().await?)
    }

    /// The current connection and its number; a new one if there is none, or if `ended` is it.
    async fn connected(&self, ended: Option<u64>) -> Result<Numbered> {
        let mut current = self.connection.lock().await;
        let last = current.as_ref().map_or(0, |(number, _)| *number);
        if let Some((number, send)) = current.as_ref().filter(|_| ended != Some(last)) {
            return Ok((*number, send.clone()));
        }
        let send = connect(self.address).await?;
        Ok(current.insert((last + 1, send)).clone())
    }
}

impl Client for Http2 {
    async fn request(&self, request: Request) -> Result<Response> {
        Http2::request(self, request).await
    }
}

async fn connect(address: SocketAddr) -> Result<SendRequest<Bytes>> {
    let socket = within(PATIENCE, "a connection", TcpStream::connect(address))
        .await?
        .with_context(|| format!("cannot connect to {address}: is it listening?"))?;
    socket.set_nodelay(true)?;
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_reset_streams(MAX_RESET_STREAMS)
        .enable_push(false);
    let handshake = builder.handshake(socket);
    let (send, connection) = within(PATIENCE, "an HTTP/2 handshake", handshake)
        .await?
        .context("the server does not speak HTTP/2")?;
    // It ends with its last stream and sender; streams report what happened to it.
    tokio::spawn(connection);
    Ok(send)
}

/// Whether a server that shuts down gracefully said that it never looked at the request.
fn is_unprocessed(error: &anyhow::Error) -> bool {
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| {
        cause.is_go_away() && cause.is_remote() && cause.reason() == Some(h2::Reason::NO_ERROR)
    })
}

fn head(request: &Request) -> Result<http::Request<()>> {
    let method = Method::from_bytes(request.method.as_bytes())?;
    let uri = Uri::builder().authority(request.authority.as_str());
    let uri = if method == Method::CONNECT {
        uri.build()
    } else {
        let path: PathAndQuery =
            request.path.parse().with_context(|| format!("path {:?}: send it with Raw", request.path))?;
        ensure!(path.as_str() == request.path, "path {:?} would be changed", request.path);
        uri.scheme("http").path_and_query(path).build()
    }
    .with_context(|| format!("authority {:?}", request.authority))?;
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri;
    *head.headers_mut() = to_map(&request.headers)?;
    Ok(head)
}

async fn send(sending: &mut Sending, request: &Request) -> Result<()> {
    let mut pieces = pieces(&request.body);
    // An end that comes behind the last byte may come too late: a server that knows the length answers, and resets.
    let last = if request.trailers.is_empty() { pieces.pop() } else { None };
    for (pause, piece) in pieces {
        wait(pause).await;
        sending.send(piece).await?;
    }
    match last {
        Some((pause, piece)) => {
            wait(pause).await;
            sending.send_last(piece).await
        }
        None => sending.finish(&request.trailers),
    }
}

async fn wait(pause: Duration) {
    // Tokio's timer takes a millisecond for nothing.
    if !pause.is_zero() {
        sleep(pause).await;
    }
}

fn pieces(body: &Body) -> Vec<(Duration, Bytes)> {
    match body {
        Body::None => Vec::new(),
        Body::Whole(body) => vec![(Duration::ZERO, body.clone())],
        Body::Pieces(pieces) => pieces.clone(),
    }
}
