// SPDX-License-Identifier: Apache-2.0
//! Requests on the primary, and the steps of their streams.

use crate::host::{
    self, Context, Headers, REQUEST_BODY, REQUEST_HEADERS, RESPONSE_BODY, RESPONSE_HEADERS, RESPONSE_TRAILERS,
};

const CONTINUE: u32 = 0;

/// A request before it is sent. `GET /` to `svc.test` if nothing else is said.
#[derive(Debug, Clone)]
pub struct Request {
    root: u32,
    headers: Headers,
    raw: Option<Vec<u8>>,
    chunks: Vec<Vec<u8>>,
    trailers: bool,
}

/// A request under way. It goes on if this is dropped.
#[derive(Debug)]
pub struct Stream {
    id: u32,
}

impl Request {
    pub(super) fn to(root: u32) -> Self {
        let pseudo = [(":authority", "svc.test"), (":path", "/"), (":method", "GET"), (":scheme", "http")];
        let headers = pseudo.map(|(name, value)| (name.into(), value.into())).into();
        Self { root, headers, raw: None, chunks: Vec::new(), trailers: false }
    }

    pub fn method(self, method: &str) -> Self {
        self.pseudo(":method", method)
    }

    pub fn path(self, path: impl AsRef<[u8]>) -> Self {
        self.pseudo(":path", path)
    }

    pub fn authority(self, authority: impl AsRef<[u8]>) -> Self {
        self.pseudo(":authority", authority)
    }

    fn pseudo(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.iter_mut().filter(|(key, _)| key == name.as_bytes()).for_each(|(_, old)| {
            *old = value.as_ref().to_vec();
        });
        self
    }

    /// One header more; a name may come several times.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// In place of all headers: a block as the host would never make it.
    pub fn raw_headers(mut self, block: &[u8]) -> Self {
        self.raw = Some(block.to_vec());
        self
    }

    /// One chunk of the body more.
    pub fn body(mut self, chunk: impl AsRef<[u8]>) -> Self {
        self.chunks.push(chunk.as_ref().to_vec());
        self
    }

    pub fn trailers(mut self) -> Self {
        self.trailers = true;
        self
    }

    /// The whole request at once.
    pub fn send(mut self) -> Stream {
        let (mut chunks, trailers) = (std::mem::take(&mut self.chunks), self.trailers);
        let last = if trailers { None } else { chunks.pop() };
        let stream = self.open(chunks.is_empty() && last.is_none() && !trailers);
        chunks.iter().for_each(|chunk| stream.chunk(chunk));
        if let Some(last) = last {
            stream.last_chunk(last);
        }
        if trailers {
            stream.trailers();
        }
        stream
    }

    /// The headers of a request whose body is still to come.
    pub fn headers_only(self) -> Stream {
        assert!(self.chunks.is_empty() && !self.trailers, "give chunks and trailers to the stream");
        self.open(false)
    }

    fn open(self, end: bool) -> Stream {
        let Self { root, headers, raw, .. } = self;
        let (id, count) = (host::next_id(), headers.len());
        let (sent, maps) = (headers.clone(), [(REQUEST_HEADERS, headers)].into());
        host::with(|host| {
            let context = Context { root, maps, sent, raw_request_headers: raw, ..Context::default() };
            host.contexts.insert(id, context);
        });
        host::enter(id, || host::on_context_create(id, root));
        goes_on(id, || host::on_request_headers(id, count, end));
        // Nobody can read them any more, until the stream is logged.
        host::with(|host| host.contexts.get_mut(&id).expect("an open stream").maps.clear());
        Stream { id }
    }
}

impl Stream {
    pub fn chunk(&self, bytes: impl AsRef<[u8]>) {
        self.body(bytes.as_ref(), false);
    }

    pub fn last_chunk(&self, bytes: impl AsRef<[u8]>) {
        self.body(bytes.as_ref(), true);
    }

    /// Ends the body without another byte.
    pub fn end(&self) {
        self.body(b"", true);
    }

    /// Ends the request with trailers.
    pub fn trailers(&self) {
        goes_on(self.id, || host::on_request_trailers(self.id, 1));
    }

    fn body(&self, bytes: &[u8], end: bool) {
        host::with(|host| {
            let context = host.contexts.get_mut(&self.id).expect("an open stream");
            context.buffers.insert(REQUEST_BODY, bytes.to_vec());
        });
        goes_on(self.id, || host::on_request_body(self.id, bytes.len(), end));
    }

