// SPDX-License-Identifier: Apache-2.0
//! Monotonic time.

use std::time::Duration;

/// A point on the host's monotonic clock, as the time since a start that does not matter. Two of them are subtracted; one
/// alone means nothing.
pub type Moment = Duration;
