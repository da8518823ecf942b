// SPDX-License-Identifier: Apache-2.0
//! One HTTP/1.1 connection of an upstream, written byte by byte so that it can also do what a
//! server library would refuse.

use std::time::Instant;

use anyhow::{Result, anyhow};
use bytes::Bytes;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::sleep,
};

use super::{
    BREAK_AFTER, Shared,
    reply::{Act, Answer, Cut, Reply},
};
use crate::{
    recording::Recorded,
    wire::{
        Headers,
        http1::{self, Framing, Reader},
        named,
    },
};

pub(super) async fn serve(stream: TcpStream, id: u64, shared: &Shared) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    loop {
        let Some(raw_head) = reader.head().await? else {
            return Ok(());
        };
        let (request, framing) = match parse(&raw_head, id) {
            Ok(parsed) => parsed,
            Err(fault) => {
                shared.recording.fault(format!("{fault:#}"));
                write.write_all(BAD_REQUEST).await?;
                return Ok(());
            }
        };
        shared.recording.start();
        match exchange(&mut reader, &mut write, request, framing, shared).await? {
            Next::Request => {}
            Next::Close | Next::CloseNow => return Ok(()),
            Next::Reset => return reset(reader, write),
            Next::Hang => {
                reader.drain().await;
                return Ok(());
            }
            Next::Echo => return echo(reader, write).await,
        }
    }
}

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What becomes of the connection after a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Request,
    /// After the rest of the request was read.
    Close,
    CloseNow,
    Reset,
    /// Open, and silent, until the peer closes.
    Hang,
    Echo,
}

fn parse(raw_head: &Bytes, connection: u64) -> Result<(Recorded, Framing)> {
    let arrived_at = Instant::now();
    let head = http1::parse_request(raw_head)?;
    let framing = Framing::of_request(&head.headers)?;
    let authority = named(&head.headers, "host").next();
    let request = Recorded {
        authority: authority.map(|host| String::from_utf8_lossy(host).into_owned()),
        method: head.method,
        path: head.path,
        scheme: None,
        protocol: None,
        version: head.version,
        headers: head.headers,
        body: Vec::new(),
        trailers: Headers::new(),
        raw_head: raw_head.to_vec(),
        complete: false,
        connection,
        arrived_at,
        ended_at: arrived_at,
    };
    Ok((request, framing))
}

async fn exchange(
    reader: &mut Reader<OwnedReadHalf>,
    write: &mut OwnedWriteHalf,
    mut request: Recorded,
    framing: Framing,
    shared: &Shared,
) -> Result<Next> {
    let asked = Asked::of(&request);
    if let Some(reply) = shared.early(&request) {
        let mut body = Vec::new();
        let mut read = None;
        let reading = async {
            read = Some(reader.body(framing, &mut body).await);
            Ok(())
        };
        let answering = async {
            match perform(write, &asked, reply).await {
                Ok(next @ (Next::CloseNow | Next::Reset)) => Err(next),
                Ok(next) => Ok(next),
                // Whom nobody listens to any more need not be heard out either.
                Err(_) => Err(Next::CloseNow),
            }
        };
        let (Ok(((), next)) | Err(next)) = tokio::try_join!(reading, answering);
        request.body = body;
        let read = read.unwrap_or_else(|| Err(anyhow!("answered by a break")));
        // If it was cut, the next read of the connection says so again.
        let _ = end(&mut request, read);
        shared.recording.push(request.into());
        return Ok(next);
    }
    if named(&request.headers, "expect").any(|value| value == b"100-continue") {
        write.write_all(CONTINUE).await?;
    }
    let read = reader.body(framing, &mut request.body).await;
    if let Err(cut) = end(&mut request, read) {
        shared.recording.push(request.into());
        return Err(cut);
    }
    let reply = shared.record(request);
    perform(write, &asked, reply).await
}

fn end(request: &mut Recorded, read: Result<Headers>) -> Result<()> {
    request.ended_at = Instant::now();
    request.trailers = read?;
    request.complete = true;
    Ok(())
}

/// What the form of an answer depends on.
struct Asked {
    method: String,
    upgrade: Option<Vec<u8>>,
    last: bool,
}

