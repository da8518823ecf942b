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

fn share() -> impl Strategy<Value = (u64, u64)> {
    (1_u64..100_000).prop_flat_map(|of| (0..=of, Just(of)))
}

proptest! {
    #[test]
    fn an_interval_of_a_share_holds_the_share((hits, of) in share(), confidence in 0.5..0.9999) {
        let found = wilson(hits, of, confidence);
        let share = hits as f64 / of as f64;
        prop_assert!(0.0 <= found.low && found.low <= share + 1e-9 && share - 1e-9 <= found.high && found.high <= 1.0);
    }

    #[test]
    fn a_difference_turns_with_its_sides(a in share(), b in share(), confidence in 0.5..0.9999) {
        let (there, back) = (newcombe(a, b, confidence), newcombe(b, a, confidence));
        prop_assert!((there.low + back.high).abs() < 1e-9 && (there.high + back.low).abs() < 1e-9);
        prop_assert!(there.low <= there.high);
    }

    #[test]
    fn more_confidence_and_fewer_samples_widen((hits, of) in share(), confidence in 0.5..0.99) {
        let width = |found: Interval| found.high - found.low;
        prop_assert!(width(wilson(hits, of, confidence)) <= width(wilson(hits, of, confidence + 0.005)) + 1e-12);
        prop_assert!(width(wilson(hits * 4, of * 4, confidence)) <= width(wilson(hits, of, confidence)) + 1e-12);
    }

    #[test]
    fn a_comparison_is_in_order(a in histogram(), b in histogram(), q in 0.01..0.999, confidence in 0.5..0.9999) {
        let Some(found) = compare(&a, &b, q, confidence) else {
            prop_assert!(a.count() == 0 || b.count() == 0);
            return Ok(());
        };
        for side in [found.primary, found.shadow] {
            prop_assert!(side.low <= side.value && side.value <= side.high, "{found:?}");
        }
        prop_assert!(found.ratio.low <= found.ratio.high, "{found:?}");
        prop_assert!(found.difference.low <= found.difference.high, "{found:?}");
    }

    #[test]
    fn a_comparison_with_itself_holds_no_difference(a in histogram(), q in 0.01..0.999, confidence in 0.5..0.9999) {
        if let Some(found) = compare(&a, &a, q, confidence) {
            prop_assert!(found.ratio.low <= 1.0 && found.ratio.high >= 1.0, "{found:?}");
            prop_assert!(found.difference.low <= 0.0 && found.difference.high >= 0.0, "{found:?}");
        }
    }

    /// No interval says less than the ends of the buckets do.
    #[test]
    fn assumptions_only_narrow_what_the_buckets_say(a in histogram(), b in histogram(), q in 0.01..0.999) {
        if let Some(found) = compare(&a, &b, q, 0.95) {
            let outer = |side: Estimate| {
                let low = BOUNDS.iter().rev().find(|bound| **bound <= side.low).copied().unwrap_or(0.0);
                let high = BOUNDS.iter().find(|bound| **bound >= side.high).copied().unwrap_or(f64::INFINITY);
                (low, high)
            };
            let ((low, high), (shadow_low, shadow_high)) = (outer(found.primary), outer(found.shadow));
            prop_assert!(found.ratio.high <= shadow_high / low * 1.000_001 || low == 0.0 || shadow_high.is_infinite(), "{found:?}");
            prop_assert!(found.ratio.low >= shadow_low / high * 0.999_999 || high.is_infinite(), "{found:?}");
        }
    }
}
