// SPDX-License-Identifier: Apache-2.0
//! Who is copied: the share of the requests, the time, the conditions, and the cluster that gets the copies.

mod conditions;
mod matcher;
mod sampling;
mod schedule;
mod selection;
mod statuses;
mod sticky;
mod target;

pub use self::conditions::{Condition, Conditions};
pub use self::matcher::{Matcher, Pattern, Test, Text};
pub use self::sampling::{Dice, Percentage};
pub use self::schedule::{Ramp, Schedule};
pub use self::selection::{Drawn, Selection, Unselected};
pub use self::statuses::{PrimaryStatus, Statuses};
pub use self::sticky::{Key, SampleBy};
pub use self::target::{MAX_ALLOWED, Target};
