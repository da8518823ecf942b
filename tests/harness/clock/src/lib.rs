// SPDX-License-Identifier: Apache-2.0

//! Moves the calendar clock of one process, for `LD_PRELOAD`. The file that `SHADOW_FILTER_CLOCK` names holds the offset in
//! nanoseconds, a native 64-bit integer, which may change at any time. Other clocks are as they are: timers do not notice.
//!
//! libfaketime cannot do this: it resolves symbols when it is first asked for the time, which Envoy's allocator does
//! before it can allocate, and the process hangs at its start.

#![cfg(target_os = "linux")]

use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

use libc::{c_int, c_long, clockid_t, time_t, timespec, timeval};

const SECOND: i64 = 1_000_000_000;

/// The mapped file; null before it is mapped, or if there is none.
static OFFSET: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());

#[used]
#[unsafe(link_section = ".init_array")]
static MAP: extern "C" fn() = map;

extern "C" fn map() {
    // SAFETY: the name is terminated, and what `getenv` returns is not kept. The mapping is as long as one number, is
    // never taken away, and is only used if there is one. Nothing here allocates.
    unsafe {
        let file = libc::getenv(c"SHADOW_FILTER_CLOCK".as_ptr());
        if file.is_null() {
            return;
        }
        let file = libc::open(file, libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return;
        }
        let page = libc::mmap(null_mut(), size_of::<i64>(), libc::PROT_READ, libc::MAP_SHARED, file, 0);
        libc::close(file);
        if page != libc::MAP_FAILED {
            OFFSET.store(page.cast(), Ordering::Release);
        }
    }
}

fn offset() -> i64 {
    // SAFETY: null, or a mapping that stays.
    unsafe { OFFSET.load(Ordering::Acquire).as_ref() }.map_or(0, |offset| offset.load(Ordering::Relaxed))
}

/// # Safety
/// As `clock_gettime(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the caller's pointer goes to the kernel, which checks it; it is read only if the kernel wrote it.
    unsafe {
        let result = libc::syscall(libc::SYS_clock_gettime, c_long::from(clock), time);
        if result == 0 && matches!(clock, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) {
            *time = moved(*time);
        }
        result as c_int
    }
}

/// # Safety
/// As `gettimeofday(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut timeval, _zone: *mut libc::c_void) -> c_int {
    let now = now();
    if !time.is_null() {
        // SAFETY: the caller's.
        unsafe { ptr::write(time, timeval { tv_sec: now.tv_sec, tv_usec: now.tv_nsec / 1_000 }) };
    }
    0
}

/// # Safety
/// As `time(2)`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(time: *mut time_t) -> time_t {
    let now = now();
    if !time.is_null() {
        // SAFETY: the caller's.
        unsafe { ptr::write(time, now.tv_sec) };
    }
    now.tv_sec
}

fn now() -> timespec {
    let mut now = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is there to be written.
    unsafe { clock_gettime(libc::CLOCK_REALTIME, &mut now) };
    now
}

fn moved(time: timespec) -> timespec {
    let nanos = time.tv_nsec + offset() % SECOND;
    timespec {
        tv_sec: time.tv_sec + offset() / SECOND + nanos.div_euclid(SECOND),
        tv_nsec: nanos.rem_euclid(SECOND),
    }
}
