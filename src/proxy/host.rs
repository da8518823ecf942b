// SPDX-License-Identifier: Apache-2.0
//! The host calls, and the only unsafe code.
//!
//! The SDK's own wrappers panic on a status that they do not expect and copy every header into strings of its own; a
//! panic traps the VM, and that disturbs the primary. These return what there is and nothing otherwise. Two things
//! stay with the SDK: its dispatcher, which must know of every call, and its logger.

use std::ptr::null_mut;
use std::time::Duration;

use proxy_wasm::types::{BufferType, MapType, MetricType, Status};

use crate::answer;
use crate::timestamp::Timestamp;
use crate::worker::Refusal;

const OK: u32 = 0;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
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
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_done() -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

/// The serialized headers of the request whose callback runs.
pub fn request_headers() -> Vec<u8> {
    // SAFETY: the host only writes to the two out-parameters, which live across the call.
    owned(|data, size| unsafe { proxy_get_header_map_pairs(MapType::HttpRequestHeaders as u32, data, size) })
        .unwrap_or_default()
}

/// The `:status` of the response whose callback runs.
pub fn response_status() -> u16 {
    answer::status(header(MapType::HttpResponseHeaders, ":status").as_deref())
}

/// The headers of the shadow's answer whose callback runs.
pub struct CallHeaders;

impl answer::Headers for CallHeaders {
    fn header(&self, name: &str) -> Option<Vec<u8>> {
        header(MapType::HttpCallResponseHeaders, name)
    }
}

fn header(map: MapType, name: &str) -> Option<Vec<u8>> {
    // SAFETY: the name's pointer and length are those of a live string; the host only writes to the out-parameters.
    owned(|data, size| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, size)
    })
}

/// The chunk of the request's body whose callback runs.
pub fn request_body(size: usize) -> Vec<u8> {
    buffer(BufferType::HttpRequestBody, size)
}

/// The plugin's configuration, in its `on_configure`.
pub fn plugin_configuration(size: usize) -> Vec<u8> {
    buffer(BufferType::PluginConfiguration, size)
}

fn buffer(buffer: BufferType, max_size: usize) -> Vec<u8> {
    // SAFETY: the host only writes to the two out-parameters, which live across the call.
    owned(|data, size| unsafe { proxy_get_buffer_bytes(buffer as u32, 0, max_size, data, size) })
        .unwrap_or_default()
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
pub fn define_metric(kind: MetricType, name: &str) -> Option<u32> {
    let mut id = 0;
    // SAFETY: the name's pointer and length are those of a live string; the host only writes to `id`.
    let status = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) };
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

/// Makes the calls of this callback those of another context. False if the host does not have it.
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

/// Sends a request, and gives the token under which the answer will come.
pub fn dispatch(
    cluster: &str,
    headers: Vec<(&[u8], &[u8])>,
    body: &[u8],
    timeout: Duration,
) -> Result<u32, Refusal> {
    // SAFETY: names and values may hold any bytes, and the SDK's signature cannot say so. A `str` of other bytes is not
    // undefined behaviour in itself; `dispatch_http_call` does nothing with it but take its length and its bytes.
    let text = |bytes| unsafe { std::str::from_utf8_unchecked(bytes) };
    let headers = headers.into_iter().map(|(name, value)| (text(name), text(value))).collect();
    let body = (!body.is_empty()).then_some(body);
    // The one place for it: everything else sends through here.
    #[allow(clippy::disallowed_methods)]
    let result = proxy_wasm::hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), timeout);
    result.map_err(|status| match status {
        Status::BadArgument => Refusal::UnknownCluster,
        _ => Refusal::Rejected,
    })
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
    // SAFETY: the host got `data` from `proxy_on_memory_allocate`, the SDK's export, which allocates a `[u8]` of exactly
    // this size with the global allocator and gives it away.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
}
