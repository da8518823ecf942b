// SPDX-License-Identifier: Apache-2.0
//! What no host does: nothing comes of it.

use shadow_filter_fuzz::host;

use super::step::Odd;
use super::wire::goes_on;
use super::world::{LiveRoot, Stream, UNKNOWN, World, among};

impl World {
    pub fn odd(&mut self, odd: Odd) {
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
}
