// SPDX-License-Identifier: Apache-2.0
//! The client that waits: one kept-alive connection, one request after the other at a steady rate, on a thread of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::setpriority_process;
use serde::Serialize;

/// Between two requests.
const STEP: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(5);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: probe.test\r\n\r\n";
/// What the listener answers.
pub const ANSWER: &str = "here";

/// In milliseconds, from when a request was due.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Waits {
    pub count: usize,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

pub async fn wait(address: SocketAddr, length: Duration) -> Result<Waits> {
    tokio::task::spawn_blocking(move || {
        let measuring = thread::Builder::new().name("probe".into()).spawn(move || ask(address, length))?;
        measuring.join().map_err(|_| anyhow::anyhow!("the probe panicked"))?
    })
    .await?
}

fn ask(address: SocketAddr, length: Duration) -> Result<Waits> {
    // Others on its processor shall not keep it waiting. Where that is not allowed, they do in every case.
    setpriority_process(None, -15).ok();
    let mut connection = TcpStream::connect(address)?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let mut waits = Vec::new();
    let start = Instant::now();
    let mut due = start;
    while due < start + length && start.elapsed() < length {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        connection.write_all(REQUEST)?;
        answered(&mut connection)?;
        waits.push(due.elapsed());
        due += STEP;
    }
    waits.sort_unstable();
    let at = |share: f64| {
        let index = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
        waits.get(index).map_or(f64::NAN, |wait| wait.as_secs_f64() * 1_000.0)
    };
    Ok(Waits { count: waits.len(), p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0) })
}

fn answered(connection: &mut TcpStream) -> Result<()> {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    let end = format!("\r\n\r\n{ANSWER}");
    while !answer.ends_with(end.as_bytes()) {
        let read = connection.read(&mut piece).context("wait for the answer to the probe")?;
        ensure!(read > 0, "Envoy closed the probe's connection");
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    Ok(())
}
