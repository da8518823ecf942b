// SPDX-License-Identifier: Apache-2.0
//! An exchange as a line of JSON, for people, jq and DuckDB.
//!
//! ```json
//! {"mirror":"v2","id":"000102030405060708090a0b0c0d0e0f","started":"2026-08-01T12:00:00.000123Z",
//!  "request":{"headers":[[":method","GET"],[":path","/"]],"body":"text"},
//!  "answer":{"status":200,"duration_us":1234,"headers":[],"body":{"base64":"/w=="}}}
//! ```
//!
//! Bytes are a string where they are UTF-8, and `{"base64": …}` where not. What is empty, 0 or false is left out.

mod read;
mod write;

pub use self::read::from_line;
pub use self::write::write_line;
