// SPDX-License-Identifier: Apache-2.0
//! The upstreams: nginx, one process each, answering at once from memory on HTTP/1.1 and on HTTP/2 with prior knowledge.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);
/// How often another process may be faster at taking the ports.
const ATTEMPTS: usize = 5;

/// A running nginx, gone when it is dropped.
pub struct Nginx {
    process: Child,
    pub http1: SocketAddr,
    pub http2: SocketAddr,
    _directory: TempDir,
}

impl Nginx {
    pub fn start() -> Result<Self> {
        for _ in 0..ATTEMPTS {
            if let Some(nginx) = Self::attempt()? {
                return Ok(nginx);
            }
        }
        bail!("nginx found its ports taken {ATTEMPTS} times in a row")
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// None if another process took one of the ports, which nginx cannot leave to the system.
    fn attempt() -> Result<Option<Self>> {
        let directory = tempfile::Builder::new().prefix("shadow-filter-nginx-").tempdir()?;
        let (http1, http2) = (free_port()?, free_port()?);
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration(directory.path().display(), http1, http2))?;
        // Its parent-death signal lets nginx not outlive this program, however that ends.
        let mut process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "nginx", "-e", "stderr", "-c"])
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("start nginx by setpriv; apt-get install nginx-light util-linux")?;
        let stderr = process.stderr.take();
        let mut nginx = Self { process, http1, http2, _directory: directory };
        nginx.await_ready(stderr).map(|ready| ready.then_some(nginx))
    }

    fn await_ready(&mut self, stderr: Option<ChildStderr>) -> Result<bool> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait()? {
                let mut log = String::new();
                stderr.map(|mut stderr| stderr.read_to_string(&mut log)).transpose()?;
                return match log.contains("Address already in use") {
                    true => Ok(false),
                    false => bail!("nginx ended with {status}:\n{log}"),
                };
            }
            if [self.http1, self.http2].iter().all(|address| TcpStream::connect(address).is_ok()) {
                return Ok(true);
            }
            if Instant::now() > deadline {
                bail!("nginx did not listen within {} s", PATIENCE.as_secs());
            }
            sleep(PAUSE);
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn free_port() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?)
}

/// Bodies go to a location that hands on what has no body, because nginx reads a body only for someone: where it answered
/// at once and threw the rest of 64 KiB away, Envoy's own mirroring got stuck.
fn configuration(directory: impl std::fmt::Display, http1: SocketAddr, http2: SocketAddr) -> String {
    let answer = r#"{"items": [{"id": 17, "name": "lamp", "price": 29}, {"id": 18, "name": "desk lamp", "price": 45}], "next": null}"#;
    format!(
        r#"daemon off;
master_process off;
pid {directory}/pid;
error_log stderr error;
events {{ worker_connections 8192; multi_accept on; }}
http {{
  access_log off;
  default_type application/json;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  http2_max_concurrent_streams 1024;
  http2_recv_buffer_size 1m;
  large_client_header_buffers 8 32k;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  server {{
    listen {http1} backlog=4096;
    listen {http2} http2 backlog=4096;
    location / {{ return 200 '{answer}'; }}
    location /orders {{
      proxy_pass http://answer;
      proxy_http_version 1.1;
      proxy_set_header connection "";
      proxy_set_header content-length "";
      proxy_pass_request_body off;
    }}
  }}
  upstream answer {{
    server unix:{directory}/answer;
    keepalive 512;
    keepalive_requests 1000000000;
  }}
  server {{
    listen unix:{directory}/answer;
    location / {{ return 200 '{answer}'; }}
  }}
}}
"#
    )
}
