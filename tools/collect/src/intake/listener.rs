// SPDX-License-Identifier: Apache-2.0
//! Listeners and connections: HTTP/1.1 and HTTP/2 on one port, with and without TLS, ended in good order.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::reply::Reply;

/// Envoy opens a connection for each copy that is under way over HTTP/1.1.
const MAX_CONNECTIONS: usize = 8192;
const BACKLOG: u32 = 4096;
/// How long a peer may take for a handshake or the headers of a request.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long requests that are under way have at the end.
const FAREWELL: Duration = Duration::from_secs(10);
/// Envoy takes and sends up to 1 MiB of headers in calls.
const HEADER_BYTES: u32 = 1 << 20;
const MAX_HEADERS: usize = 1200;
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Says once that all is to end.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    pub fn now(&self) {
        self.0.send_replace(true);
    }
}

/// A way to end, and what those watch that are to end.
pub fn stop() -> (Stop, watch::Receiver<bool>) {
    let (stop, stopped) = watch::channel(false);
    (Stop(stop), stopped)
}

pub fn is_loopback(address: &SocketAddr) -> bool {
    address.ip().is_loopback()
}

/// Ports that are taken and not served yet.
pub struct Listeners {
    listeners: Vec<TcpListener>,
    tls: Option<TlsAcceptor>,
}

impl Listeners {
    /// # Errors
    /// An address is in use or not of this machine.
    pub fn bind(addresses: &[SocketAddr], tls: Option<Arc<ServerConfig>>) -> Result<Self> {
        let bind = |address: &SocketAddr| {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            socket.set_reuseaddr(true)?;
            socket
                .bind(*address)
                .and_then(|()| socket.listen(BACKLOG))
                .with_context(|| format!("listen on {address}"))
        };
        let listeners = addresses.iter().map(bind).collect::<Result<_>>()?;
        Ok(Self { listeners, tls: tls.map(TlsAcceptor::from) })
    }

    /// The addresses, with the ports that the system has chosen.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Serves until it is stopped, and lets requests finish that are under way. `answer` gets each request.
pub async fn serve<A, F>(listeners: Listeners, answer: A, stopped: watch::Receiver<bool>)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let graceful = Arc::new(GracefulShutdown::new());
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut accepting = JoinSet::new();
    for listener in listeners.listeners {
        let (tls, answer, room, graceful) =
            (listeners.tls.clone(), answer.clone(), room.clone(), graceful.clone());
        let mut stopped = stopped.clone();
        accepting.spawn(async move {
            tokio::select! {
                () = accept(&listener, tls, &answer, &room, &graceful) => {}
                // Who could stop it is gone.
                _ = stopped.wait_for(|stopped| *stopped) => {}
            }
        });
    }
    while accepting.join_next().await.is_some() {}
    if let Some(graceful) = Arc::into_inner(graceful) {
        let _ = tokio::time::timeout(FAREWELL, graceful.shutdown()).await;
    }
}

async fn accept<A, F>(
    listener: &TcpListener,
    tls: Option<TlsAcceptor>,
    answer: &A,
    room: &Arc<Semaphore>,
    graceful: &GracefulShutdown,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, perhaps.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (tls, answer, watcher) = (tls.clone(), answer.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            match tls {
                Some(tls) => {
                    let handshake = tokio::time::timeout(PATIENCE, tls.accept(stream)).await;
                    if let Ok(Ok(stream)) = handshake {
                        connection(stream, answer, watcher).await;
                    }
                }
                None => connection::<TcpStream, _, _>(stream, answer, watcher).await,
            }
            drop(place);
        });
    }
}

async fn connection<S, A, F>(stream: S, answer: A, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(HEADER_BYTES as usize * 2);
    builder
        .http2()
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADER_BYTES * 2)
        .max_concurrent_streams(1024);
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    // A peer that breaks off is its own business.
    let _ = watcher.watch(connection).await;
}
