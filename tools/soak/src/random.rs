// SPDX-License-Identifier: Apache-2.0
//! Generation by number: the same seed and number make the same value, whatever was generated before it.

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The value with this number, and everything that is smaller than it.
pub fn tree<S: Strategy>(strategy: &S, seed: u64, number: u64) -> S::Tree {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes().into_iter().chain(number.to_le_bytes())) {
        *to = from;
    }
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    #[expect(clippy::expect_used, reason = "the strategies of this program reject next to nothing")]
    strategy.new_tree(&mut runner).expect("a value")
}
