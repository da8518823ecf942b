// SPDX-License-Identifier: Apache-2.0
//! Intervals against values from the literature, properties, and simulated populations.

mod properties;

use super::*;

#[track_caller]
fn close(found: Interval, low: f64, high: f64) {
    let near = |a: f64, b: f64| (a - b).abs() < 5e-4;
    assert!(near(found.low, low) && near(found.high, high), "{found:?}, not {low} to {high}");
}

/// Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
#[test]
fn a_share_has_wilsons_interval() {
    close(wilson(81, 263, 0.95), 0.2553, 0.3662);
    close(wilson(15, 148, 0.95), 0.0624, 0.1605);
    close(wilson(0, 20, 0.95), 0.0, 0.1611);
    close(wilson(1, 29, 0.95), 0.0061, 0.1718);
    close(wilson(0, 0, 0.95), 0.0, 1.0);
}

/// Newcombe 1998, "Interval estimation for the difference between independent proportions", table II, method 10. The
/// second share comes first there.
#[test]
fn a_difference_has_newcombes_interval() {
    close(newcombe((48, 80), (56, 70), 0.95), 0.0524, 0.3339);
    close(newcombe((3, 10), (9, 10), 0.95), 0.1705, 0.8090);
    close(newcombe((0, 20), (10, 10), 0.95), 0.6791, 1.0);
    close(newcombe((0, 10), (0, 20), 0.95), -0.2775, 0.1611);
}

/// One value in each millisecond.
fn even(milliseconds: u32) -> Histogram {
    let bucket = |upper: u32| {
        let upper = f64::from(upper);
        Bucket { lower: upper - 1.0, upper, count: 1 }
    };
    Histogram { buckets: (1..=milliseconds).map(bucket).collect(), beyond: 0 }
}

/// Conover, "Practical nonparametric statistics": the ranks come from the binomial distribution.
#[test]
fn a_percentile_lies_between_ranks() {
    let found = compare(&even(100), &even(100), 0.5, 0.90).expect("values");
    // 95 % for each side: the 40th to the 61st of 100 hold the median.
    assert_eq!((found.primary.low, found.primary.high), (39.0, 61.0));
    assert_eq!(found.primary.value, 49.5);
    assert_eq!(found.ratio, Interval { low: 39.0 / 61.0, high: 61.0 / 39.0 });
    assert_eq!(found.difference, Interval { low: -22.0, high: 22.0 });
}

#[test]
fn too_few_values_leave_an_end_open() {
    let found = compare(&even(50), &even(50), 0.99, 0.95).expect("values");
    assert_eq!(found.shadow.high, f64::INFINITY);
    assert_eq!(found.ratio.high, f64::INFINITY);
    assert!(compare(&even(50), &Histogram::default(), 0.5, 0.95).is_none());
}

#[test]
fn answers_that_never_came_are_slower_than_all_others() {
    let mut shadow = even(1000);
    shadow.beyond = 100;
    let found = compare(&even(1000), &shadow, 0.99, 0.95).expect("values");
    assert_eq!(found.shadow.value, f64::INFINITY);
    assert_eq!((found.shadow.low, found.shadow.high), (999.0, f64::INFINITY));
    assert!(found.ratio.low > 0.99 && found.ratio.high.is_infinite());
}

#[test]
fn a_bucket_that_holds_everything_says_nothing() {
    let lump = Histogram { buckets: vec![Bucket { lower: 10.0, upper: 25.0, count: 100_000 }], beyond: 0 };
    let found = compare(&lump, &lump, 0.5, 0.95).expect("values");
    assert!(found.blind);
    assert_eq!(found.ratio, Interval { low: 0.4, high: 2.5 });
    assert_eq!(found.difference, Interval { low: -15.0, high: 15.0 });
}

#[test]
fn a_coarse_bucket_stretches_what_is_interpolated() {
    let log_normal = |shift: f64| {
        let bounds = [5.0, 10.0, 25.0, 50.0, 100.0];
        super::super::population::Population::log_normal(20.0 * shift, 0.6).expected(&bounds, 1_000_000)
    };
    let found = compare(&log_normal(1.0), &log_normal(1.2), 0.9, 0.95).expect("values");
    assert!(!found.blind);
    assert!((found.shadow.value / found.primary.value - 1.2).abs() < 0.01, "{found:?}");
    assert!(found.ratio.low < 1.14 && found.ratio.low > 1.0, "{found:?}");
    assert!(found.ratio.high > 1.3 && found.ratio.high < 1.5, "{found:?}");
}
