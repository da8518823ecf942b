// SPDX-License-Identifier: Apache-2.0
//! How many copies a mirror may make in a time: a bucket that fills at the rate and holds a burst.

use crate::time::Moment;

/// Copies per second, and how many may be made at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Above 0.
    pub per_second: f64,
    /// At least 1.
    pub burst: u32,
}

/// Begins full.
#[derive(Debug)]
pub struct TokenBucket {
    rate: Rate,
    tokens: f64,
    /// When `tokens` was true.
    at: Moment,
}

impl TokenBucket {
    pub fn new(rate: Rate) -> Self {
        Self { rate, tokens: f64::from(rate.burst), at: Moment::ZERO }
    }

    /// Takes one token if there is one. Time that goes backwards stands still.
    pub fn take(&mut self, now: Moment) -> bool {
        let elapsed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        let filled = self.tokens + elapsed.as_secs_f64() * self.rate.per_second;
        self.tokens = filled.min(f64::from(self.rate.burst));
        let any = self.tokens >= 1.0;
        if any {
            self.tokens -= 1.0;
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    fn taken(bucket: &mut TokenBucket, at: Moment) -> usize {
        (0..1_000_000).take_while(|_| bucket.take(at)).count()
    }

    #[test]
    fn begins_full_and_fills_at_the_rate() {
        let mut bucket = TokenBucket::new(Rate { per_second: 10.0, burst: 3 });
        let start = Duration::from_secs(1000);
        assert_eq!(taken(&mut bucket, start), 3);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(99)), 0);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(101)), 1);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(301)), 2);
        assert_eq!(taken(&mut bucket, start + Duration::from_secs(3600)), 3);
        assert_eq!(taken(&mut bucket, start), 0, "time went backwards");
    }

    #[test]
    fn a_rate_below_one_per_second_lets_one_through_now_and_then() {
        let mut bucket = TokenBucket::new(Rate { per_second: 0.5, burst: 1 });
        let sum: usize = (0..100).map(|second| taken(&mut bucket, Duration::from_secs(second))).sum();
        assert_eq!(sum, 50);
    }

    #[cfg(not(target_arch = "wasm32"))]
    proptest::proptest! {
        #[test]
        fn never_more_than_burst_and_rate_and_hardly_less_under_pressure(
            per_second in 0.01f64..10_000.0,
            burst in 1u32..100,
            pauses in proptest::collection::vec(0u64..100_000, 1..300),
        ) {
            let mut bucket = TokenBucket::new(Rate { per_second, burst });
            let mut now = Duration::ZERO;
            let mut sum = 0;
            for micros in pauses {
                now += Duration::from_micros(micros);
                sum += taken(&mut bucket, now);
                let most = f64::from(burst) + now.as_secs_f64() * per_second;
                proptest::prop_assert!(sum as f64 <= most + 1e-6, "{} of {}", sum, most);
            }
            // What is missing is what the full bucket could not take up at first, and the part of a token.
            let longest = 0.1 * per_second;
            if longest < f64::from(burst) - 1.0 {
                let least = f64::from(burst) - 1.0 + now.as_secs_f64() * per_second - longest;
                proptest::prop_assert!(sum as f64 >= least - 1e-6, "{} of {}", sum, least);
            }
        }
    }
}
