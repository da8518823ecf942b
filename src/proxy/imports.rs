// SPDX-License-Identifier: Apache-2.0
//! The host calls, and nearly all unsafe code. Knows numbers, bytes and [`Status`], and no type of the core.
//!
//! Bindings of its own and not those of an SDK: those panic on a status that they do not expect, which traps the VM and
//! disturbs the primary, and they copy every header into a string of its own. These give a `Result` each.

use std::alloc::{Layout, alloc};
use std::fmt;
use std::ptr::null_mut;

/// The header maps of the ABI that the filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderMap {
    Request = 0,
    Response = 2,
    ResponseTrailers = 3,
    CallResponse = 6,
    CallResponseTrailers = 7,
}

/// The buffers of the ABI that the filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricType {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockId {
    Realtime = 0,
    Monotonic = 1,
}

/// Why the host did not do what it was asked for: the number that the ABI gives it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Status(u32);

pub type HostResult<T> = Result<T, Status>;

impl Status {
    pub const NOT_FOUND: Self = Self(1);
    pub const BAD_ARGUMENT: Self = Self(2);
    pub const CAS_MISMATCH: Self = Self(8);
    pub const INTERNAL_FAILURE: Self = Self(10);

    fn check(status: u32) -> HostResult<()> {
        if status == 0 { Ok(()) } else { Err(Self(status)) }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            1 => "not found",
            2 => "bad argument",
            6 => "invalid memory access",
            7 => "empty",
            8 => "version mismatch",
            10 => "internal failure",
            12 => "unimplemented",
            _ => "unexpected",
        };
        write!(f, "{name}, status {}", self.0)
    }
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        data: *const u8,
        size: usize,
        version: u32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_done() -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

/// A line for Envoy's log, at a level of the ABI: 0 (trace) to 5 (critical).
pub fn log(level: u32, text: &str) -> HostResult<()> {
    // SAFETY: pointer and length are those of a live string, which the host only reads.
    Status::check(unsafe { proxy_log(level, text.as_ptr(), text.len()) })
}

/// The serialized headers of the message whose callback runs.
pub fn header_map(map: HeaderMap) -> HostResult<Vec<u8>> {
    // SAFETY: the host only writes to the two out-parameters, which live across the call.
    owned(|data, size| unsafe { proxy_get_header_map_pairs(map as u32, data, size) })
}

/// One header of the message whose callback runs; `None` if there is none of this name.
pub fn header(map: HeaderMap, name: &str) -> HostResult<Option<Vec<u8>>> {
    // SAFETY: the name's pointer and length are those of a live string; the host only writes to the out-parameters.
    let value = owned(|data, size| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
    });
    match value {
        Err(Status::NOT_FOUND) => Ok(None),
        value => value.map(Some),
    }
}

/// What a buffer shows in the callback that runs, from its start and `max_size` bytes at most.
pub fn buffer(buffer: Buffer, max_size: usize) -> HostResult<Vec<u8>> {
    // SAFETY: the host only writes to the two out-parameters, which live across the call.
    owned(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, max_size, data, size) })
}

pub fn property(path: &str) -> HostResult<Vec<u8>> {
    // SAFETY: pointer and length are those of a live string; the host only writes to the out-parameters.
    owned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

/// The same; `None` if there is no such value.
pub fn property_if_any(path: &str) -> HostResult<Option<Vec<u8>>> {
    match property(path) {
        Err(Status::NOT_FOUND) => Ok(None),
        value => value.map(Some),
    }
}

/// Leaves a value in the filter state of the request whose callback runs, under `wasm.<path>`.
pub fn set_property(path: &str, value: &str) -> HostResult<()> {
    // SAFETY: both pointers and lengths are those of live strings, which the host only reads.
    Status::check(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// What all VMs with the same `vm_id` share under a key, and its version.
pub fn shared_data(key: &str) -> HostResult<(Vec<u8>, u32)> {
    let mut version = 0;
    // SAFETY: the key's pointer and length are those of a live string; the host only writes to the out-parameters.
    let value = owned(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut version)
    })?;
    Ok((value, version))
}

/// Replaces it if it still has this version. Where there is nothing yet, any version does.
///
/// # Errors
/// [`Status::CAS_MISMATCH`] if it has another version.
pub fn set_shared_data(key: &str, value: &[u8], version: u32) -> HostResult<()> {
    // SAFETY: both pointers and lengths are those of live slices, which the host only reads.
    Status::check(unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version)
    })
}

/// The identity of a metric, made if the host does not have it yet.
pub fn define_metric(kind: MetricType, name: &str) -> HostResult<u32> {
    let mut id = 0;
    // SAFETY: the name's pointer and length are those of a live string; the host only writes to `id`.
    Status::check(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

pub fn increment_metric(id: u32, offset: i64) -> HostResult<()> {
    // SAFETY: no pointers.
    Status::check(unsafe { proxy_increment_metric(id, offset) })
}

/// Sets a gauge, or adds an observation to a histogram.
pub fn record_metric(id: u32, value: u64) -> HostResult<()> {
    // SAFETY: no pointers.
    Status::check(unsafe { proxy_record_metric(id, value) })
}

/// Zero ends the ticks.
pub fn set_tick_period(millis: u32) -> HostResult<()> {
    // SAFETY: no pointers.
    Status::check(unsafe { proxy_set_tick_period_milliseconds(millis) })
}

/// Tells that the root context whose callback runs has finished, after its `on_done` said that it had not.
pub fn done() -> HostResult<()> {
    // SAFETY: no pointers.
    Status::check(unsafe { proxy_done() })
}

/// Nanoseconds on one of the host's clocks.
pub fn clock(clock: ClockId) -> HostResult<u64> {
    let mut nanos = 0;
    // SAFETY: the host only writes to `nanos`, which lives across the call.
    Status::check(unsafe { clock_time_get(clock as u32, 1, &raw mut nanos) })?;
    Ok(nanos)
}

/// Sends a request, and gives the token under which the answer will come. `headers` is a serialized header map.
pub fn http_call(cluster: &str, headers: &[u8], body: &[u8], timeout_ms: u32) -> HostResult<u32> {
    /// A serialized header map without a header.
    const NO_TRAILERS: [u8; 4] = 0u32.to_le_bytes();
    let mut token = 0;
    // SAFETY: pointers and lengths are those of live slices, which the host only reads; it only writes to `token`.
    Status::check(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            NO_TRAILERS.as_ptr(),
            NO_TRAILERS.len(),
            timeout_ms,
            &raw mut token,
        )
    })?;
    Ok(token)
}

/// Memory for what the host hands over, which [`owned`] takes over. Null if there is none: the host's call fails then,
/// and nothing else.
pub fn allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        // SAFETY: the layout has a size.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => null_mut(),
    }
}

/// Takes over the buffer that a call returns.
fn owned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> HostResult<Vec<u8>> {
    let (mut data, mut size) = (null_mut::<u8>(), 0);
    Status::check(call(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the host got `data` from `allocate`, which makes a block of exactly this size for bytes and gives it away.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}
