// SPDX-License-Identifier: Apache-2.0
//! What holds for any counts.

use proptest::prelude::*;

use super::super::*;

const BOUNDS: [f64; 7] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0];

fn histogram() -> impl Strategy<Value = Histogram> {
    (prop::collection::vec(0_u64..2000, 8), 0_u64..20).prop_map(|(counts, beyond)| {
        let lower = [0.0].into_iter().chain(BOUNDS);
        let upper = BOUNDS.into_iter().chain([f64::INFINITY]);
        let ends = lower.zip(upper).zip(counts);
        Histogram {
            buckets: ends.map(|((lower, upper), count)| Bucket { lower, upper, count }).collect(),
            beyond,
        }
    })
}

fn counts() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..100_000).prop_flat_map(|of| (0..=of, Just(of)))
}

proptest! {
    #[test]
    fn an_interval_of_a_share_holds_the_share((hits, of) in counts(), alpha in 0.0001..0.5) {
        let found = share(hits, of, alpha);
        let seen = hits as f64 / of as f64;
        prop_assert!(0.0 <= found.low && found.low <= seen + 1e-9 && seen - 1e-9 <= found.high && found.high <= 1.0);
    }

    #[test]
    fn a_difference_turns_with_its_sides(a in counts(), b in counts(), alpha in 0.0001..0.5) {
        let (there, back) = (difference(a, b, alpha), difference(b, a, alpha));
        prop_assert!((there.low + back.high).abs() < 1e-9 && (there.high + back.low).abs() < 1e-9);
        prop_assert!(there.low <= there.high);
    }

    #[test]
    fn more_confidence_and_fewer_samples_widen((hits, of) in counts(), alpha in 0.001..0.5) {
        let width = |found: Interval| found.high - found.low;
        prop_assert!(width(share(hits, of, alpha)) <= width(share(hits, of, alpha / 2.0)) + 1e-9);
        prop_assert!(width(share(hits * 4, of * 4, alpha)) <= width(share(hits, of, alpha)) + 1e-9);
    }

    #[test]
    fn an_estimate_is_in_order(values in histogram(), q in 0.01..0.999, alpha in 0.0001..0.5) {
        let (Some(at), Some(mean)) = (quantile(&values, q, alpha), mean(&values, alpha)) else {
            prop_assert!(values.measured() == 0);
            return Ok(());
        };
        for found in [at, mean] {
            prop_assert!(found.low <= found.value && found.value <= found.high, "{found:?}");
        }
    }

    #[test]
    fn a_comparison_with_itself_holds_no_difference(values in histogram(), q in 0.01..0.999, alpha in 0.0001..0.5) {
        let Some(side) = quantile(&values, q, alpha) else { return Ok(()) };
        let found = Comparison::of(side, side);
        prop_assert!(found.ratio.low <= 1.0 && 1.0 <= found.ratio.high, "{found:?}");
        prop_assert!(found.difference.low <= 0.0 && 0.0 <= found.difference.high, "{found:?}");
    }
}
