// SPDX-License-Identifier: Apache-2.0
//! Requests of every shape and the answers that a primary gives to them.

use std::time::Duration;

use harness::client::Request;
use harness::upstream::Reply;

/// What a client sends, and how its answer is read. The path says what is answered.
pub struct Exchange {
    pub method: &'static str,
    pub path: &'static str,
    /// Header lines, framing included.
    pub headers: &'static [u8],
    pub body: Payload,
    /// Whether an informational answer comes first.
    pub continues: bool,
    /// Whether HTTP/2 can say it too.
    pub http2: bool,
}

pub enum Payload {
    None,
    /// Exactly these bytes behind the head.
    Bytes(&'static [u8]),
    /// This many bytes.
    Large(usize),
}

const LARGE: usize = 8 << 20;

const fn get(path: &'static str) -> Exchange {
    Exchange { method: "GET", path, headers: b"", body: Payload::None, continues: false, http2: true }
}

const fn asked(method: &'static str, path: &'static str, headers: &'static [u8]) -> Exchange {
    Exchange { method, headers, ..get(path) }
}

/// Over HTTP/1.1 alone: the framing is the point.
const fn framed(path: &'static str, headers: &'static [u8], body: &'static [u8]) -> Exchange {
    Exchange { body: Payload::Bytes(body), http2: false, ..asked("POST", path, headers) }
}

pub static ALL: [Exchange; 28] = [
    get("/plain"),
    get("/headers"),
    get("/status/201"),
    get("/status/301"),
    get("/status/404"),
    get("/status/500"),
    get("/status/503"),
    get("/empty/204"),
    get("/empty/304"),
    asked("HEAD", "/plain/head", b""),
    asked("OPTIONS", "/plain/options", b""),
    asked("GET", "/plain/marked", b"x-shadow-mirror: elsewhere\r\n"),
    asked("GET", "/plain/odd", b"x-bytes: \xe9\x80\xff\r\nx-two: 1\r\nx-two: 2\r\nx-empty:\r\n"),
    asked("DELETE", "/plain/delete", b""),
    get("/chunked"),
    get("/trailers"),
    get("/huge"),
    get("/drip"),
    get("/hints"),
    get("/unfinished"),
    get("/close"),
    get("/cut"),
    get("/reset"),
    get("/garbled"),
    framed("/plain/length", b"content-length: 4\r\n", b"body"),
    framed(
        "/plain/chunked",
        b"transfer-encoding: chunked\r\ntrailer: x-sum\r\n",
        b"3\r\nbod\r\n1\r\ny\r\n0\r\nx-sum: 1\r\n\r\n",
    ),
    Exchange {
        continues: true,
        ..framed("/plain/continue", b"expect: 100-continue\r\ncontent-length: 4\r\n", b"body")
    },
    Exchange {
        method: "PUT",
        body: Payload::Large(LARGE),
        headers: b"content-length: 8388608\r\n",
        ..get("/plain/upload")
    },
];

/// What comes behind its head is no HTTP.
pub static UPGRADE: Exchange =
    Exchange { http2: false, ..asked("GET", "/upgrade", b"connection: Upgrade\r\nupgrade: websocket\r\n") };

/// How the primary answers.
pub fn reply(path: &str) -> Reply {
    let plain = || Reply::status(200).header("content-type", "text/plain").body("answer");
    match path {
        "/headers" => plain()
            .header("set-cookie", "a=1")
            .header("x-bytes", b"\x80\xfe\xff")
            .header("set-cookie", "b=2")
            .header("x-empty", ""),
        "/status/201" => Reply::status(201).body("made"),
        "/status/301" => Reply::status(301).header("location", "/elsewhere"),
        "/status/404" => Reply::status(404).body("nothing"),
        "/status/500" => Reply::status(500).body("wrong"),
        "/status/503" => Reply::status(503).header("retry-after", "1"),
        "/empty/204" => Reply::status(204),
        "/empty/304" => Reply::status(304).header("etag", "\"1\""),
        "/chunked" => Reply::status(200).body_of_size(300_000).chunked(),
        "/trailers" => Reply::status(200).body("answer").trailer("x-sum", "1"),
        "/huge" => Reply::huge(8),
        "/drip" => Reply::status(200).body_of_size(30).drip(3, Duration::from_millis(5)),
        "/hints" => Reply::raw(
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nlate",
        ),
        "/unfinished" => Reply::status(200).body("answer").chunked().close_after(3),
        "/upgrade" => Reply::switching_protocols(),
        "/close" => plain().connection_close(),
        "/cut" => Reply::status(200).body_of_size(1_000).reset_after(100),
        "/reset" => Reply::reset(),
        "/garbled" => Reply::garbled(),
        _ => plain(),
    }
}

impl Exchange {
    pub fn bytes(&self) -> Vec<u8> {
        let line = format!("{} {} HTTP/1.1\r\nhost: a.test\r\n", self.method, self.path);
        let mut bytes = [line.as_bytes(), self.headers, b"\r\n"].concat();
        bytes.extend(self.payload());
        bytes
    }

    pub fn request(&self) -> Request {
        let mut request = Request::new(self.method, self.path).authority("a.test");
        for line in self.headers.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let colon = line.iter().position(|byte| *byte == b':').unwrap();
            request = request.header(&line[..colon], line[colon + 1..].trim_ascii());
        }
        match self.body {
            Payload::None => request,
            _ => request.body(self.payload()),
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self.body {
            Payload::None => Vec::new(),
            Payload::Bytes(bytes) => bytes.to_vec(),
            Payload::Large(size) => (0..=250u8).cycle().take(size).collect(),
        }
    }
}
