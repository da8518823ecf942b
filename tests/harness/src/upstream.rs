// SPDX-License-Identifier: Apache-2.0
//! Upstreams that record every request and answer, or fail to, as the test says. They stand for
//! the primary and the shadow. Plain text on loopback only: no TLS, no gRPC.

mod http1;
mod http2;
mod raw;
mod reply;

use std::{
    net::SocketAddr,
    ops::Deref,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

pub use self::{
    raw::{BlackHole, FullBacklog, RawUpstream, Refusing},
    reply::Reply,
};
use crate::recording::{Recorded, Recording};

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
const BACKLOG: u32 = 4096;
/// The start of every HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0";
/// How long the peer gets to read what preceded a deliberate break: a reset overtakes data that
/// is still queued on either side.
const BREAK_AFTER: Duration = Duration::from_millis(50);

/// What a connection to an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http1,
    /// In plain text with prior knowledge.
    Http2,
    /// Whichever the client starts with.
    Auto,
}

/// A recording upstream on the current tokio runtime. It ends when it is dropped.
///
/// The methods of [`Recording`] are its own.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    state: Mutex<State>,
}

impl Upstream {
    /// Speaks HTTP/1.1 on a free port of 127.0.0.1.
    pub async fn http1() -> Result<Self> {
        Self::on(Protocol::Http1, ANY_PORT).await
    }

    /// Speaks HTTP/2 in plain text with prior knowledge on a free port of 127.0.0.1.
    pub async fn http2() -> Result<Self> {
        Self::on(Protocol::Http2, ANY_PORT).await
    }

    /// Speaks what each connection starts with, on a free port of 127.0.0.1.
    pub async fn auto() -> Result<Self> {
        Self::on(Protocol::Auto, ANY_PORT).await
    }

    /// Port 0 is any free port.
    pub async fn on(protocol: Protocol, address: SocketAddr) -> Result<Self> {
        let listener = reserve(address)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(protocol));
        let state = State::serving(listener, &shared);
        Ok(Self { address, shared, state: Mutex::new(state) })
    }

    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// A handle on the recording that outlives the upstream.
    pub fn recording(&self) -> Recording {
        self.shared.recording.clone()
    }

    /// How to answer requests from now on; asked when the whole request was read. Without it, an
    /// empty 200.
    pub fn respond_with(&self, respond: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) {
        write(&self.shared.respond, Box::new(respond));
    }

    /// How to answer before the body was read: asked when only the head is there. `None` leaves
    /// the request to [`Upstream::respond_with`]. The body is read and recorded all the same.
    pub fn respond_early_with(&self, respond: impl Fn(&Recorded) -> Option<Reply> + Send + Sync + 'static) {
        write(&self.shared.respond_early, Box::new(respond));
    }

    /// How many connections were accepted since the start.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Closes the listener and every connection. Until [`Upstream::restart`] connections are
    /// refused; the port stays reserved.
    pub async fn stop(&self) -> Result<()> {
        let (stop, task) = match self.swap(State::Changing) {
            State::Serving { stop, task } => (stop, task),
            other => {
                self.swap(other);
                bail!("the upstream on {} is stopped already", self.address);
            }
        };
        // The task is gone only if the runtime is.
        let _ = stop.send(());
        task.await.context("the upstream's task failed")?;
        self.swap(State::Stopped(reserve(self.address)?));
        Ok(())
    }

    /// Listens again on the same address after [`Upstream::stop`].
    pub async fn restart(&self) -> Result<()> {
        let socket = match self.swap(State::Changing) {
            State::Stopped(socket) => socket,
            other => {
                self.swap(other);
                bail!("the upstream on {} was not stopped before restart", self.address);
            }
        };
        let listener =
            socket.listen(BACKLOG).with_context(|| format!("cannot listen on {} again", self.address))?;
        self.swap(State::serving(listener, &self.shared));
        Ok(())
    }

    fn swap(&self, next: State) -> State {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut state, next)
    }
}

impl Deref for Upstream {
    type Target = Recording;

    fn deref(&self) -> &Recording {
        &self.shared.recording
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        if let State::Serving { task, .. } = self.swap(State::Changing) {
            task.abort();
        }
    }
}

enum State {
    Serving {
        stop: oneshot::Sender<()>,
        task: JoinHandle<()>,
    },
    /// Holds the port without listening.
    Stopped(TcpSocket),
    Changing,
}

impl State {
    fn serving(listener: TcpListener, shared: &Arc<Shared>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, stopped, shared.clone()));
        Self::Serving { stop, task }
    }
}

/// What all connections of one upstream have in common.
struct Shared {
    protocol: Protocol,
    recording: Recording,
    respond: RwLock<Respond>,
    respond_early: RwLock<RespondEarly>,
    connections: AtomicU64,
}

type Respond = Box<dyn Fn(&Recorded) -> Reply + Send + Sync>;
type RespondEarly = Box<dyn Fn(&Recorded) -> Option<Reply> + Send + Sync>;

impl Shared {
    fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            recording: Recording::default(),
            respond: RwLock::new(Box::new(|_| Reply::status(200))),
            respond_early: RwLock::new(Box::new(|_| None)),
            connections: AtomicU64::new(0),
        }
    }

    /// Records a request that is complete, and says what to do with it.
    fn record(&self, request: Recorded) -> Reply {
        let request = Arc::new(request);
        // First recorded, then answered: who has the answer finds the request.
        self.recording.push(request.clone());
        let respond = self.respond.read().unwrap_or_else(PoisonError::into_inner);
        respond(&request)
    }

    fn early(&self, head: &Recorded) -> Option<Reply> {
        let respond = self.respond_early.read().unwrap_or_else(PoisonError::into_inner);
        respond(head)
    }
}

fn write<T>(lock: &RwLock<T>, value: T) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = value;
}

/// A socket that has the port but does not listen: connections to it are refused.
fn reserve(address: SocketAddr) -> Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    ensure!(address.ip().is_loopback(), "{address} is not loopback");
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("cannot bind {address}: is it in use?"))?;
    Ok(socket)
}

async fn accept(listener: TcpListener, mut stopped: oneshot::Receiver<()>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => continue,
        };
        // What accept reports is the failure of one connection, not of the listener.
        let Ok((stream, _)) = accepted else { continue };
        let id = shared.connections.fetch_add(1, Ordering::Relaxed);
        let shared = shared.clone();
        connections.spawn(async move {
            // A broken connection is what many tests want; what matters of it is recorded.
            let _ = serve(stream, id, shared).await;
        });
    }
    drop(listener);
    connections.shutdown().await;
}

async fn serve(stream: TcpStream, id: u64, shared: Arc<Shared>) -> Result<()> {
    stream.set_nodelay(true)?;
    let http2 = match shared.protocol {
        Protocol::Http1 => false,
        Protocol::Http2 => true,
        Protocol::Auto => starts_with_preface(&stream).await?,
    };
    if http2 { http2::serve(stream, id, shared).await } else { http1::serve(stream, id, &shared).await }
}

async fn starts_with_preface(stream: &TcpStream) -> Result<bool> {
    let mut start = [0; PREFACE.len()];
    loop {
        let length = stream.peek(&mut start).await?;
        if length == PREFACE.len() || length == 0 || !PREFACE.starts_with(&start[..length]) {
            return Ok(start == PREFACE);
        }
        // Peeking does not wait for more than it saw.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
