// SPDX-License-Identifier: Apache-2.0

mod tls;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use harness::client::{Http1, Http2, Request, Response};
use http::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::*;
use crate::protocol::tests::exchange;
use crate::protocol::{Exchange, Header, write_frame, write_line};

/// Takes everything, unless it is told not to.
#[derive(Default)]
struct Basket {
    taken: Mutex<Vec<Exchange>>,
    refusal: Mutex<Option<Refusal>>,
}

impl Taker for Arc<Basket> {
    async fn take(&self, batch: Vec<Taken>, charge: Charge) -> Result<u64, Refusal> {
        assert!(charge.bytes() > 0 || batch.iter().all(|taken| taken.frame.is_none()));
        if let Some(refusal) = *self.refusal.lock().expect("a lock") {
            return Err(refusal);
        }
        let count = batch.len() as u64;
        self.taken.lock().expect("a lock").extend(batch.into_iter().map(|taken| taken.exchange));
        Ok(count)
    }
}

struct Server {
    address: SocketAddr,
    basket: Arc<Basket>,
    counts: Arc<Counts>,
    budget: Budget,
    stop: Stop,
    task: JoinHandle<()>,
}

impl Server {
    fn start() -> Self {
        Self::with(&TlsOptions::default(), 10_000, 100_000)
    }

    fn with(tls: &TlsOptions, body_bytes: usize, memory: usize) -> Self {
        let basket = Arc::<Basket>::default();
        let (counts, budget) = (Arc::<Counts>::default(), Budget::new(memory));
        let intake = Arc::new(Intake {
            taker: basket.clone(),
            counts: counts.clone(),
            budget: budget.clone(),
            limits: Limits { batch_bytes: 50_000, body_bytes },
            status: StatusCode::OK,
        });
        let config = tls.config().expect("TLS");
        let listeners =
            Listeners::bind(&["127.0.0.1:0".parse().expect("an address")], config).expect("a port");
        let (address, scheme) = (listeners.addresses()[0], listeners.scheme());
        let (stop, stopped): (Stop, watch::Receiver<bool>) = stop();
        let answer = move |request| {
            let intake = intake.clone();
            async move { intake.answer(request, scheme).await }
        };
        let task = tokio::spawn(serve(listeners, answer, stopped));
        Self { address, basket, counts, budget, stop, task }
    }

    fn taken(&self) -> Vec<Exchange> {
        std::mem::take(&mut self.basket.taken.lock().expect("a lock"))
    }

    async fn post(&self, kind: &str, encoding: Option<&str>, body: impl Into<Bytes>) -> Response {
        let request = Request::post("/v1/exchanges", body).header("content-type", kind);
        let request = match encoding {
            Some(encoding) => request.header("content-encoding", encoding),
            None => request,
        };
        Http1::new(self.address).request(request).await.expect("an answer")
    }
}

const PROTOBUF: &str = "application/x-protobuf; delimited=true";

fn frames(numbers: std::ops::Range<u128>) -> Vec<u8> {
    let mut bytes = Vec::new();
    numbers.for_each(|number| write_frame(&exchange(number), &mut bytes));
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).expect("written");
    encoder.finish().expect("compressed")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("compressed")
}

#[tokio::test]
async fn a_copy_over_either_protocol_is_kept_as_it_came() {
    let server = Server::start();
    let request = Request::post("/items?id=1&q=%20", vec![0xff, 0, b'x'])
        .authority("shop.test-shadow:8080")
        .header("x-shadow-mirror", "v2")
        .header("x-a", b"\xff\x80")
        .header("x-a", b"second");
    let http1 = Http1::new(server.address).request(request.clone()).await.expect("an answer");
    let http2 = Http2::new(server.address).request(request).await.expect("an answer");
    assert_eq!((http1.status, http2.status), (200, 200));
    let taken = server.taken();
    for one in &taken {
        let request = one.request.as_ref().expect("a request");
        let length = Header::new("content-length", "3");
        let others: Vec<&Header> = request.headers[4..].iter().filter(|header| **header != length).collect();
        assert_eq!(
            request.headers[..4],
            [
                Header::new(":method", "POST"),
                Header::new(":scheme", "http"),
                Header::new(":authority", "shop.test-shadow:8080"),
                Header::new(":path", "/items?id=1&q=%20"),
            ]
        );
        assert_eq!(
            others,
            [
                &Header::new("x-shadow-mirror", "v2"),
                &Header::new("x-a", &b"\xff\x80"[..]),
                &Header::new("x-a", "second"),
            ]
        );
        assert_eq!((one.mirror.as_str(), &request.body[..]), ("v2", &[0xff, 0, b'x'][..]));
        assert!(one.started_unix_us > 1_700_000_000_000_000 && one.answer.is_none());
    }
    assert_eq!(taken.len(), 2);
    assert_ne!(taken[0].id, taken[1].id);
    assert_eq!(Counts::of(&server.counts.copies), 2);
}

#[tokio::test]
async fn of_a_long_body_the_beginning_is_kept_and_the_rest_is_counted() {
    let server = Server::start();
    let body = vec![b'x'; 30_000];
    let answer = Http2::new(server.address).request(Request::post("/", body)).await.expect("an answer");
    assert_eq!(answer.status, 200);
    let request = server.taken().remove(0).request.expect("a request");
    assert_eq!((request.body.len(), request.body_bytes_not_captured), (10_000, 20_000));
}

