// SPDX-License-Identifier: Apache-2.0
//! Points in time: those of a clock that only moves on, and those of a calendar. Knows no other room.

mod moment;
mod timestamp;

pub use self::moment::Moment;
pub use self::timestamp::Timestamp;
