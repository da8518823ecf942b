// SPDX-License-Identifier: Apache-2.0
//! What the check takes from the filter's own code: it reads a configuration as the filter does.

use std::time::{SystemTime, UNIX_EPOCH};

pub use shadow_filter::compare::BodyRule;
pub use shadow_filter::conditions::Conditions;
pub use shadow_filter::config::{BodyPolicy, Config, Fault, Mirror, OnOverflow};
pub use shadow_filter::edits::{Authority, NamePattern};
pub use shadow_filter::sampling::{Key, Percentage};
pub use shadow_filter::target::Target;
pub use shadow_filter::timestamp::Timestamp;

/// A time as the filter counts it.
pub fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::since_epoch(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
