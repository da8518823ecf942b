// SPDX-License-Identifier: Apache-2.0
//! The simulated Envoy with what is under way in it.

use std::mem::ManuallyDrop;
use std::time::Duration;

use shadow_filter_fuzz::host::{self, CALL_BODY, CALL_HEADERS, Context, Headers};
use shadow_filter_fuzz::host::{REQUEST_BODY, REQUEST_HEADERS, RESPONSE_BODY, RESPONSE_HEADERS};
use shadow_filter_fuzz::sim::{Root, Sim};

use super::books::{Books, Request};
use super::configurations::{ALL, Configuration, LONGEST_TIMEOUT_SECONDS};
use super::step::{AnswerKind, ClusterState, Header, Odd, Step, StreamEvent};

/// Calls of the host that may fail.
const CALLS: [&str; 20] = [
    "header_map 0",
    "header_map 2",
    "header_map 6",
    "header 2",
    "header 6",
    "buffer 0",
    "buffer 1",
    "buffer 4",
    "buffer 7",
    "http_call",
    "set_property",
    "set_tick_period",
    "clock 0",
    "clock 1",
    "property",
    "log",
    "done",
    "define_metric",
    "increment_metric",
    "record_metric",
];
const CLUSTERS: [&str; 3] = ["a", "b", "c"];
const BODIES: [&[u8]; 5] = [b"", b"{\"a\":1,\"b\":2}", b"{ \"b\": 2.0, \"a\": 7 }", b"no json", &[b'x'; 80]];
const UNKNOWN: u32 = u32::MAX;
const MOST_STREAMS: usize = 64;

pub struct World {
    /// Not dropped: that would end what is left of the contexts, be they those of the next VM.
    sim: ManuallyDrop<Sim>,
    /// Those that were not asked to end.
    roots: Vec<LiveRoot>,
    streams: Vec<Stream>,
    books: Books,
}

struct LiveRoot {
    id: u32,
    config: Option<&'static Configuration>,
    accepted: bool,
}

struct Stream {
    id: u32,
    root: u32,
    /// In the books.
    request: usize,
}

fn among<T>(items: &[T], index: impl Into<usize>) -> Option<&T> {
    (!items.is_empty()).then(|| &items[index.into() % items.len()])
}

fn configuration(index: u8) -> &'static Configuration {
    among(&ALL, index).expect("there are some")
}

impl World {
    pub fn start(strict: bool, config: u8) -> Self {
        let config = configuration(config);
        let start = if strict { Sim::strict } else { Sim::with_bytes };
        let sim = ManuallyDrop::new(start(config.text.as_bytes()));
        let mut world = Self { sim, roots: Vec::new(), streams: Vec::new(), books: Books::default() };
        world.note_root(config);
        world
    }

    fn note_root(&mut self, config: &'static Configuration) {
        let (Root(id), accepted) = (self.sim.root(), self.sim.accepted());
        // What could not be read is not valid.
        let config = Some(config).filter(|_| !fails("buffer 7"));
        self.roots.push(LiveRoot { id, config, accepted });
    }

    pub fn take(&mut self, step: Step) {
        match step {
            Step::Begin { root, header, end } => self.begin(root, header, end),
            Step::Stream { stream, event } => {
                if !self.streams.is_empty() {
                    self.stream_event(usize::from(stream) % self.streams.len(), event);
                }
            }
            Step::Advance(millis) => self.sim.advance(Duration::from_millis(millis.into())),
            Step::Answer { copy, answer } => self.answer(copy, answer),
            Step::Cluster { cluster, state } => {
                let name = among(&CLUSTERS, cluster).expect("there are some");
                self.sim.add_cluster(name);
                match state {
                    ClusterState::There => {}
                    ClusterState::Empty => self.sim.empty_cluster(name),
                    ClusterState::Unknown => self.sim.forget_cluster(name),
                }
            }
            Step::Configure { root, config } => self.configure(root, config),
            Step::NewRoot { config } => {
                let config = configuration(config);
                self.sim.new_root(&config.text);
                self.note_root(config);
            }
            Step::EndRoot { root } => {
                if let Some(id) = among(&self.roots, root).map(|root| root.id) {
                    self.end_root(id);
                }
            }
            Step::Fail { call } => {
                let call = among(&CALLS, call).expect("there are some");
                self.books.fails(call);
                self.sim.fail(call);
            }
            Step::FailNothing => self.sim.fail_nothing(),
            Step::WorkTakes(tenths) => self.sim.work_takes(Duration::from_micros(u64::from(tenths) * 100)),
            Step::Wall(seconds) => self.sim.set_clock(u64::from(seconds % 3000)),
            Step::Odd(odd) => self.odd(odd),
            Step::NewVm { strict, config, at_rest } => {
                if at_rest {
                    self.settle();
                }
                // Otherwise nobody tells it.
                *self = Self::start(strict, config);
            }
        }
        self.books.check_copies();
    }

