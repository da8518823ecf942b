// SPDX-License-Identifier: Apache-2.0
//! What is held of requests and answers, and the budget that bounds it. Does not know who asked.

mod body;
mod budget;

pub use self::body::{BodyPolicy, Capture, MAX_BODY_BYTES, OnOverflow, OutOfMemory};
pub use self::budget::{BOOKKEEPING, Budget, Charge, MAX_BUFFERED_BYTES};