    /// The primary's answer begins.
    pub fn response(&self, status: u16) {
        self.response_headers(status, false);
    }

    /// The router sends the request with these headers in place of those that came in.
    pub fn sent_as(&self, headers: &[(&str, &str)]) -> &Self {
        let sent = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.change(|context| context.sent = sent);
        self
    }

    /// The router sends the request with one header more.
    pub fn sent_with(&self, name: &str, value: &str) -> &Self {
        self.change(|context| context.sent.push((name.into(), value.into())));
        self
    }

    /// Envoy answers in the primary's place, with a reason in its words.
    pub fn local_reply(&self, status: u16, details: &str) {
        self.change(|context| context.details = Some(details.into()));
        self.response_headers(status, true);
    }

    /// Something else than the primary ends the exchange.
    pub fn cut_by(&self, details: &str) -> &Self {
        self.change(|context| context.details = Some(details.into()));
        self
    }

    /// The endpoint that was asked.
    pub fn asked(&self, upstream: &str) -> &Self {
        self.change(|context| context.upstream = Some(upstream.into()));
        self
    }

    fn change(&self, change: impl FnOnce(&mut Context)) {
        host::with(|host| change(host.contexts.get_mut(&self.id).expect("an open stream")));
    }

    /// The primary's answer ends.
    pub fn response_end(&self) {
        self.change(|context| context.answered = true);
        goes_on(self.id, || host::on_response_body(self.id, 0, true));
    }

    /// The primary's answer ends with trailers.
    pub fn response_trailers(&self) {
        self.response_trailers_with(&[("x-trailer", "1")]);
    }

    /// The same, with these trailers.
    pub fn response_trailers_with(&self, trailers: &[(&str, &str)]) {
        let block = trailers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        host::with(|host| {
            let context = host.contexts.get_mut(&self.id).expect("an open stream");
            context.maps.insert(RESPONSE_TRAILERS, block);
        });
        self.change(|context| context.answered = true);
        goes_on(self.id, || host::on_response_trailers(self.id, 1));
    }

    /// The primary answers, with some body.
    pub fn respond(&self, status: u16) {
        self.response(status);
        goes_on(self.id, || host::on_response_body(self.id, 100, false));
        self.response_end();
    }

    /// The primary answers with these headers, and with a body in chunks.
    pub fn respond_with(&self, status: u16, headers: &[(&str, &str)], chunks: &[&[u8]]) {
        self.response_block(status, headers, false);
        for chunk in chunks {
            self.response_chunk(chunk);
        }
        self.response_end();
    }

    /// A chunk of the primary's answer.
    pub fn response_chunk(&self, chunk: &[u8]) {
        host::with(|host| {
            let context = host.contexts.get_mut(&self.id).expect("an open stream");
            context.buffers.insert(RESPONSE_BODY, chunk.to_vec());
        });
        goes_on(self.id, || host::on_response_body(self.id, chunk.len(), false));
    }

    /// The primary answers without a body.
    pub fn respond_without_body(&self, status: u16) {
        self.response_headers(status, true);
    }

    /// The primary's answer begins, with these headers.
    pub fn response_with(&self, status: u16, headers: &[(&str, &str)], end: bool) {
        self.response_block(status, headers, end);
    }

    fn response_headers(&self, status: u16, end: bool) {
        self.response_block(status, &[], end);
    }

    /// The primary's answer begins with these headers.
    pub fn response_block(&self, status: u16, headers: &[(&str, &str)], end: bool) {
        let mut block = vec![(b":status".to_vec(), status.to_string().into_bytes())];
        block.extend(headers.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        let count = block.len();
        host::with(|host| {
            let context = host.contexts.get_mut(&self.id).expect("an open stream");
            context.maps.insert(RESPONSE_HEADERS, block);
        });
        self.change(|context| context.answered |= end);
        goes_on(self.id, || host::on_response_headers(self.id, count, end));
    }

    /// The stream is gone, finished or not.
    pub fn gone(self) {
        let id = self.id;
        assert!(host::end_stream(id), "a stream is never held back");
        host::with(|host| host.contexts.remove(&id));
    }
}

fn goes_on(id: u32, callback: impl FnOnce() -> u32) {
    assert_eq!(host::enter(id, callback), CONTINUE, "the primary is never held up");
}
