// SPDX-License-Identifier: Apache-2.0
//! The host calls, and the only unsafe code.
//!
//! Bindings of its own and not those of an SDK: those panic on a status that they do not expect, which traps the VM and
//! disturbs the primary, and they copy every header into a string of its own. These return what there is and nothing
//! otherwise.

use std::ptr::null_mut;
use std::time::Duration;

use crate::answer;
use crate::ledger::Kind;
use crate::timestamp::Timestamp;
use crate::worker::Refusal;

// Numbers of the ABI.
const OK: u32 = 0;
const BAD_ARGUMENT: u32 = 2;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const CALL_RESPONSE_HEADERS: u32 = 6;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;

/// A serialized header map without a header.
const NO_TRAILERS: [u8; 4] = 0u32.to_le_bytes();

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
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_done() -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Info = 2,
    Warn = 3,
    Error = 4,
    #[cfg(target_os = "wasi")]
    Critical = 5,
}

/// A line for Envoy's log, which drops what is below its own level.
pub fn log(level: Level, text: &str) {
    // SAFETY: pointer and length are those of a live string, which the host only reads.
    unsafe { proxy_log(level as u32, text.as_ptr(), text.len()) };
}

/// The serialized headers of the request whose callback runs.
pub fn request_headers() -> Vec<u8> {
    headers(REQUEST_HEADERS)
}

/// Likewise those of the primary's answer.
pub fn response_headers() -> Vec<u8> {
    headers(RESPONSE_HEADERS)
}

/// Likewise those of the shadow's answer.
pub fn call_headers() -> Vec<u8> {
    headers(CALL_RESPONSE_HEADERS)
}

fn headers(map: u32) -> Vec<u8> {
    // SAFETY: the host only writes to the two out-parameters, which live across the call.
    owned(|data, size| unsafe { proxy_get_header_map_pairs(map, data, size) }).unwrap_or_default()
}

/// The `:status` of the response whose callback runs.
pub fn response_status() -> u16 {
    answer::status(header(RESPONSE_HEADERS, ":status").as_deref())
}

/// The headers of the shadow's answer whose callback runs.
pub struct CallHeaders;

impl answer::Headers for CallHeaders {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        header(CALL_RESPONSE_HEADERS, name)
    }
}

fn header(map: u32, name: &str) -> Option<Vec<u8>> {
    // SAFETY: the name's pointer and length are those of a live string; the host only writes to the out-parameters.
    owned(|data, size| unsafe { proxy_get_header_map_value(map, name.as_ptr(), name.len(), data, size) })
}

/// The chunk of the request's body whose callback runs.
pub fn request_body(size: usize) -> Vec<u8> {
    buffer(REQUEST_BODY, size)
}

/// The chunk of the primary's answer whose callback runs.
pub fn response_body(size: usize) -> Vec<u8> {
    buffer(RESPONSE_BODY, size)
}

/// The body of the shadow's answer whose callback runs.
pub fn call_body(size: usize) -> Vec<u8> {
    if size == 0 { Vec::new() } else { buffer(CALL_RESPONSE_BODY, size) }
}

/// The plugin's configuration, in its `on_configure`.
pub fn plugin_configuration(size: usize) -> Vec<u8> {
    buffer(PLUGIN_CONFIGURATION, size)
}

fn buffer(buffer: u32, max_size: usize) -> Vec<u8> {
    // SAFETY: the host only writes to the two out-parameters, which live across the call.
    owned(|data, size| unsafe { proxy_get_buffer_bytes(buffer, 0, max_size, data, size) }).unwrap_or_default()
}

/// The name of the plugin as Envoy's configuration has it.
pub fn plugin_name() -> String {
    const PATH: &str = "plugin_name";
    // SAFETY: pointer and length are those of a live string; the host only writes to the out-parameters.
    let name = owned(|data, size| unsafe { proxy_get_property(PATH.as_ptr(), PATH.len(), data, size) });
    String::from_utf8_lossy(&name.unwrap_or_default()).into_owned()
}

/// Leaves a value in the filter state of the request whose callback runs, under `wasm.<path>`.
pub fn set_filter_state(path: &str, value: &str) {
    // SAFETY: both pointers and lengths are those of live strings, which the host only reads.
    unsafe {
        proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len());
    }
}

/// The identity of a metric, made if the host does not have it yet.
pub fn define_metric(kind: Kind, name: &str) -> Option<u32> {
    let kind = match kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram => 2,
    };
    let mut id = 0;
    // SAFETY: the name's pointer and length are those of a live string; the host only writes to `id`.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) };
    (status == OK).then_some(id)
}

pub fn increment_metric(id: u32, offset: i64) {
    // SAFETY: no pointers.
    unsafe { proxy_increment_metric(id, offset) };
}

/// Sets a gauge, or adds an observation to a histogram.
pub fn record_metric(id: u32, value: u64) {
    // SAFETY: no pointers.
    unsafe { proxy_record_metric(id, value) };
}

/// Zero ends the ticks.
pub fn set_tick_period(period: Duration) {
    let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no pointers.
    unsafe { proxy_set_tick_period_milliseconds(millis) };
}

/// Makes the calls of the callback that runs those of another context. False if the host does not have it.
pub fn set_effective_context(context: u32) -> bool {
    // SAFETY: no pointers.
    unsafe { proxy_set_effective_context(context) == OK }
}

/// Tells that the root context whose callback runs has finished, after its `on_done` said that it had not.
pub fn done() {
    // SAFETY: no pointers.
    unsafe { proxy_done() };
}

/// Monotonic time.
pub fn now() -> Duration {
    clock(CLOCK_MONOTONIC)
}

/// What the host's clock shows.
pub fn wall_clock() -> Timestamp {
    Timestamp::since_epoch(clock(CLOCK_REALTIME))
}

fn clock(clock: u32) -> Duration {
    let mut nanos = 0;
    // SAFETY: the host only writes to `nanos`, which lives across the call.
    unsafe { clock_time_get(clock, 1, &raw mut nanos) };
    Duration::from_nanos(nanos)
}

/// Sends a request, and gives the token under which the answer will come. `headers` is a serialized header map.
pub fn dispatch(cluster: &str, headers: &[u8], body: &[u8], timeout: Duration) -> Result<u32, Refusal> {
    let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let mut token = 0;
    // SAFETY: pointers and lengths are those of live slices, which the host only reads; it only writes to `token`.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            NO_TRAILERS.as_ptr(),
            NO_TRAILERS.len(),
            timeout,
            &raw mut token,
        )
    };
    match status {
        OK => Ok(token),
        BAD_ARGUMENT => Err(Refusal::UnknownCluster),
        _ => Err(Refusal::Rejected),
    }
}

/// Takes over the buffer that a call returns. `None` if the call failed.
fn owned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut::<u8>(), 0);
    if call(&raw mut data, &raw mut size) != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // SAFETY: the host got `data` from `proxy_on_memory_allocate`, which makes a boxed slice of exactly this size and gives
    // it away.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}
