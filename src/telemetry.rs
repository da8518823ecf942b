// SPDX-License-Identifier: Apache-2.0
//! What is counted and logged: reasons, metrics, the sums between two flushes, notices, and the lines about differences.
//! Does not know why.

mod difference_line;
mod ledger;
mod meters;
mod notice;
mod reason;
mod throttle;

pub use self::difference_line::{Answered, LoggedRequest, line};
pub use self::ledger::{Handle, Ledger, MetricKind, MetricUpdate};
pub use self::meters::{BUFFERED_BYTES, ComparisonMeters, Meters, config_invalid};
pub use self::notice::{ClusterChange, News, Notice};
pub use self::reason::{Class, ComparisonResult, FailReason, Side, SkipReason};
pub use self::throttle::Throttle;
