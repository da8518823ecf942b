// SPDX-License-Identifier: Apache-2.0
//! What the module imports, under the names that the linker looks for.
//!
//! # Safety
//! Of all functions here: pointers and sizes are those of live memory, and out-parameters may be written. The
//! callers are the filter's own wrappers, which see to that.

use std::time::Duration;

use super::{Callout, Headers, Level, Log, REQUEST_HEADERS, next_id, with};

/// Most pairs and bytes that the host takes as one header map.
const MAX_PAIRS: usize = 1024;
const MAX_BYTES: usize = 1 << 20;

#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Ok = 0,
    NotFound = 1,
    BadArgument = 2,
    CasMismatch = 8,
    InternalFailure = 10,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_log(level: u32, data: *const u8, size: usize) -> Status {
    if fails("log") {
        return Status::InternalFailure;
    }
    let level = match level {
        0 => Level::Trace,
        1 => Level::Debug,
        2 => Level::Info,
        3 => Level::Warn,
        4 => Level::Error,
        _ => Level::Critical,
    };
    // SAFETY: see the module.
    let text = unsafe { text(data, size) };
    called(|host| {
        host.logs.push(Log { level, text });
        Status::Ok
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> Status {
    if fails(&format!("header_map {map}")) {
        return Status::InternalFailure;
    }
    let block = called(|host| {
        let context = host.acting_context()?;
        match &context.raw_request_headers {
            Some(raw) if map == REQUEST_HEADERS => Some(raw.clone()),
            _ => context.maps.get(&map).map(serialized),
        }
    });
    // SAFETY: see the module.
    unsafe { hand_over(block, data, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_header_map_value(
    map: u32,
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    if fails(&format!("header {map}")) {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let key = unsafe { text(key, key_size) };
    let value = called(|host| {
        let headers = host.acting_context()?.maps.get(&map)?;
        headers.iter().find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| value.clone())
    });
    // SAFETY: see the module.
    unsafe { hand_over(value, data, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_buffer_bytes(
    buffer: u32,
    start: usize,
    max_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    if fails(&format!("buffer {buffer}")) {
        return Status::InternalFailure;
    }
    let bytes = called(|host| {
        let rest = host.acting_context()?.buffers.get(&buffer)?.get(start..)?;
        Some(rest[..rest.len().min(max_size)].to_vec())
    });
    // SAFETY: see the module.
    unsafe { hand_over(bytes, data, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_property(
    path: *const u8,
    path_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
) -> Status {
    if fails("property") {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let path = unsafe { text(path, path_size) };
    let value = called(|host| match path.as_str() {
        "response\0code" => host.code().map(|code| i64::from(code).to_le_bytes().to_vec()),
        "response\0code_details" => host.details().map(String::into_bytes),
        "upstream\0address" => host.acting_context()?.upstream.clone().map(String::into_bytes),
        "plugin_name" => Some(super::super::sim::PLUGIN.as_bytes().to_vec()),
        "plugin_root_id" => Some(b"root".to_vec()),
        _ => None,
    });
    // SAFETY: see the module.
    unsafe { hand_over(value, data, size) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_property(
    path: *const u8,
    path_size: usize,
    data: *const u8,
    size: usize,
) -> Status {
    if fails("set_property") {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let (path, value) = unsafe { (text(path, path_size), text(data, size)) };
    called(|host| {
        if host.contexts.get(&host.acting()).is_none_or(|context| context.root == host.acting()) {
            host.breach("filter state outside of a stream");
        }
        host.filter_state.push((path, value));
        Status::Ok
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_get_shared_data(
    key: *const u8,
    key_size: usize,
    data: *mut *mut u8,
    size: *mut usize,
    version: *mut u32,
) -> Status {
    if fails("get_shared_data") {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let key = unsafe { text(key, key_size) };
    let found = called(|host| {
        host.shared_data_calls += 1;
        host.shared_data.get(&key)
    });
    let (value, found) = found.map_or((None, 0), |(value, version)| (Some(value), version));
    // SAFETY: see the module.
    unsafe {
        *version = found;
        hand_over(value, data, size)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_set_shared_data(
    key: *const u8,
    key_size: usize,
    data: *const u8,
    size: usize,
    version: u32,
) -> Status {
    if fails("set_shared_data") {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let (key, value) = unsafe { (text(key, key_size), bytes(data, size)) };
    called(|host| {
        host.shared_data_calls += 1;
        host.shared_data.set(&key, value, version)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_define_metric(kind: u32, name: *const u8, size: usize, id: *mut u32) -> Status {
    if fails("define_metric") {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let name = unsafe { text(name, size) };
    match called(|host| host.metrics.define(kind, &name)) {
        Some(defined) => {
            // SAFETY: see the module.
            unsafe { *id = defined };
            Status::Ok
        }
        None => Status::BadArgument,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_increment_metric(id: u32, offset: i64) -> Status {
    if fails("increment_metric") {
        return Status::InternalFailure;
    }
    called(|host| {
        let status = host.metrics.increment(id, offset);
        if status != Status::Ok {
            host.breach(format!("metric {id} was incremented by {offset}: {status:?}"));
        }
        status
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_record_metric(id: u32, value: u64) -> Status {
    if fails("record_metric") {
        return Status::InternalFailure;
    }
    called(|host| {
        let status = host.metrics.record(id, value);
        if status != Status::Ok {
            host.breach(format!("{value} was recorded for metric {id}: {status:?}"));
        }
        status
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_set_tick_period_milliseconds(period: u32) -> Status {
    if fails("set_tick_period") {
        return Status::InternalFailure;
    }
    called(|host| {
        let (root, now) = (host.acting_root(), host.now);
        host.timers.set(root, Duration::from_millis(period.into()), now);
        Status::Ok
    })
}

#[unsafe(no_mangle)]
extern "C" fn proxy_done() -> Status {
    if fails("done") {
        return Status::InternalFailure;
    }
    called(|host| {
        let root = host.acting_root();
        let waiting = host.pending_done.len();
        host.pending_done.retain(|_, pending| *pending != root);
        if host.pending_done.len() == waiting {
            host.breach("done() that nobody waits for");
            return Status::NotFound;
        }
        host.finished.push(root);
        Status::Ok
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_time_get(clock: u32, _precision: u64, time: *mut u64) -> u32 {
    if fails(&format!("clock {clock}")) {
        return Status::InternalFailure as u32;
    }
    // Its monotonic clock began with the simulation, the other one at the beginning of an era.
    let now = called(|host| {
        host.now += host.reading_takes;
        if clock == 0 { host.now + host.wall } else { host.now }
    });
    // SAFETY: see the module.
    unsafe { *time = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn proxy_http_call(
    cluster: *const u8,
    cluster_size: usize,
    headers: *const u8,
    headers_size: usize,
    body: *const u8,
    body_size: usize,
    trailers: *const u8,
    trailers_size: usize,
    timeout: u32,
    token: *mut u32,
) -> Status {
    if fails("http_call") {
        return Status::InternalFailure;
    }
    // SAFETY: see the module.
    let (cluster, headers, body, trailers) = unsafe {
        (
            text(cluster, cluster_size),
            bytes(headers, headers_size),
            bytes(body, body_size),
            bytes(trailers, trailers_size),
        )
    };
    let timeout = Duration::from_millis(timeout.into());
    match called(|host| host.take_call(cluster, &headers, body, &trailers, timeout)) {
        Ok(taken) => {
            // SAFETY: see the module.
            unsafe { *token = taken };
            Status::Ok
        }
        Err(status) => status,
    }
}

impl super::Host {
    fn take_call(
        &mut self,
        cluster: String,
        block: &[u8],
        body: Vec<u8>,
        trailers: &[u8],
        timeout: Duration,
    ) -> Result<u32, Status> {
        // Whichever context makes it, a call is its root's.
        let root = self.acting_root();
        if timeout.is_zero() {
            self.breach("a call without a timeout");
        }
        if trailers != 0u32.to_le_bytes() {
            self.breach("a call with trailers");
        }
        let headers = parsed(block).filter(|_| block.len() <= MAX_BYTES).ok_or(Status::BadArgument)?;
        let has = |name: &[u8]| headers.iter().any(|(key, _)| key == name);
        if headers.len() > MAX_PAIRS || ![":method", ":path", ":authority"].iter().all(|n| has(n.as_bytes()))
        {
            return Err(Status::BadArgument);
        }
        if self.unknown_clusters.contains(&cluster) {
            return Err(Status::BadArgument);
        }
        if self.clusters_without_endpoint.contains(&cluster) {
            return Err(Status::InternalFailure);
        }
        let token = next_id();
        self.open.insert(token);
        self.callouts.push(Callout { token, root, cluster, headers, body, timeout, at: self.now });
        Ok(token)
    }
}

/// Whether a test has this call fail.
fn fails(call: &str) -> bool {
    with(|host| host.failing.contains(call))
}

fn called<T>(act: impl FnOnce(&mut super::Host) -> T) -> T {
    with(|host| {
        host.calls += 1;
        act(host)
    })
}

unsafe fn bytes(data: *const u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: of the caller.
    unsafe { std::slice::from_raw_parts(data, size) }.to_vec()
}

unsafe fn text(data: *const u8, size: usize) -> String {
    // SAFETY: of the caller.
    String::from_utf8_lossy(&unsafe { bytes(data, size) }).into_owned()
}

/// Gives bytes to the module, in memory that the module allocates.
unsafe fn hand_over(value: Option<Vec<u8>>, data: *mut *mut u8, size: *mut usize) -> Status {
    let Some(value) = value else { return Status::NotFound };
    let memory = super::allocate(value.len());
    // SAFETY: the memory has this size and nobody else knows it; the rest is of the caller.
    unsafe {
        std::ptr::copy_nonoverlapping(value.as_ptr(), memory, value.len());
        *data = memory;
        *size = value.len();
    }
    Status::Ok
}

pub fn serialized(headers: &Headers) -> Vec<u8> {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = number(headers.len()).to_vec();
    for (name, value) in headers {
        block.extend(number(name.len()));
        block.extend(number(value.len()));
    }
    for part in headers.iter().flat_map(|(name, value)| [name, value]) {
        block.extend(part);
        block.push(0);
    }
    block
}

fn parsed(block: &[u8]) -> Option<Headers> {
    let number = |at: usize| -> Option<usize> {
        let four = block.get(at..at + 4)?;
        Some(u32::from_le_bytes(four.try_into().ok()?) as usize)
    };
    let count = number(0)?;
    let mut at = 4 + count.checked_mul(8)?;
    let mut take = |len: usize| {
        let part = block.get(at..at + len)?.to_vec();
        at += len + 1;
        Some(part)
    };
    (0..count).map(|i| Some((take(number(4 + i * 8)?)?, take(number(8 + i * 8)?)?))).collect()
}
