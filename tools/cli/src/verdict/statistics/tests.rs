// SPDX-License-Identifier: Apache-2.0
//! Intervals against numbers that are known.

mod properties;

use super::*;

/// One value in each millisecond.
fn even(milliseconds: u32) -> Histogram {
    let bucket = |upper: u32| {
        let upper = f64::from(upper);
        Bucket { lower: upper - 1.0, upper, count: 1 }
    };
    Histogram { buckets: (1..=milliseconds).map(bucket).collect(), beyond: 0 }
}

/// A little wider than that for a single look, which is the 440th to the 561st.
#[test]
fn a_percentile_lies_between_ranks() {
    let found = quantile(&even(1000), 0.5, 0.0001).expect("values");
    assert_eq!(found.value, 499.5);
    assert!(found.low > 400.0 && found.low < 440.0, "{found:?}");
    assert!((found.low + found.high - 1000.0).abs() < 1.5, "{found:?}");
}

#[test]
fn too_few_values_leave_an_end_open() {
    let found = quantile(&even(50), 0.99, 0.05).expect("values");
    assert_eq!(found.high, f64::INFINITY);
    assert!(quantile(&Histogram::default(), 0.5, 0.05).is_none());
    assert!(mean(&Histogram::default(), 0.05).is_none());
}

#[test]
fn answers_that_never_came_are_slower_than_all_others() {
    let mut shadow = even(1000);
    shadow.beyond = 100;
    let found = quantile(&shadow, 0.99, 0.05).expect("values");
    assert_eq!((found.value, found.high), (f64::INFINITY, f64::INFINITY));
    assert!(found.low >= 999.0);
    assert_eq!(shadow.above(900.0), 200);
}

#[test]
fn a_bucket_that_holds_everything_tells_its_ends_and_no_more() {
    let lump = Histogram { buckets: vec![Bucket { lower: 10.0, upper: 25.0, count: 100_000 }], beyond: 0 };
    let found = quantile(&lump, 0.5, 0.05).expect("values");
    assert_eq!((found.low, found.high), (10.0, 25.0));
    let found = Comparison::of(found, found);
    assert_eq!(found.ratio, Interval { low: 0.4, high: 2.5 });
    assert_eq!(found.difference, Interval { low: -15.0, high: 15.0 });
    let found = mean(&lump, 0.05).expect("values");
    assert_eq!((found.low, found.value, found.high), (10.0, 17.5, 25.0));
}

#[test]
fn nothing_is_not_so_many_times_nothing() {
    let nothing = Estimate { value: 0.0, low: 0.0, high: 0.0 };
    let found = Comparison::of(nothing, nothing);
    assert_eq!(found.ratio, Interval { low: 0.0, high: f64::INFINITY });
    assert_eq!(found.difference, Interval { low: 0.0, high: 0.0 });
}

#[test]
fn a_difference_is_wider_than_for_a_single_look_and_not_by_much() {
    // For a single look at 95 % Newcombe has 0.1869 to 0.2131.
    let found = difference((6_000, 10_000), (8_000, 10_000), 0.05);
    assert!(found.low > 0.17 && found.low < 0.187 && found.high > 0.213 && found.high < 0.23, "{found:?}");
    assert_eq!(difference((0, 0), (1, 2), 0.05), Interval { low: -1.0, high: 1.0 });
}
