// SPDX-License-Identifier: Apache-2.0
//! What copies may cost the worker and the shadow: limits, the circuit breaker, and the pace at which they leave. Does not
//! know what a copy is.

mod breaker;
mod gate;
mod joint_breaker;
mod lease;
mod limits;
mod pace;
mod pool;
mod token_bucket;

pub use self::breaker::{BreakerSettings, Transition};
pub use self::gate::{Denial, Ending, Gate, Permit, Proposal};
pub use self::lease::Occasion;
pub use self::limits::{Limits, Scope};
pub use self::pace::{FLUSH_PERIOD, Pace, Tempo, Waiting};
pub use self::token_bucket::Rate;
