// SPDX-License-Identifier: Apache-2.0
//! The life of a request: from the draw to the copies, their answers and the comparison. The only room that knows a whole
//! mirror. Does not know the host.

mod buffered;
mod control;
mod copied;
mod copy;
mod copying;
mod deferred;
mod exchange;
mod in_flight;
mod observing;
mod outbox;
mod pair;
mod policy;
mod reading;
mod redacting;
mod request;
mod running;
mod set;
mod sharing;
mod table;
mod trials;
mod work;
mod worker;

pub use self::copied::Copied;
pub use self::copy::ShadowRequest;
pub use self::deferred::PrimaryEnd;
pub use self::in_flight::{Awaited, Ended};
pub use self::request::Request;
pub use self::running::Mirror;
pub use self::table::Table;
pub use self::worker::Worker;
