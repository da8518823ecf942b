// SPDX-License-Identifier: Apache-2.0
//! Upstreams below HTTP: what a TCP endpoint can do wrong before the first byte.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use super::{ANY_PORT, BACKLOG, reserve};

/// The most connections that fill a backlog.
const MAX_FILL: usize = 64;

/// A TCP listener whose connections are handled by a closure. It ends when it is dropped.
pub struct RawUpstream {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl RawUpstream {
    pub async fn new<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = reserve(ANY_PORT)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, handle));
        Ok(Self { address, task })
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for RawUpstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Accepts connections, never reads, never answers, never closes.
pub struct BlackHole(RawUpstream);

impl BlackHole {
    pub async fn new() -> Result<Self> {
        let hold = |stream: TcpStream| async move {
            let _held = stream;
            std::future::pending().await
        };
        RawUpstream::new(hold).await.map(Self)
    }

    pub fn addr(&self) -> SocketAddr {
        self.0.addr()
    }
}

/// Holds a port on which nothing listens: connections are refused.
pub struct Refusing {
    address: SocketAddr,
    _socket: TcpSocket,
}

impl Refusing {
    pub fn new() -> Result<Self> {
        let socket = reserve(ANY_PORT)?;
        Ok(Self { address: socket.local_addr()?, _socket: socket })
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

/// Listens, but its queue is full and never emptied: connections are neither made nor refused.
pub struct FullBacklog {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl FullBacklog {
    pub async fn new() -> Result<Self> {
        let listener = reserve(ANY_PORT)?.listen(1)?;
        let address = listener.local_addr()?;
        let mut queue = Vec::new();
        while queue.len() < MAX_FILL {
            // On loopback a connection is made at once or not at all.
            match timeout(Duration::from_millis(200), TcpStream::connect(address)).await {
                Ok(stream) => queue.push(stream.context("cannot fill the backlog")?),
                Err(_) => {
                    return Ok(Self { address, _listener: listener, _queue: queue });
                }
            }
        }
        bail!("the backlog of {address} takes more than {MAX_FILL} connections")
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }
}

async fn accept<F>(listener: TcpListener, handle: impl Fn(TcpStream) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                connections.spawn(handle(stream));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