    fn begin(&mut self, root: u8, header: Header, end: bool) {
        let ready: Vec<_> = self.roots.iter().filter(|root| root.accepted).collect();
        let Some(&root) = among(&ready, root) else { return };
        if self.streams.len() >= MOST_STREAMS {
            return;
        }
        let (id, root_id) = (host::next_id(), root.id);
        let names = root.config.map(|config| config.names.as_slice()).unwrap_or_default();
        let mut request = Request { ended: end, ..Request::default() };
        let mut headers = plain_headers(self.books.next_request());
        let mut add = |name: &str, value: &str| headers.push((name.into(), value.into()));
        match header {
            Header::Plain | Header::Torn | Header::Connect => {}
            Header::Grpc => add("content-type", "application/grpc"),
            Header::Json => {
                request.json = true;
                add("content-type", "application/json");
            }
            Header::Marked => add("x-shadow-mirror", "a"),
            Header::Upgrade => {
                [("connection", "upgrade"), ("upgrade", "websocket")].iter().for_each(|(n, v)| add(n, v))
            }
            Header::Secret => {
                request.secret = true;
                add("x-secret", "1");
            }
            Header::Large => add("x-large", &"x".repeat((1 << 20) + 1)),
            Header::Length(length) => {
                request.announced = Some(length.into());
                add("content-length", &length.to_string());
            }
            Header::Target(cluster) => add("x-to", among(&["a", "b", "c", ""], cluster).expect("some")),
            Header::User(user) => add("x-user", &user.to_string()),
        }
        if header == Header::Connect {
            headers[0].1 = b"CONNECT".to_vec();
        }
        let raw_request_headers = (header == Header::Torn).then(|| b"\x05\0\0\0\x01".to_vec());
        let request = self.books.begins(request, names);
        let count = headers.len();
        let maps = [(REQUEST_HEADERS, headers)].into();
        let context = Context { root: root_id, maps, raw_request_headers, ..Context::default() };
        host::with(|host| host.contexts.insert(id, context));
        host::enter(id, || host::on_context_create(id, root_id));
        goes_on(id, || host::on_request_headers(id, count, end));
        self.streams.push(Stream { id, root: root_id, request });
    }

    fn stream_event(&mut self, index: usize, event: StreamEvent) {
        let Stream { id, request, .. } = self.streams[index];
        match event {
            StreamEvent::Body { size, end } => {
                let chunk = self.books.request(request).body(size, end);
                self.event_of(id, event, chunk);
            }
            StreamEvent::Trailers => {
                self.books.request(request).ended = true;
                self.event_of(id, event, Vec::new());
            }
            StreamEvent::Gone => {
                self.streams.swap_remove(index);
                self.books.request(request).gone();
                assert!(host::enter(id, || host::on_done(id)), "a stream is never held back");
                host::with(|host| host.contexts.remove(&id));
            }
            event => self.event_of(id, event, Vec::new()),
        }
    }

