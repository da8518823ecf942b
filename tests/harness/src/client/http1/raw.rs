// SPDX-License-Identifier: Apache-2.0
//! One TCP connection that sends bytes exactly as given and reads answers properly.

use std::{io, net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::sleep,
};

use super::{encode, is_chunked};
use crate::{
    client::{Body, Cut, Deadline, PATIENCE, Request, Response, within},
    wire::{
        Headers,
        http1::{self, Framing, Reader},
    },
};

/// One connection. Each operation has its patience, 10 s if not set.
pub struct Raw {
    reader: Reader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    patience: Duration,
    /// Whether the rest of a request was not sent because its answer came first.
    half_sent: bool,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        let stream = within(PATIENCE, "a connection", TcpStream::connect(address))
            .await?
            .with_context(|| format!("cannot connect to {address}: is it listening?"))?;
        stream.set_nodelay(true)?;
        let (read, write) = stream.into_split();
        Ok(Self { reader: Reader::new(read), write, patience: PATIENCE, half_sent: false })
    }

    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let sent = self.write.write_all(bytes.as_ref());
        within(self.patience, "the peer to take bytes", sent)
            .await?
            .context("the connection broke while bytes were sent")
    }

    /// The next answer to anything but HEAD and CONNECT. Informational answers before it are
    /// skipped, apart from 101.
    pub async fn read_response(&mut self) -> Result<Response> {
        self.read_response_to("GET").await
    }

    /// The next answer to a request with this method, which decides whether it has a body.
    pub async fn read_response_to(&mut self, method: &str) -> Result<Response> {
        answer(&mut self.reader, method, Deadline::after(self.patience)).await
    }

    /// The next head of an answer, an informational one included, without its body.
    pub async fn read_head(&mut self) -> Result<Response> {
        within(self.patience, "a head", head(&mut self.reader)).await?
    }

    /// The bytes that come next, as after an upgrade; empty once the peer closed.
    pub async fn read_some(&mut self) -> Result<Bytes> {
        within(self.patience, "bytes", self.reader.some()).await?
    }

    /// Exactly this many bytes, as after an upgrade.
    pub async fn read_exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        let read = self.reader.body(Framing::Length(length as u64), &mut bytes);
        within(self.patience, "bytes", read).await??;
        Ok(bytes)
    }

    /// Everything up to the end of the connection, and whether that was orderly (not a reset).
    pub async fn read_to_close(&mut self) -> Result<(Vec<u8>, bool)> {
        let mut bytes = Vec::new();
        let read = self.reader.body(Framing::UntilClose, &mut bytes);
        let end = within(self.patience, "the peer to close", read).await?;
        let orderly = end.is_ok();
        Ok((bytes, orderly))
    }

    /// Ends what this side sends and goes on reading.
    pub async fn shutdown_write(&mut self) -> Result<()> {
        Ok(self.write.shutdown().await?)
    }

    /// Closes the connection in order.
    pub fn close(self) {}

    /// Resets the connection: the client that goes away.
    pub fn reset(self) -> Result<()> {
        let stream = self.reader.into_source().reunite(self.write)?;
        // With a linger of zero closing sends RST instead of FIN.
        Ok(stream.set_zero_linger()?)
    }

    /// Sends a request and reads its answer, both at once: an answer may come early.
    pub async fn request(&mut self, request: &Request) -> Result<Response> {
        let deadline = Deadline::after(self.patience);
        let sent = deadline.wait("the peer to take the request", write(&mut self.write, request));
        let read = answer(&mut self.reader, &request.method, deadline);
        let (sent, read) = tokio::join!(async { sent.await? }, read);
        self.half_sent = sent.is_err();
        match (sent, read) {
            (_, Ok(response)) => Ok(response),
            (Ok(()), Err(error)) => Err(error),
            (Err(unsent), Err(error)) => Err(error.context(format!("not all sent: {unsent:#}"))),
        }
    }

    /// Whether the last exchange is over and nothing, the end included, came since.
    pub(super) fn is_idle(&self) -> bool {
        let read = self.reader.source().try_read(&mut [0]);
        let nothing = read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        nothing && !self.half_sent && !self.reader.has_leftover()
    }
}

async fn write(to: &mut OwnedWriteHalf, request: &Request) -> Result<()> {
    let chunked = is_chunked(request);
    let put = |unsent: &mut Vec<u8>, data: &[u8]| match (chunked, data) {
        // An empty chunk would end the body.
        (_, []) => {}
        (true, data) => unsent.extend_from_slice(&http1::chunk(data)),
        (false, data) => unsent.extend_from_slice(data),
    };
    let mut unsent = encode(request);
    match &request.body {
        Body::None => {}
        Body::Whole(body) => put(&mut unsent, body),
        Body::Pieces(pieces) => {
            for (pause, piece) in pieces {
                if !pause.is_zero() {
                    to.write_all(&std::mem::take(&mut unsent)).await?;
                    sleep(*pause).await;
                }
                put(&mut unsent, piece);
                to.write_all(&std::mem::take(&mut unsent)).await?;
            }
        }
    }
    if chunked {
        unsent.extend_from_slice(&http1::last_chunk(&request.trailers));
    }
    Ok(to.write_all(&unsent).await?)
}

async fn answer(reader: &mut Reader<OwnedReadHalf>, method: &str, deadline: Deadline) -> Result<Response> {
    let mut response = deadline.wait("an answer", head(reader)).await??;
    while response.status < 200 && response.status != 101 {
        response = deadline.wait("an answer after an informational one", head(reader)).await??;
    }
    let framing = Framing::of_response(method, response.status, &response.headers)?;
    let read = reader.body(framing, &mut response.body);
    match deadline.wait("the rest", read).await.flatten() {
        Ok(trailers) => Ok(Response { trailers, ..response }),
        Err(error) => bail!(Cut { partial: response, reason: format!("{error:#}") }),
    }
}

async fn head(reader: &mut Reader<OwnedReadHalf>) -> Result<Response> {
    let raw_head = reader.head().await?.context("the connection was closed without an answer")?;
    let head = http1::parse_response(&raw_head)?;
    Ok(Response {
        status: head.status,
        version: head.version,
        headers: head.headers,
        body: Vec::new(),
        trailers: Headers::new(),
        raw_head: raw_head.to_vec(),
    })
}
