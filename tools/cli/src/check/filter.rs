// SPDX-License-Identifier: Apache-2.0
//! What the check takes from the filter's own code: it reads a configuration as the filter does.

use std::time::{SystemTime, UNIX_EPOCH};

pub use shadow_filter::admission::Scope;
pub use shadow_filter::capture::{BodyPolicy, OnOverflow};
pub use shadow_filter::compare::{BodyRule, PlaceStyle};
pub use shadow_filter::config::{Config, Fault, MirrorConfig, control_name};
pub use shadow_filter::select::{Conditions, Key, Percentage, Target};
pub use shadow_filter::time::Timestamp;
pub use shadow_filter::transform::{Authority, NamePattern, PathRewrite};

/// A time as the filter counts it.
pub fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::since_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