    /// Any event but the end, of a context that need not be there.
    fn event_of(&mut self, id: u32, event: StreamEvent, chunk: Vec<u8>) {
        match event {
            StreamEvent::Body { end, .. } => {
                let size = chunk.len();
                give(id, |context| drop(context.buffers.insert(REQUEST_BODY, chunk)));
                goes_on(id, || host::on_request_body(id, size, end));
            }
            StreamEvent::Trailers => goes_on(id, || host::on_request_trailers(id, 1)),
            StreamEvent::Response { status, large, end } => {
                let mut headers: Headers = vec![(b":status".to_vec(), status.code().to_string().into())];
                headers.push((b"a".to_vec(), vec![b'x'; if large { 2000 } else { 1 }]));
                let count = headers.len();
                give(id, |context| drop(context.maps.insert(RESPONSE_HEADERS, headers)));
                goes_on(id, || host::on_response_headers(id, count, end));
            }
            StreamEvent::ResponseBody { kind, end } => {
                let body = among(&BODIES, kind).expect("some").to_vec();
                let size = body.len();
                give(id, |context| drop(context.buffers.insert(RESPONSE_BODY, body)));
                goes_on(id, || host::on_response_body(id, size, end));
            }
            StreamEvent::ResponseTrailers => goes_on(id, || host::on_response_trailers(id, 1)),
            StreamEvent::Gone => assert!(host::enter(id, || host::on_done(id))),
        }
    }

    fn answer(&mut self, copy: u8, answer: AnswerKind) {
        let open: Vec<u32> = host::with(|host| host.open.iter().copied().collect());
        if let Some(token) = among(&open, copy) {
            answer_copy(*token, answer);
        }
    }

    fn configure(&mut self, root: u8, config: u8) {
        let count = self.roots.len();
        if count == 0 {
            return;
        }
        let root = &mut self.roots[usize::from(root) % count];
        let (config, readable) = (configuration(config), !fails("buffer 7"));
        give(root.id, |context| {
            context.key = config.text.clone().into();
            context.buffers.insert(host::CONFIGURATION, config.text.clone().into());
        });
        let id = root.id;
        // One that is refused leaves what was there.
        if host::enter(id, || host::on_configure(id, config.text.len())) {
            root.accepted = true;
            root.config = Some(config).filter(|_| readable);
        }
    }

    fn end_root(&mut self, id: u32) -> bool {
        while let Some(index) = self.streams.iter().position(|stream| stream.root == id) {
            self.stream_event(index, StreamEvent::Gone);
        }
        self.roots.retain(|root| root.id != id);
        self.sim.end_root(Root(id))
    }

    fn odd(&mut self, odd: Odd) {
        let stream = |index| among(&self.streams, index).map_or(UNKNOWN, |stream: &Stream| stream.id);
        let root = |index| among(&self.roots, index).map_or(UNKNOWN, |root: &LiveRoot| root.id);
        match odd {
            Odd::UnknownStream(event) => self.event_of(UNKNOWN, event, Vec::new()),
            Odd::UnknownRoot(event) => match event % 3 {
                0 => host::enter(UNKNOWN, || host::on_tick(UNKNOWN)),
                1 => assert!(!host::enter(UNKNOWN, || host::on_configure(UNKNOWN, 9))),
                _ => assert!(host::enter(UNKNOWN, || host::on_done(UNKNOWN))),
            },
            Odd::UnknownAnswer { root: index, headers } => {
                let id = root(index);
                host::enter(id, || host::on_http_call_response(id, UNKNOWN, headers.into(), 9, 0));
            }
            Odd::LateAnswer { copy } => {
                let ended = |host: &mut host::Host| {
                    let copies = host.callouts.iter().filter(|call| !host.open.contains(&call.token));
                    let copies: Vec<_> = copies.map(|call| (call.root, call.token)).collect();
                    among(&copies, copy).copied()
                };
                if let Some((root, token)) = host::with(ended).filter(|_| self.books.every_root_was_told()) {
                    host::enter(root, || host::on_http_call_response(root, token, 1, 0, 0));
                }
            }
            Odd::TickOfStream { stream: index } => {
                let id = stream(index);
                host::enter(id, || host::on_tick(id));
            }
            Odd::TickOfRoot { root: index } => {
                let id = root(index);
                host::enter(id, || host::on_tick(id));
            }
            Odd::ConfigureWithSize { size } => {
                // The host has no configuration to hand over.
                let id = UNKNOWN;
                host::enter(id, || host::on_configure(id, size.into()));
            }
            Odd::StreamOfNoRoot => {
                let id = host::next_id();
                host::enter(UNKNOWN, || host::on_context_create(id, UNKNOWN));
                goes_on(id, || host::on_request_headers(id, 0, true));
                assert!(host::enter(id, || host::on_done(id)));
            }
            Odd::Allocate { size } => {
                // What the filter hands out is taken over by nobody here; so only what it cannot have.
                let none = size == 0 || size > u64::from(u32::MAX) << 20;
                if let Some(size) = usize::try_from(size).ok().filter(|_| none) {
                    assert!(host::allocate(size).is_null());
                }
            }
        }
    }

