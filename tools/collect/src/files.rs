// SPDX-License-Identifier: Apache-2.0
//! Exchanges in files. What was committed is still there after a crash; a folder has a bound; what was written is read again, also
//! where its end is torn. Knows no connections.
//!
//! A segment that is being written ends in `.open` and is plain: whatever the format, a crash leaves whole exchanges and a torn end
//! that is cut at the next start. When it is full it gets its final form (compressed, say) and name, in the background.

mod finish;
mod format;
mod journal;
mod reader;
mod seen;
mod shelf;
mod store;

pub use self::format::Format;
pub use self::journal::{Item, Journal, NotKept};
pub use self::reader::{Input, ReadError, Reader};
pub use self::seen::Seen;
pub use self::store::{Place, Recovered, Settings, Store, WhenFull};

#[cfg(test)]
mod tests;
