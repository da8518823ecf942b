// SPDX-License-Identifier: Apache-2.0
//! Clients that misbehave, or come all at once. Bounded in number and time.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use harness::client::{Http1, Raw, Request, burst};
use tokio::time::sleep;

use super::fault::Crowd;

/// The path that has a large answer.
pub const LARGE: &str = "/large";
const LEAVING: usize = 40;
const STALLING: usize = 150;
const SLOW: usize = 20;
const THOUSAND: usize = 1_000;
const UPLOAD: &str = "POST /upload HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2000\r\n\r\n";

/// Comes at the beginning of a window and is gone before its end, or holds on for as long as `window`. Returns how many
/// of its whole requests were not answered.
pub async fn come(crowd: Crowd, address: SocketAddr, window: Duration) -> Result<u64> {
    match crowd {
        Crowd::LeaveInBody => leave(address, window, 1_000).await,
        Crowd::LeaveBeforeAnswer => leave(address, window, 2_000).await,
        Crowd::Stall => {
            let mut stalled = Vec::new();
            for _ in 0..STALLING {
                let mut client = Raw::connect(address).await?;
                client.send(UPLOAD).await?;
                client.send(vec![b'x'; 1_000]).await?;
                stalled.push(client);
            }
            sleep(window).await;
            Ok(0)
        }
        Crowd::ThousandAtOnce => {
            let client = Http1::new(address).patience(Duration::from_secs(20));
            let traffic =
                burst(&client, THOUSAND, THOUSAND, |_| Request::post("/crowd", "one of many")).await;
            let fine = traffic.statuses().get(&200).copied().unwrap_or(0);
            Ok((THOUSAND - fine) as u64)
        }
        Crowd::ReadSlowly => {
            let mut readers = Vec::new();
            for _ in 0..SLOW {
                let mut client = Raw::connect(address).await?;
                client.send(format!("GET {LARGE} HTTP/1.1\r\nhost: a.test\r\n\r\n")).await?;
                readers.push(client);
            }
            for _ in 0..4 {
                sleep(window / 4).await;
                for reader in &mut readers {
                    reader.read_some().await?;
                }
            }
            Ok(0)
        }
    }
}

async fn leave(address: SocketAddr, window: Duration, sent: usize) -> Result<u64> {
    for _ in 0..LEAVING {
        let mut client = Raw::connect(address).await?;
        client.send(UPLOAD).await?;
        client.send(vec![b'x'; sent]).await?;
        client.reset()?;
        sleep(window / LEAVING as u32).await;
    }
    Ok(0)
}
