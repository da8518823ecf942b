// SPDX-License-Identifier: Apache-2.0
//! A tonic server that answers each message, and keeps what it was called with. Written by hand: generated code needs
//! protoc, and the messages are plain strings.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use harness::recording::PATIENCE;
use http::HeaderMap;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::server::{Grpc, StreamingService};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_prost::ProstCodec;

/// One call as the server had it, complete.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    pub headers: HeaderMap,
    pub messages: Vec<String>,
}

/// A server that ends with its handle.
pub struct Echo {
    address: SocketAddr,
    server: Arc<Server>,
    ended: tokio::sync::Mutex<mpsc::UnboundedReceiver<Call>>,
    _task: JoinSet<()>,
}

struct Server {
    name: &'static str,
    failure: Mutex<Option<Code>>,
    calls: Mutex<Vec<Call>>,
    ended: mpsc::UnboundedSender<Call>,
}

/// What a server of this name answers to a complete call.
pub fn answer(name: &str, path: &str, messages: &[&str]) -> Vec<String> {
    let answers = messages.iter().flat_map(|message| answers(name, path, message));
    answers.collect()
}

fn answers(name: &str, path: &str, message: &str) -> Vec<String> {
    let count = if path.ends_with("/ServerStreaming") { 10 } else { 1 };
    (0..count).map(|index| format!("{name} {index} {message}")).collect()
}

impl Echo {
    pub async fn start(name: &'static str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (ended, calls) = mpsc::unbounded_channel();
        let server = Arc::new(Server { name, failure: Mutex::default(), calls: Mutex::default(), ended });
        let mut task = JoinSet::new();
        task.spawn(accept(listener, server.clone()));
        Ok(Self { address, server, ended: calls.into(), _task: task })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends calls with this code from now on, and with a trailer.
    pub fn fail_with(&self, code: Code) {
        *self.server.failure.lock().unwrap() = Some(code);
    }

    /// The calls that ended.
    pub fn calls(&self) -> Vec<Call> {
        self.server.calls.lock().unwrap().clone()
    }

    /// Waits for the next call that ends.
    pub async fn called(&self) -> Result<Call> {
        let mut ended = self.ended.lock().await;
        let call = timeout(PATIENCE, ended.recv()).await;
        call.with_context(|| format!("{} was not called", self.server.name))?.context("the server is gone")
    }
}

async fn accept(listener: TcpListener, server: Arc<Server>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let server = server.clone();
        let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
            let head = (request.uri().path().to_owned(), request.headers().clone());
            let one = OneCall { server: server.clone(), path: head.0, headers: head.1 };
            async move {
                let mut grpc = Grpc::new(ProstCodec::<String, String>::default());
                Ok::<_, Infallible>(grpc.streaming(one, request).await)
            }
        });
        // A connection that breaks ends with its test.
        connections
            .spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
    }
}

struct OneCall {
    server: Arc<Server>,
    path: String,
    headers: HeaderMap,
}

type Answers = UnboundedReceiverStream<Result<String, Status>>;
type Opening = Pin<Box<dyn Future<Output = Result<Response<Answers>, Status>> + Send>>;

impl StreamingService<String> for OneCall {
    type Response = String;
    type ResponseStream = Answers;
    type Future = Opening;

    fn call(&mut self, request: Request<Streaming<String>>) -> Opening {
        let (answer, answers) = mpsc::unbounded_channel();
        let Self { server, path, headers } = self;
        let (server, path, headers) = (server.clone(), path.clone(), headers.clone());
        // On a task of its own, so that the answer begins before the request has ended.
        tokio::spawn(async move { server.serve(path, headers, request.into_inner(), answer).await });
        Box::pin(async { Ok(Response::new(UnboundedReceiverStream::new(answers))) })
    }
}

impl Server {
    async fn serve(
        &self,
        path: String,
        headers: HeaderMap,
        mut stream: impl Stream<Item = Result<String, Status>> + Unpin,
        answer: mpsc::UnboundedSender<Result<String, Status>>,
    ) {
        let mut messages = Vec::new();
        while let Some(Ok(message)) = stream.next().await {
            for line in answers(self.name, &path, &message) {
                // The caller may be gone; what it sent counts all the same.
                let _ = answer.send(Ok(line));
            }
            messages.push(message);
        }
        let call = Call { path, headers, messages };
        self.calls.lock().unwrap().push(call.clone());
        let _ = self.ended.send(call);
        if let Some(code) = *self.failure.lock().unwrap() {
            let mut status = Status::new(code, format!("{} fails", self.name));
            status.metadata_mut().insert("x-trailer", self.name.parse().unwrap());
            let _ = answer.send(Err(status));
        }
    }
}