#[tokio::test]
async fn a_grpc_copy_has_an_answer_that_its_client_takes() {
    let server = Server::start();
    let request = Request::post("/shop.Items/Get", vec![0; 5]).header("content-type", "application/grpc");
    let answer = Http2::new(server.address).request(request).await.expect("an answer");
    assert_eq!((answer.status, answer.header("grpc-status")), (200, Some("0")));
}

#[tokio::test]
async fn a_batch_is_taken_in_every_spelling_and_encoding() {
    let server = Server::start();
    let plain = frames(0..50);
    let mut lines = b"\n".to_vec();
    (0..50).for_each(|number| write_line(&exchange(number), &mut lines));
    for (kind, encoding, body) in [
        (PROTOBUF, None, plain.clone()),
        ("application/x-protobuf", Some("identity"), plain.clone()),
        (PROTOBUF, Some("gzip"), gzip(&plain)),
        (PROTOBUF, Some("zstd"), zstd(&plain)),
        ("application/x-ndjson", None, lines.clone()),
        ("application/x-ndjson; charset=utf-8", Some("gzip"), gzip(&lines)),
    ] {
        let answer = server.post(kind, encoding, body).await;
        assert_eq!(answer.status, 204, "{kind} {encoding:?} {}", answer.text());
        assert_eq!(server.taken(), (0..50).map(exchange).collect::<Vec<_>>());
    }
    assert_eq!((Counts::of(&server.counts.batches), Counts::of(&server.counts.exchanges)), (6, 300));
    assert_eq!(server.budget.held(), 0);
}

#[tokio::test]
async fn what_can_never_be_taken_is_not_to_be_sent_again() {
    let server = Server::start();
    let plain = frames(0..10);
    let bomb = vec![0; 10_000_000];
    for (kind, encoding, body, status, words) in [
        (PROTOBUF, None, plain[..plain.len() - 1].to_vec(), 400, "ends within"),
        (PROTOBUF, None, b"nonsense".to_vec(), 400, "ends within"),
        (PROTOBUF, None, vec![0; 3], 400, "not an exchange"),
        (PROTOBUF, Some("gzip"), plain.clone(), 400, ""),
        (PROTOBUF, Some("br"), plain.clone(), 415, "content-encoding"),
        ("text/plain", None, plain.clone(), 415, "content-type"),
        ("application/x-ndjson", None, plain.clone(), 400, "not an exchange"),
        (PROTOBUF, Some("zstd"), zstd(&bomb), 413, "too large"),
        (PROTOBUF, Some("gzip"), gzip(&bomb), 413, "too large"),
        (PROTOBUF, None, vec![0; 60_000], 413, "too large"),
    ] {
        let answer = server.post(kind, encoding, body).await;
        assert_eq!(answer.status, status, "{kind} {encoding:?}: {}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    assert_eq!((server.taken(), server.budget.held()), (vec![], 0));
    assert_eq!(Counts::of(&server.counts.malformed), 10);
}

#[tokio::test]
async fn what_is_refused_now_may_come_again() {
    let server = Server::start();
    for refusal in [Refusal::Full, Refusal::Failing] {
        *server.basket.refusal.lock().expect("a lock") = Some(refusal);
        let batch = server.post(PROTOBUF, None, frames(0..3)).await;
        let copy = Http1::new(server.address).get("/").await.expect("an answer");
        for answer in [batch, copy] {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        }
    }
    *server.basket.refusal.lock().expect("a lock") = None;
    assert_eq!(server.post(PROTOBUF, None, frames(0..3)).await.status, 204);
    assert_eq!((server.taken().len(), Counts::of(&server.counts.refused)), (3, 4));
}

#[tokio::test]
async fn what_is_under_way_has_a_bound_in_memory() {
    let server = Server::with(&TlsOptions::default(), 40_000, 50_000);
    let body = || vec![b'x'; 40_000];
    let slow = Request::post("/slow", Bytes::new()).header("x", "y");
    let slow = Request { body: harness::client::Body::None, ..slow };
    let slow = slow.piece(body()).piece_after(std::time::Duration::from_millis(300), "end");
    let client = Http1::new(server.address);
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.request(slow).await }
    });
    while server.budget.held() < 40_000 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    let refused = client.request(Request::post("/second", body())).await.expect("an answer");
    assert_eq!(refused.status, 503);
    assert_eq!(slow.await.expect("a task").expect("an answer").status, 200);
    assert_eq!(client.request(Request::post("/third", body())).await.expect("an answer").status, 200);
    assert_eq!(server.budget.held(), 0);
}

#[tokio::test]
async fn a_service_may_have_the_path_of_batches_itself() {
    let server = Server::start();
    let copy = Request::post("/v1/exchanges", "{}")
        .header("content-type", "application/json")
        .header("x-shadow-mirror", "v2");
    let answer = Http1::new(server.address).request(copy).await.expect("an answer");
    let get = Http1::new(server.address).get("/v1/exchanges").await.expect("an answer");
    assert_eq!((answer.status, get.status, server.taken().len()), (200, 200, 2));
}

#[tokio::test]
async fn at_the_end_requests_under_way_are_answered() {
    let server = Server::start();
    let slow = Request::post("/", Bytes::new());
    let slow = Request { body: harness::client::Body::None, ..slow };
    let slow = slow.piece("a").piece_after(std::time::Duration::from_millis(200), "b");
    let client = Http2::new(server.address);
    let asked = tokio::spawn(async move { client.request(slow).await });
    while server.budget.held() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    server.stop.now();
    assert_eq!(asked.await.expect("a task").expect("an answer").status, 200);
    server.task.await.expect("the server ends");
}
