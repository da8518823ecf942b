// SPDX-License-Identifier: Apache-2.0
//! What every part needs to know.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

pub struct Campaign {
    pub seed: u64,
    /// In place of the module built from the sources.
    pub module: Option<PathBuf>,
    /// Tells of every difference, those that do not come back too.
    pub verbose: bool,
    /// Cancelled by Ctrl-C: a part ends with its result so far.
    pub stop: CancellationToken,
}

impl Campaign {
    /// A generator of its own for one use, the same for the same seed.
    pub fn random(&self, of: u64) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.seed ^ of.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}
