// SPDX-License-Identifier: Apache-2.0
//! Standard output.

use std::io::{self, Write};

/// Prints bytes. A reader that closes the pipe early, such as `head`, is not an error.
pub fn print(bytes: impl AsRef<[u8]>) {
    let _ = io::stdout().write_all(bytes.as_ref());
}
