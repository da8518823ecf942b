// SPDX-License-Identifier: Apache-2.0
//! What the demo says, and whether it was so.

use std::process::ExitCode;

#[derive(Default)]
pub struct Promises {
    held: usize,
    broken: Vec<String>,
}

impl Promises {
    /// Prints a promise with a mark that says whether it held.
    pub fn check(&mut self, promise: impl Into<String>, holds: bool) {
        let promise = promise.into();
        println!("  {} {promise}", if holds { '✓' } else { '✗' });
        if holds {
            self.held += 1;
        } else {
            self.broken.push(promise);
        }
    }

    pub fn conclude(self) -> ExitCode {
        println!();
        if self.broken.is_empty() {
            println!("{} promises checked: every promise held", self.held);
            return ExitCode::SUCCESS;
        }
        println!("{} promises held, {} did not:", self.held, self.broken.len());
        self.broken.iter().for_each(|promise| println!("  ✗ {promise}"));
        ExitCode::FAILURE
    }
}
