// SPDX-License-Identifier: Apache-2.0
//! One HTTP/2 connection of an upstream: each stream on its own task, and the connection's task
//! for what only it can do (GOAWAY, breaking the connection, bytes that are no frames).

use std::{future::poll_fn, io::Write as _, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use bytes::Bytes;
use h2::{
    Reason, RecvStream, SendStream,
    server::{Builder, Connection, SendResponse},
};
use http::{Method, Request, Response, StatusCode, request::Parts};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::sleep};

use super::{
    BREAK_AFTER, Shared,
    reply::{Act, Answer, Cut, Reply},
};
use crate::{
    recording::Recorded,
    wire::{
        Headers,
        http2::{
            CONNECTION_WINDOW, MAX_RESET_STREAMS, STREAM_WINDOW, finish, read_body, read_data, send,
            to_headers, to_map,
        },
        named,
    },
};

/// Streams that one client may have open; more than any test needs.
const MAX_STREAMS: u32 = 4096;
const MAX_HEADER_BYTES: u32 = 16 << 20;

pub(super) async fn serve(stream: TcpStream, id: u64, shared: Arc<Shared>) -> Result<()> {
    let stream = stream.into_std()?;
    // A second handle, for what `h2` does not do: resets and bytes that are no frames.
    let socket = stream.try_clone()?;
    let mut connection = builder()
        .handshake(TcpStream::from_std(stream)?)
        .await
        .inspect_err(|error| shared.recording.fault(format!("HTTP/2 handshake: {error}")))?;
    let (orders, mut ordered) = mpsc::unbounded_channel();
    let mut streams = JoinSet::new();
    loop {
        tokio::select! {
            accepted = connection.accept() => match accepted {
                Some(Ok((request, respond))) => {
                    shared.recording.start();
                    let shared = shared.clone();
                    streams.spawn(exchange(request, respond, id, shared, orders.clone()));
                }
                Some(Err(_)) | None => break,
            },
            Some(order) = ordered.recv() => {
                if !obey(order, &mut connection, &socket)? {
                    break;
                }
            }
            Some(_) = streams.join_next() => {}
        }
    }
    drop(connection);
    drop(socket);
    // Streams notice, and record requests that are cut.
    while streams.join_next().await.is_some() {}
    Ok(())
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .max_concurrent_reset_streams(MAX_RESET_STREAMS)
        .max_pending_accept_reset_streams(MAX_RESET_STREAMS)
        .max_local_error_reset_streams(None)
        .enable_connect_protocol();
    builder
}

/// What a stream asks of its connection.
enum Order {
    Reset,
    Close,
    Inject(Bytes),
    GoAway(u32),
    /// GOAWAY, then the streams that are open end in peace.
    Wind,
}

type Orders = mpsc::UnboundedSender<Order>;

/// Whether the connection goes on.
fn obey(
    order: Order,
    connection: &mut Connection<TcpStream, Bytes>,
    socket: &std::net::TcpStream,
) -> Result<bool> {
    match order {
        Order::Reset => {
            // With a linger of zero closing sends RST instead of FIN.
            socket2::SockRef::from(socket).set_linger(Some(std::time::Duration::ZERO))?;
            return Ok(false);
        }
        Order::Close => return Ok(false),
        Order::Inject(bytes) => (&*socket).write_all(&bytes)?,
        Order::GoAway(code) => connection.abrupt_shutdown(Reason::from(code)),
        Order::Wind => connection.graceful_shutdown(),
    }
    Ok(true)
}

async fn exchange(
    request: Request<RecvStream>,
    respond: SendResponse<Bytes>,
    id: u64,
    shared: Arc<Shared>,
    orders: Orders,
) -> Result<()> {
    let (head, mut receive) = request.into_parts();
    let mut request = record(&head, id);
    let mut answer = Answering { respond, orders, head_only: head.method == Method::HEAD };
    if head.method == Method::CONNECT {
        request.complete = true;
        let reply = shared.record(request);
        if matches!(reply.act, Act::SwitchProtocols) {
            return answer.echo(receive).await;
        }
        return answer.perform(reply).await;
    }
    let early = shared.early(&request);
    let reading = async {
        let read = read_body(&mut receive, &mut request.body).await;
        request.ended_at = Instant::now();
        request.complete = read.is_ok();
        request.trailers = read.unwrap_or_default();
        request
    };
    if let Some(reply) = early {
        let (request, answered) = tokio::join!(reading, answer.perform(reply));
        shared.recording.push(request.into());
        return answered;
    }
    let request = reading.await;
    if !request.complete {
        shared.recording.push(request.into());
        return Ok(());
    }
    let reply = shared.record(request);
    answer.perform(reply).await
}

