// SPDX-License-Identifier: Apache-2.0
//! A registry that lets nobody in.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const REFUSAL: &str = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"https://private.test/\"\r\n\
                       content-length: 0\r\nconnection: close\r\n\r\n";

pub struct Private {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Private {
    pub async fn serve() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(refuse(connection));
            }
        });
        Ok(Self { address, server })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Reads what comes at once and refuses it: the head of a request, or a handshake of TLS, which agents try first. They would
/// wait half a minute if nobody answered that.
async fn refuse(mut connection: TcpStream) -> Result<()> {
    let read = connection.read(&mut [0; 4096]).await?;
    ensure!(read > 0, "nothing came");
    connection.write_all(REFUSAL.as_bytes()).await?;
    Ok(connection.shutdown().await?)
}
