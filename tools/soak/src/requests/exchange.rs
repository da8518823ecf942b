// SPDX-License-Identifier: Apache-2.0
//! Holding one exchange on one side, and what both ends saw of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::{Bytes, BytesMut};
use harness::client::{Http2, Raw};
use harness::recording::Recorded;
use tokio::time::sleep;

use super::case::{Case, Ending, ID, Payload, trailers};
use super::rig::Side;
use super::seen::{failed, request, response};

const PATIENCE: Duration = Duration::from_secs(8);
/// For what was sent to arrive, before a client goes away.
const BEFORE_LEAVING: Duration = Duration::from_millis(10);

/// What the client saw. Not being able to send an exchange is a way to see it.
pub async fn hold(side: &Side, http2: &Http2, case: &Case, id: u64) -> Vec<String> {
    let seen = match case.http2 {
        true => over_http2(http2, case, id).await,
        false => over_http1(side, case, id).await,
    };
    seen.unwrap_or_else(|error| vec![failed(&error)])
}

/// What the primary saw, and how many requests it saw.
pub fn primary_saw(side: &Side, id: u64) -> Vec<String> {
    let id = id.to_string();
    let mut all: Vec<Arc<Recorded>> = side.primary.requests();
    all.retain(|request| request.header_bytes(ID) == Some(id.as_bytes()));
    all.iter().map(|one| request(one)).collect()
}

async fn over_http1(side: &Side, case: &Case, id: u64) -> Result<Vec<String>> {
    let mut client = Raw::connect(side.address).await?;
    client.set_patience(PATIENCE);
    // An Envoy that answers early and closes does not take the rest; what it answers is what counts.
    send(&mut client, case, id).await.ok();
    match case.ending {
        Ending::Whole => {}
        Ending::HalfClosed => client.shutdown_write().await?,
        Ending::LeavesAfterHead | Ending::LeavesInBody | Ending::LeavesBeforeAnswer => {
            sleep(BEFORE_LEAVING).await;
            client.reset()?;
            return Ok(Vec::new());
        }
    }
    let mut seen = vec![response(&client.read_response_to(&case.method).await)];
    for _ in 0..case.pipelined {
        seen.push(response(&client.read_response_to("GET").await));
    }
    if case.ending == Ending::Whole {
        // Whether the connection goes on is part of what a client sees.
        let after = format!("GET /after HTTP/1.1\r\nhost: a.test\r\n{ID}: {id}\r\n\r\n");
        client.send(after).await.ok();
        seen.push(response(&client.read_response().await));
    }
    Ok(seen)
}

async fn send(client: &mut Raw, case: &Case, id: u64) -> Result<()> {
    let pieces = case.body.pieces();
    let until = match case.ending {
        Ending::LeavesAfterHead => 0,
        Ending::LeavesInBody => pieces.len() / 2,
        _ => pieces.len(),
    };
    let mut unsent = BytesMut::from(&*head(case, id));
    for piece in pieces.iter().take(until) {
        if piece.pause > 0 {
            client.send(unsent.split()).await?;
            sleep(piece.pause()).await;
        }
        let bytes = piece.bytes();
        match case.body {
            // An empty chunk would be the end.
            Payload::Chunked(_) if bytes.is_empty() => {}
            Payload::Chunked(_) => {
                unsent.extend_from_slice(format!("{:x}\r\n", bytes.len()).as_bytes());
                unsent.extend_from_slice(&bytes);
                unsent.extend_from_slice(b"\r\n");
            }
            Payload::None | Payload::Length(_) => unsent.extend_from_slice(&bytes),
        }
        client.send(unsent.split()).await?;
    }
    if matches!(case.body, Payload::Chunked(_)) && until == pieces.len() {
        unsent.extend_from_slice(b"0\r\n");
        for (name, value) in &case.trailers {
            line(&mut unsent, name, value);
        }
        unsent.extend_from_slice(b"\r\n");
    }
    for number in 0..case.pipelined {
        let next = format!("GET /next/{number} HTTP/1.1\r\nhost: a.test\r\n{ID}: {id}\r\n\r\n");
        unsent.extend_from_slice(next.as_bytes());
    }
    client.send(unsent).await
}

pub fn head(case: &Case, id: u64) -> Bytes {
    let mut head = BytesMut::from(case.method.as_bytes());
    head.extend_from_slice(b" ");
    head.extend_from_slice(&case.target);
    head.extend_from_slice(b" HTTP/1.1\r\nhost: a.test\r\n");
    for (name, value) in case.headers_with(id) {
        line(&mut head, &String::from_utf8_lossy(&name), &value);
    }
    match &case.body {
        Payload::None => {}
        Payload::Length(pieces) => {
            let length: usize = pieces.iter().map(|piece| piece.bytes().len()).sum();
            line(&mut head, "content-length", length.to_string().as_bytes());
        }
        Payload::Chunked(_) => line(&mut head, "transfer-encoding", b"chunked"),
    }
    head.extend_from_slice(b"\r\n");
    head.freeze()
}

fn line(to: &mut BytesMut, name: &str, value: &[u8]) {
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

async fn over_http2(client: &Http2, case: &Case, id: u64) -> Result<Vec<String>> {
    if matches!(case.ending, Ending::Whole | Ending::HalfClosed) {
        return Ok(vec![response(&client.request(case.request(id)).await)]);
    }
    let mut stream = client.start(&case.request(id)).await?;
    let pieces = case.body.pieces();
    let until = match case.ending {
        Ending::LeavesAfterHead => 0,
        Ending::LeavesInBody => pieces.len() / 2,
        _ => pieces.len(),
    };
    for piece in pieces.iter().take(until) {
        stream.send(piece.bytes()).await?;
    }
    if case.ending == Ending::LeavesBeforeAnswer {
        stream.finish(&trailers(&case.trailers))?;
    }
    sleep(BEFORE_LEAVING).await;
    stream.reset(8);
    Ok(Vec::new())
}

/// For the connection of a client to an Envoy that serves.
pub fn http2(side: &Side) -> Http2 {
    Http2::new(side.address).patience(PATIENCE)
}

/// An error unless an Envoy answers at all.
pub async fn serves(side: &Side) -> Result<()> {
    let answer = harness::client::Http1::new(side.address).get("/serves").await?;
    ensure!(answer.status == 200, "Envoy answers {}", answer.status);
    Ok(())
}
