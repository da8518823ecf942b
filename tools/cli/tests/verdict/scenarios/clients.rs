// SPDX-License-Identifier: Apache-2.0
//! Traffic of each kind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use harness::client::{Body, Http1, Request, burst};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::stage::Stage;

/// A reader takes this much at a time.
const MOUTHFUL: usize = 256 << 10;
/// In the kernel's buffer for a slow reader.
const BUFFER: u32 = 64 << 10;
const PIECES: usize = 8;
const PIECE: usize = 16 << 10;
const PATIENCE: Duration = Duration::from_secs(60);

impl Stage {
    /// Requests to `/prefix/number`; the listener is the first part of the prefix. The numbers go on where they were.
    pub async fn traffic(&self, prefix: &str, count: usize, parallel: usize) -> Result<()> {
        self.send(prefix, count, parallel, Request::get).await
    }

    pub async fn grpc(&self, prefix: &str, count: usize, parallel: usize) -> Result<()> {
        let call = |path| {
            Request::post(path, &b"\0\0\0\0\0"[..])
                .header("content-type", "application/grpc")
                .header("te", "trailers")
        };
        self.send(prefix, count, parallel, call).await
    }

    /// Bodies that take a while to arrive.
    pub async fn uploads(&self, prefix: &str, count: usize, parallel: usize, over: Duration) -> Result<()> {
        let pause = over / PIECES as u32;
        let upload = move |path| Request {
            body: Body::Pieces(vec![(pause, vec![b'.'; PIECE].into()); PIECES]),
            ..Request::new("POST", path)
        };
        self.send(prefix, count, parallel, upload).await
    }

    async fn send(
        &self,
        prefix: &str,
        count: usize,
        parallel: usize,
        make: impl Fn(String) -> Request + Send + Sync + 'static,
    ) -> Result<()> {
        let listener = prefix.split('/').next().unwrap_or_default();
        let first = self.numbers(listener, count);
        let client = Http1::new(self.envoy.address_of(listener)).patience(PATIENCE);
        let prefix = prefix.to_owned();
        burst(&client, count, parallel, move |index| make(format!("/{prefix}/{}", first + index)))
            .await
            .all_succeeded()
    }

    /// Clients that take seconds to read their answers.
    pub async fn slow_readers(&self, listener: &str, count: usize, parallel: usize) -> Result<()> {
        let address = self.envoy.address_of(listener);
        let turns = Arc::new(Semaphore::new(parallel));
        let mut readers = JoinSet::new();
        for number in 0..count {
            let (turns, path) = (turns.clone(), format!("/{listener}/{number}"));
            readers.spawn(async move {
                let _turn = turns.acquire().await?;
                read_slowly(address, &path).await
            });
        }
        readers.join_all().await.into_iter().collect()
    }
}

async fn read_slowly(address: SocketAddr, path: &str) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(BUFFER)?;
    let mut stream = socket.connect(address).await?;
    stream
        .write_all(
            format!("GET {path} HTTP/1.1\r\nhost: primary.test\r\nconnection: close\r\n\r\n").as_bytes(),
        )
        .await?;
    let (mut read, mut buffer) = (0, vec![0; MOUTHFUL]);
    loop {
        let mut mouthful = 0;
        while mouthful < MOUTHFUL {
            let some = stream.read(&mut buffer).await?;
            if some == 0 {
                ensure!(read + mouthful > 8 << 20, "{path}: only {read} bytes");
                return Ok(());
            }
            mouthful += some;
        }
        read += mouthful;
        sleep(Duration::from_millis(60)).await;
    }
}
