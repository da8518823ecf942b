// SPDX-License-Identifier: Apache-2.0
//! One HTTP/2 stream, step by step.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream, client::ResponseFuture};

use crate::{
    client::{Cut, Deadline, Response, within},
    wire::{Headers, http2},
};

/// One stream whose head was sent. Dropped before its end, it is reset.
pub struct Stream {
    sending: Sending,
    receiving: Receiving,
    patience: Duration,
}

impl Stream {
    pub(super) fn new(stream: SendStream<Bytes>, response: ResponseFuture, patience: Duration) -> Self {
        Self { sending: Sending(stream), receiving: Receiving::Awaited(response), patience }
    }

    pub async fn send(&mut self, data: impl Into<Bytes>) -> Result<()> {
        let sent = self.sending.send(data.into());
        within(self.patience, "the peer to take data", sent).await?
    }

    /// Ends the request, with trailers if there are any.
    pub fn finish(&mut self, trailers: &Headers) -> Result<()> {
        self.sending.finish(trailers)
    }

    /// RST_STREAM with this error code: the client that goes away.
    pub fn reset(mut self, code: u32) {
        self.sending.0.send_reset(Reason::from(code));
    }

    /// The head of the answer, whose body comes by [`Stream::receive`].
    pub async fn head(&mut self) -> Result<Response> {
        within(self.patience, "an answer's head", self.receiving.head()).await?
    }

    /// The next part of the answer's body; `None` at its end.
    pub async fn receive(&mut self) -> Result<Option<Bytes>> {
        within(self.patience, "an answer's body", self.receiving.data()).await?
    }

    /// The whole answer, if nothing of it was taken yet. One that broke off is the error [`Cut`].
    pub async fn response(self) -> Result<Response> {
        let deadline = Deadline::after(self.patience);
        let (_sending, receiving) = self.split();
        receiving.response(deadline).await
    }

    pub(super) fn split(self) -> (Sending, Receiving) {
        (self.sending, self.receiving)
    }
}

pub(super) struct Sending(SendStream<Bytes>);

impl Sending {
    pub(super) async fn send(&mut self, data: Bytes) -> Result<()> {
        http2::send(&mut self.0, data).await
    }

    pub(super) async fn send_last(&mut self, data: Bytes) -> Result<()> {
        http2::send_last(&mut self.0, data).await
    }

    pub(super) fn finish(&mut self, trailers: &Headers) -> Result<()> {
        http2::finish(&mut self.0, trailers)
    }
}

pub(super) enum Receiving {
    Awaited(ResponseFuture),
    Open(RecvStream),
}

impl Receiving {
    pub(super) async fn response(mut self, deadline: Deadline) -> Result<Response> {
        let mut response = deadline.wait("an answer", self.head()).await??;
        let read = http2::read_body(self.body()?, &mut response.body);
        match deadline.wait("the rest", read).await.flatten() {
            Ok(trailers) => Ok(Response { trailers, ..response }),
            Err(error) => bail!(Cut { partial: response, reason: format!("{error:#}") }),
        }
    }

    async fn head(&mut self) -> Result<Response> {
        let Self::Awaited(response) = self else {
            bail!("the answer's head was taken before");
        };
        let (head, body) = response.await.context("no answer")?.into_parts();
        *self = Self::Open(body);
        Ok(Response {
            status: head.status.as_u16(),
            version: http::Version::HTTP_2,
            headers: http2::to_headers(&head.headers),
            body: Vec::new(),
            trailers: Headers::new(),
            raw_head: Vec::new(),
        })
    }

    async fn data(&mut self) -> Result<Option<Bytes>> {
        http2::read_data(self.body()?).await
    }

    fn body(&mut self) -> Result<&mut RecvStream> {
        match self {
            Self::Awaited(_) => bail!("take the answer's head before its body"),
            Self::Open(body) => Ok(body),
        }
    }
}
