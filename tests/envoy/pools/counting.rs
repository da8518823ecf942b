// SPDX-License-Identifier: Apache-2.0
//! A shadow that knows how many requests it has at the same time. It counts one as ended before it answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What every request's head ends with; none has a body here.
const END: &[u8] = b"\r\n\r\n";

#[derive(Default)]
struct Counts {
    /// Takes requests and answers none.
    hangs: AtomicBool,
    /// Ends each connection without an answer.
    refuses: AtomicBool,
    now: AtomicUsize,
    most: AtomicUsize,
    all: AtomicUsize,
}

/// Ends when it is dropped.
pub struct Counting {
    pub address: SocketAddr,
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

impl Counting {
    /// Answers each request after this time.
    pub async fn start(delay: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let mut tasks = JoinSet::new();
        let shared = counts.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that Envoy ends is over.
                let counts = shared.clone();
                connections.spawn(async move { drop(serve(stream, &counts, delay).await) });
            }
        });
        Ok(Self { address, counts, _tasks: tasks })
    }

    pub fn hang(&self, hangs: bool) {
        self.counts.hangs.store(hangs, Ordering::SeqCst);
    }

    pub fn refuse(&self, refuses: bool) {
        self.counts.refuses.store(refuses, Ordering::SeqCst);
    }

    pub fn now(&self) -> usize {
        self.counts.now.load(Ordering::SeqCst)
    }

    /// Most requests at the same time so far.
    pub fn most(&self) -> usize {
        self.counts.most.load(Ordering::SeqCst)
    }

    /// Requests so far.
    pub fn all(&self) -> usize {
        self.counts.all.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, counts: &Counts, delay: Duration) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::new();
    loop {
        while !input.ends_with(END) {
            if stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
        input.clear();
        counts.all.fetch_add(1, Ordering::SeqCst);
        if counts.refuses.load(Ordering::SeqCst) {
            return Ok(());
        }
        let now = counts.now.fetch_add(1, Ordering::SeqCst) + 1;
        counts.most.fetch_max(now, Ordering::SeqCst);
        let over = wait(&mut stream, counts, delay).await;
        counts.now.fetch_sub(1, Ordering::SeqCst);
        if over? {
            return Ok(());
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
}

/// Whether Envoy has given up meanwhile.
async fn wait(stream: &mut TcpStream, counts: &Counts, delay: Duration) -> Result<bool> {
    let answer = async {
        tokio::time::sleep(delay).await;
        while counts.hangs.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let mut byte = [0; 1];
    tokio::select! {
        () = answer => Ok(false),
        read = stream.read(&mut byte) => read.map(|_| true).map_err(Into::into),
    }
}
