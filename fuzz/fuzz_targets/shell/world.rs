// SPDX-License-Identifier: Apache-2.0
//! The simulated Envoy with what is under way in it.

use std::mem::ManuallyDrop;
use std::time::Duration;

use shadow_filter::proxy::OnInvalid;
use shadow_filter_fuzz::host::{self, Context, Headers};
use shadow_filter_fuzz::host::{REQUEST_BODY, REQUEST_HEADERS, RESPONSE_BODY, RESPONSE_HEADERS};
use shadow_filter_fuzz::sim::{Root, SharedData, Sim};

use super::books::{Books, Request};
use super::configurations::{ALL, Configuration, LONGEST_TIMEOUT_SECONDS};
use super::step::{AnswerKind, ClusterState, Header, Step, StreamEvent};
use super::wire::{BODIES, CALLS, answer_copy, fails, give, goes_on, plain_headers};

const CLUSTERS: [&str; 3] = ["a", "b", "c"];
pub const UNKNOWN: u32 = u32::MAX;
const MOST_STREAMS: usize = 64;

pub struct World {
    /// Not dropped: that would end what is left of the contexts, be they those of the next VM.
    sim: ManuallyDrop<Sim>,
    /// Those that were not asked to end.
    pub roots: Vec<LiveRoot>,
    pub streams: Vec<Stream>,
    pub books: Books,
}

pub struct LiveRoot {
    pub id: u32,
    config: Option<&'static Configuration>,
    accepted: bool,
}

pub struct Stream {
    pub id: u32,
    root: u32,
    /// In the books.
    request: usize,
}

pub fn among<T>(items: &[T], index: impl Into<usize>) -> Option<&T> {
    (!items.is_empty()).then(|| &items[index.into() % items.len()])
}

fn configuration(index: u8) -> &'static Configuration {
    among(&ALL, index).expect("there are some")
}

impl World {
    pub fn start(strict: bool, config: u8) -> Self {
        Self::in_process(&SharedData::default(), Duration::from_secs(1), strict, config)
    }

    fn in_process(process: &SharedData, now: Duration, strict: bool, config: u8) -> Self {
        let config = configuration(config);
        let on_invalid = if strict { OnInvalid::Refuse } else { OnInvalid::Inert };
        let sim = ManuallyDrop::new(Sim::in_process(process, now, config.text.as_bytes(), on_invalid));
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
                // Otherwise nobody tells it. What it has shared with others outlives it.
                let (process, now) = host::with(|host| (host.shared_data.clone(), host.now));
                *self = Self::in_process(&process, now, strict, config);
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
        let (sent, maps) = (headers.clone(), [(REQUEST_HEADERS, headers)].into());
        let context = Context { root: root_id, maps, sent, raw_request_headers, ..Context::default() };
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
                assert!(host::end_stream(id), "a stream is never held back");
                host::with(|host| host.contexts.remove(&id));
            }
            event => self.event_of(id, event, Vec::new()),
        }
    }

    /// Any event but the end, of a context that need not be there.
    pub fn event_of(&mut self, id: u32, event: StreamEvent, chunk: Vec<u8>) {
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