    /// Everything ends, in one way or another, and the books are closed.
    pub fn settle(&mut self) {
        self.sim.fail_nothing();
        self.sim.work_takes(Duration::ZERO);
        while !self.streams.is_empty() {
            self.stream_event(0, StreamEvent::Gone);
        }
        // It looks after those that the host ended without a word.
        let plain = configuration(0);
        self.sim.new_root(&plain.text);
        self.note_root(plain);
        // Where the timer could not be set, nothing would go on by itself.
        let tick_all = || {
            let roots = host::with(|host| host.contexts.keys().copied().collect::<Vec<_>>());
            roots.into_iter().for_each(|id| host::enter(id, || host::on_tick(id)));
        };
        tick_all();
        while let Some(token) = host::with(|host| host.open.first().copied()) {
            answer_copy(token, AnswerKind::WithoutHeaders);
        }
        tick_all();
        self.sim.advance(Duration::from_secs(LONGEST_TIMEOUT_SECONDS + 15));
        while let Some(id) = self.roots.first().map(|root| root.id) {
            assert!(self.end_root(id), "nothing is left to wait for");
        }
        self.books.close(&mut self.sim);
    }
}

fn plain_headers(id: usize) -> Headers {
    let id = id.to_string();
    let plain =
        [(":method", "POST"), (":authority", "svc.test"), (":path", "/"), (":scheme", "http"), ("x-id", &id)];
    plain.map(|(name, value)| (name.into(), value.into())).into()
}

fn fails(call: &str) -> bool {
    host::with(|host| host.failing.contains(call))
}

fn goes_on(id: u32, callback: impl FnOnce() -> u32) {
    assert_eq!(host::enter(id, callback), 0, "the primary is never held up");
}

fn give(id: u32, act: impl FnOnce(&mut Context)) {
    host::with(|host| host.contexts.get_mut(&id).map(act));
}

fn answer_copy(token: u32, answer: AnswerKind) {
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let status = |code: u16| header(":status", &code.to_string());
    let (headers, body) = match answer {
        AnswerKind::Shadow { status: code, body } => {
            let headers =
                vec![status(code.code()), header("x-envoy-upstream-service-time", "1"), header("a", "x")];
            (headers, *among(&BODIES, body).expect("some"))
        }
        AnswerKind::Envoy(code) => (vec![status(code.code())], &b"upstream connect error"[..]),
        AnswerKind::GrpcTimeout => {
            let message = header("grpc-message", "upstream request timeout");
            (vec![status(200), header("grpc-status", "14"), message], &b""[..])
        }
        AnswerKind::WithoutHeaders => (Vec::new(), &b""[..]),
        AnswerKind::WithoutStatus => (vec![header("x-envoy-upstream-service-time", "1")], &b""[..]),
    };
    let (count, size) = (headers.len(), body.len());
    let root = host::with(|host| {
        host.open.remove(&token);
        host.callouts.iter().find(|call| call.token == token).map_or(UNKNOWN, |call| call.root)
    });
    give(root, |context| {
        context.maps.insert(CALL_HEADERS, headers);
        context.buffers.insert(CALL_BODY, body.to_vec());
    });
    host::enter(root, || host::on_http_call_response(root, token, count, size, 0));
}