fn record(head: &Parts, connection: u64) -> Recorded {
    let arrived_at = Instant::now();
    let headers = to_headers(&head.headers);
    let authority = head.uri.authority().map(ToString::to_string);
    let host = named(&headers, "host").next();
    let host = host.map(|host| String::from_utf8_lossy(host).into_owned());
    let path = head.uri.path_and_query().map(ToString::to_string);
    let protocol = head.extensions.get::<h2::ext::Protocol>();
    Recorded {
        method: head.method.to_string(),
        path: path.or_else(|| authority.clone()).unwrap_or_default(),
        authority: authority.or(host),
        scheme: head.uri.scheme_str().map(str::to_owned),
        protocol: protocol.map(|protocol| protocol.as_str().to_owned()),
        version: http::Version::HTTP_2,
        headers,
        body: Vec::new(),
        trailers: Headers::new(),
        raw_head: Vec::new(),
        complete: false,
        connection,
        arrived_at,
        ended_at: arrived_at,
    }
}

/// The answering half of one stream.
struct Answering {
    respond: SendResponse<Bytes>,
    orders: Orders,
    head_only: bool,
}

impl Answering {
    async fn perform(&mut self, reply: Reply) -> Result<()> {
        // Tokio's timer takes a millisecond for nothing.
        if !reply.delay.is_zero() {
            sleep(reply.delay).await;
        }
        match reply.act {
            Act::Answer(answer) => return self.send(&answer).await,
            Act::ResetStream(code) => self.respond.send_reset(Reason::from(code)),
            Act::Hang => self.until_reset().await,
            Act::Reset => self.order(Order::Reset).await,
            Act::Close => self.order(Order::Close).await,
            Act::Raw(bytes) => self.order(Order::Inject(bytes)).await,
            Act::GoAway(code) => self.order(Order::GoAway(code)).await,
            Act::SwitchProtocols => {
                let agreed = Reply::status(200).chunked().stall_after(0);
                return Box::pin(self.perform(agreed)).await;
            }
        }
        Ok(())
    }

    async fn send(&mut self, answer: &Answer) -> Result<()> {
        let empty = answer.content.len() == 0 && answer.trailers.is_empty();
        let head_only = self.head_only || (empty && answer.cut.is_none());
        let mut stream = self.respond.send_response(head(answer)?, head_only)?;
        if !head_only {
            for piece in answer.pieces() {
                if !answer.gap.is_zero() {
                    sleep(answer.gap).await;
                }
                send(&mut stream, piece).await?;
            }
            if let Some((_, cut)) = answer.cut {
                self.cut_off(&mut stream, cut).await;
                return Ok(());
            }
            finish(&mut stream, &answer.trailers)?;
        }
        if answer.last {
            let _ = self.orders.send(Order::Wind);
        }
        Ok(())
    }

    async fn cut_off(&mut self, stream: &mut SendStream<Bytes>, cut: Cut) {
        if !matches!(cut, Cut::Stall) {
            // Also because `h2` forgets what is queued when it resets a stream.
            sleep(BREAK_AFTER).await;
        }
        match cut {
            Cut::Stall => {
                let _ = poll_fn(|context| stream.poll_reset(context)).await;
            }
            Cut::Close => self.order(Order::Close).await,
            Cut::Reset => self.order(Order::Reset).await,
            Cut::ResetStream(code) => stream.send_reset(Reason::from(code)),
        }
    }

    async fn echo(&mut self, mut receive: RecvStream) -> Result<()> {
        let agreed = Response::builder().status(StatusCode::OK).body(())?;
        let mut stream = self.respond.send_response(agreed, false)?;
        while let Some(data) = read_data(&mut receive).await? {
            send(&mut stream, data).await?;
        }
        finish(&mut stream, &Headers::new())
    }

    /// Leaves the stream as it is until the connection has done what was asked.
    async fn order(&mut self, order: Order) {
        if self.orders.send(order).is_ok() {
            self.until_reset().await;
        }
    }

    async fn until_reset(&mut self) {
        let _ = poll_fn(|context| self.respond.poll_reset(context)).await;
    }
}

fn head(answer: &Answer) -> Result<Response<()>> {
    let status = StatusCode::from_u16(answer.status)
        .with_context(|| format!("{} is no status that HTTP/2 can carry", answer.status))?;
    let mut headers = to_map(&answer.headers)?;
    if !answer.chunked && !headers.contains_key("content-length") && status != 204 {
        headers.insert("content-length", answer.content.len().into());
    }
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}
