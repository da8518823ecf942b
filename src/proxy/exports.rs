// SPDX-License-Identifier: Apache-2.0
//! What the host calls: the exports of the proxy-wasm ABI 0.2.1 that this filter needs, and who gets each call.
//!
//! The host calls whatever a module exports, at some cost for each request; so nothing is exported that has nothing to do,
//! not even `proxy_on_delete`: `proxy_on_done` was the last call that mattered. A call for a context that is not known is
//! ignored: there is nothing that a panic, which ends the VM, would make better.

use std::cell::RefCell;

use super::OnInvalid;
use super::answer::Brought;
use super::imports;
use super::root::Root;
use super::stream::Stream;
use super::trouble::{self, Asked};
use crate::mirror::Table;

const CONTINUE: u32 = 0;

thread_local! {
    /// Of this VM. Natively a thread stands for a VM.
    static CONTEXTS: RefCell<Contexts> = RefCell::default();
}

#[derive(Default)]
struct Contexts {
    on_invalid: OnInvalid,
    roots: Vec<(u32, Root)>,
    streams: Table<Stream>,
}

impl Contexts {
    /// There are few of them.
    fn root(&mut self, id: u32) -> Option<&mut Root> {
        self.roots.iter_mut().find(|(root, _)| *root == id).map(|(_, root)| root)
    }

    /// Has a root act, and forgets it if it has ended with that. Whether it has, or was not there.
    fn end_root(&mut self, id: u32, act: impl FnOnce(&mut Root) -> bool) -> bool {
        let ended = self.root(id).is_none_or(act);
        if ended {
            self.roots.retain(|(root, _)| *root != id);
        }
        ended
    }

    /// Has a root look after the others. Envoy ends a root without a word where another takes its place among those that wait
    /// for their copies: it keeps one for each name and configuration.
    fn look_after_others(&mut self, id: u32) {
        if self.roots.len() > 1
            && let Some(now) = self.root(id).map(|root| root.now())
        {
            self.roots.retain_mut(|(other, root)| *other == id || !root.look_after(now));
        }
    }

    /// Has the requests of the VM know if a root is short of room.
    fn share_room(&mut self, id: u32) {
        if self.root(id).is_some_and(|root| root.is_short()) {
            self.streams.values_mut().for_each(Stream::wait);
        }
    }
}

/// Starts a VM without any context.
pub fn start(on_invalid: OnInvalid) {
    CONTEXTS.set(Contexts { on_invalid, ..Contexts::default() });
}

fn with<T>(act: impl FnOnce(&mut Contexts) -> T) -> Option<T> {
    // Not borrowed twice in Envoy, which calls back for memory only.
    CONTEXTS.with(|contexts| match contexts.try_borrow_mut() {
        Ok(mut contexts) => Some(act(&mut contexts)),
        Err(_) => {
            trouble::report(Asked::Reentered, None);
            None
        }
    })
}

/// Has a stream hear of an event. Whatever that is, the primary goes on.
fn with_stream(id: u32, act: impl FnOnce(&mut Stream)) -> u32 {
    with(|contexts| {
        if let Some(stream) = contexts.streams.get_mut(id) {
            act(stream);
        }
    });
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the host hands over; null if there is none.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    imports::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root: u32) {
    with(|contexts| {
        if root == 0 {
            let root = Root::new(contexts.on_invalid);
            contexts.roots.push((id, root));
        } else if let Some(stream) = contexts.root(root).map(|root| root.stream()) {
            contexts.streams.insert(id, stream);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(root: u32, size: usize) -> u32 {
    with(|contexts| contexts.root(root).is_some_and(|root| root.configure(size))).unwrap_or(false).into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(root: u32) {
    with(|contexts| {
        let mut flushed = false;
        contexts.end_root(root, |root| {
            let ended;
            (flushed, ended) = root.tick();
            ended
        });
        if flushed {
            contexts.look_after_others(root);
            contexts.share_room(root);
        }
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(stream: u32, _count: usize, end: u32) -> u32 {
    with_stream(stream, |stream| stream.request_headers(end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(stream: u32, size: usize, end: u32) -> u32 {
    with_stream(stream, |stream| stream.request_body(size, end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(stream: u32, _count: usize) -> u32 {
    with_stream(stream, Stream::request_ends)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(stream: u32, _count: usize, end: u32) -> u32 {
    with_stream(stream, |stream| stream.response_headers(end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(stream: u32, size: usize, end: u32) -> u32 {
    with_stream(stream, |stream| stream.response_body(size, end != 0))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(stream: u32, _count: usize) -> u32 {
    with_stream(stream, Stream::response_trailers)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    root: u32,
    token: u32,
    headers: usize,
    body: usize,
    trailers: usize,
) {
    let brought = Brought { headers, body, trailers };
    with(|contexts| contexts.end_root(root, |root| root.answered(token, brought)));
}

/// The exchange of a stream is over: the last call in which its headers can be read. `proxy_on_done` comes after it.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(stream: u32) {
    with_stream(stream, Stream::logged);
}

/// 1 if the context has finished: nothing comes for it any more. A root that has not tells by `proxy_done` later.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(id: u32) -> u32 {
    with(|contexts| {
        if let Some(mut stream) = contexts.streams.remove(id) {
            stream.done();
            return true;
        }
        contexts.end_root(id, Root::done)
    })
    .unwrap_or(true)
    .into()
}
