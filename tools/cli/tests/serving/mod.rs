// SPDX-License-Identifier: Apache-2.0
//! The program as a process that serves, and what it left in its files.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use collect::files::{Input, Reader};
use collect::protocol::{Exchange, Header, Request, write_frame};
use harness::process::Process;
use rustix::process::{Pid, Signal, kill_process};

/// Builds included: a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Program {
    pub process: Process,
    /// The first that it serves.
    pub address: SocketAddr,
}

impl Program {
    /// Starts a subcommand that serves, and waits until it does.
    pub async fn start(arguments: &[&str]) -> Result<Self> {
        let mut command = Command::new(option_env!("CARGO_BIN_EXE_shadow-filter").context("no program")?);
        command.args(arguments);
        Self::of(command).await
    }

    pub async fn of(command: Command) -> Result<Self> {
        let mut process = Process::spawn(command)?;
        let address = process.await_in_log(PATIENCE, first_address).await?;
        Ok(Self { process, address })
    }

    /// Ends it as an operator does, and says what it wrote.
    pub async fn end(mut self) -> Result<String> {
        let status = self.process.terminate(PATIENCE).await?.context("it does not end")?;
        let said = self.process.log().text();
        ensure!(status.success(), "{status}: {said}");
        Ok(said)
    }

    /// Ends it as the kernel does that has no memory left.
    pub async fn kill(mut self) -> Result<()> {
        let pid = i32::try_from(self.process.pid()).ok().and_then(Pid::from_raw).context("a pid")?;
        kill_process(pid, Signal::KILL)?;
        self.process.await_end(PATIENCE).await?.context("it does not end").map(drop)
    }
}

fn first_address(log: &str) -> Option<SocketAddr> {
    let (_, rest) = log.split_once("://")?;
    rest.split_whitespace().next()?.parse().ok()
}

/// Every exchange that is in the files, in their order.
pub fn kept(place: &Path) -> Result<Vec<Exchange>> {
    let mut all = Vec::new();
    for input in Input::of(place)? {
        for exchange in Reader::open(&input)? {
            all.push(exchange.with_context(|| input.name())?);
        }
    }
    Ok(all)
}

/// An exchange of a mirror `v2`, whose id is its number.
pub fn exchange(number: u128, body: Vec<u8>) -> Exchange {
    let header = |name: &'static str, value: String| Header::new(name, value);
    Exchange {
        mirror: "v2".into(),
        id: number.to_be_bytes().to_vec().into(),
        started_unix_us: 1_785_585_600_000_000 + (number & 0xffff_ffff) as u64,
        request: Some(Request {
            headers: vec![
                header(":method", "POST".into()),
                header(":scheme", "http".into()),
                header(":authority", "shop.test-shadow".into()),
                header(":path", format!("/items/{number}")),
                header("x-shadow-mirror", "v2".into()),
            ],
            body: body.into(),
            body_bytes_not_captured: 0,
        }),
        answer: None,
    }
}

pub fn number(exchange: &Exchange) -> u128 {
    u128::from_be_bytes(exchange.id().expect("an id"))
}

pub fn batch(exchanges: impl IntoIterator<Item = Exchange>) -> Vec<u8> {
    let mut bytes = Vec::new();
    exchanges.into_iter().for_each(|one| write_frame(&one, &mut bytes));
    bytes
}

/// A batch as a mirror sends it.
pub fn post(body: Vec<u8>) -> harness::client::Request {
    harness::client::Request::post("/v1/exchanges", body)
        .header("content-type", "application/x-protobuf; proto=shadowfilter.v1.Exchange; delimited=true")
}
