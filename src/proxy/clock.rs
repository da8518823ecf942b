// SPDX-License-Identifier: Apache-2.0
//! The host's two clocks.

use std::time::Duration;

use super::imports::{self, ClockId, HostResult};
use crate::time::{Moment, Timestamp};

pub fn now() -> HostResult<Moment> {
    imports::clock(ClockId::Monotonic).map(Duration::from_nanos)
}

pub fn wall() -> HostResult<Timestamp> {
    imports::clock(ClockId::Realtime).map(Duration::from_nanos).map(Timestamp::since_epoch)
}