impl Asked {
    fn of(request: &Recorded) -> Self {
        let closes = named(&request.headers, "connection").any(|value| value.eq_ignore_ascii_case(b"close"));
        Self {
            method: request.method.clone(),
            upgrade: request.header_bytes("upgrade").map(<[u8]>::to_vec),
            last: closes || request.version == http::Version::HTTP_10,
        }
    }
}

async fn perform(write: &mut OwnedWriteHalf, asked: &Asked, reply: Reply) -> Result<Next> {
    // Tokio's timer takes a millisecond for nothing.
    if !reply.delay.is_zero() {
        sleep(reply.delay).await;
    }
    match reply.act {
        Act::Answer(answer) => send(write, asked, &answer).await,
        Act::Hang => Ok(Next::Hang),
        Act::Reset | Act::ResetStream(_) => Ok(Next::Reset),
        Act::Close | Act::GoAway(_) => Ok(Next::CloseNow),
        Act::Raw(bytes) => {
            write.write_all(&bytes).await?;
            Ok(Next::Request)
        }
        Act::SwitchProtocols => {
            write.write_all(&switching(asked)).await?;
            Ok(Next::Echo)
        }
    }
}

async fn send(write: &mut OwnedWriteHalf, asked: &Asked, answer: &Answer) -> Result<Next> {
    let bodyless = http1::bodyless(&asked.method, answer.status);
    let chunked = answer.chunked && !bodyless;
    let mut unsent = head(answer, chunked);
    if !bodyless {
        for piece in answer.pieces() {
            if !answer.gap.is_zero() {
                write.write_all(&std::mem::take(&mut unsent)).await?;
                sleep(answer.gap).await;
            }
            if chunked {
                unsent.extend_from_slice(&http1::chunk(&piece));
            } else {
                unsent.extend_from_slice(&piece);
            }
            write.write_all(&std::mem::take(&mut unsent)).await?;
        }
        if let Some((_, cut)) = answer.cut {
            write.write_all(&unsent).await?;
            return Ok(cut_off(cut).await);
        }
    }
    if chunked {
        unsent.extend_from_slice(&http1::last_chunk(&answer.trailers));
    }
    write.write_all(&unsent).await?;
    Ok(if answer.last || asked.last { Next::Close } else { Next::Request })
}

async fn cut_off(cut: Cut) -> Next {
    match cut {
        Cut::Stall => Next::Hang,
        Cut::Close => Next::CloseNow,
        Cut::Reset | Cut::ResetStream(_) => {
            sleep(BREAK_AFTER).await;
            Next::Reset
        }
    }
}

/// The head of an answer; what its headers say about framing is believed.
fn head(answer: &Answer, chunked: bool) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown");
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", answer.status).into_bytes();
    for (name, value) in &answer.headers {
        http1::write_header(&mut head, name, value);
    }
    let framed = ["content-length", "transfer-encoding"]
        .iter()
        .any(|name| named(&answer.headers, name).next().is_some());
    if chunked && named(&answer.headers, "transfer-encoding").next().is_none() {
        http1::write_header(&mut head, b"transfer-encoding", b"chunked");
    } else if !framed && !answer.chunked && answer.status >= 200 && answer.status != 204 {
        let length = answer.content.len().to_string();
        http1::write_header(&mut head, b"content-length", length.as_bytes());
    }
    if answer.last {
        http1::write_header(&mut head, b"connection", b"close");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn switching(asked: &Asked) -> Vec<u8> {
    if asked.method == "CONNECT" {
        return b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    }
    let mut head = b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n".to_vec();
    let protocol = asked.upgrade.as_deref().unwrap_or(b"echo");
    http1::write_header(&mut head, b"upgrade", protocol);
    head.extend_from_slice(b"\r\n");
    head
}

async fn echo(mut reader: Reader<OwnedReadHalf>, mut write: OwnedWriteHalf) -> Result<()> {
    loop {
        let bytes = reader.some().await?;
        if bytes.is_empty() {
            return Ok(());
        }
        write.write_all(&bytes).await?;
    }
}

fn reset(reader: Reader<OwnedReadHalf>, write: OwnedWriteHalf) -> Result<()> {
    let stream = reader.into_source().reunite(write)?;
    // With a linger of zero closing sends RST instead of FIN.
    stream.set_zero_linger()?;
    Ok(())
}
