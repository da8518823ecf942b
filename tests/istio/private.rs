// SPDX-License-Identifier: Apache-2.0
//! A registry that lets nobody in.

use anyhow::Result;
use harness::upstream::RawUpstream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REFUSAL: &str = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"https://private.test/\"\r\n\
                       content-length: 0\r\nconnection: close\r\n\r\n";

pub async fn serve() -> Result<RawUpstream> {
    RawUpstream::new(|connection| async {
        // A connection that breaks is the agent's to tell of.
        let _ = refuse(connection).await;
    })
    .await
}

/// Reads what comes at once and refuses it: the head of a request, or a handshake of TLS, which agents try first. They would
/// wait half a minute if nobody answered that.
async fn refuse(mut connection: TcpStream) -> Result<()> {
    if connection.read(&mut [0; 4096]).await? > 0 {
        connection.write_all(REFUSAL.as_bytes()).await?;
        connection.shutdown().await?;
    }
    Ok(())
}
