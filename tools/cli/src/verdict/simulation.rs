// SPDX-License-Identifier: Apache-2.0
//! The verdict on populations that are known, looked at fifty times: how often is it right?
//!
//! `cargo test -p shadow-filter-cli --lib simulation -- --nocapture` prints the table of docs/verdict.md;
//! `SIMULATION_RUNS=1000` makes it more exact.

mod stream;
mod truth;

use self::stream::{LOOKS, Stream};
use super::judge::Decision;
use super::population::{Part, Population, fine, shipped};
use super::thresholds::Thresholds;

/// How often each decision came, of how many runs. A gate stops at the first PROMOTE and at the first REJECT.
#[derive(Debug, Default)]
struct Decisions {
    promote: u32,
    hold: u32,
    reject: u32,
}

impl Decisions {
    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.promote + self.hold + self.reject)
    }
}

/// A service that takes about `median` milliseconds, and now and then ten times that.
fn service(median: f64) -> Population {
    let usual = Part::LogNormal { median, spread: 0.35 };
    let slow = Part::LogNormal { median: median * 10.0, spread: 0.2 };
    Population(vec![(0.97, usual), (0.03, slow)])
}

const ERRORS: f64 = 0.002;

/// Streams of requests to two sides, each judged at all looks until it is decided.
fn run(
    name: &str,
    bounds: &(Vec<f64>, &str),
    samples: usize,
    runs: u32,
    primary: &(Population, f64),
    shadow: &(Population, f64),
) -> Decisions {
    let runs = std::env::var("SIMULATION_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(runs);
    let limits = Thresholds::default();
    let mut decisions = Decisions::default();
    for seed in 0..u64::from(runs) {
        let mut stream = Stream::of(&bounds.0, primary, shadow, seed);
        let decided = (1..=LOOKS).find_map(|look| {
            let decision = stream.judged_at(samples * look / LOOKS, &limits);
            (decision != Decision::Hold).then_some(decision)
        });
        match decided {
            Some(Decision::Promote) => decisions.promote += 1,
            Some(_) => decisions.reject += 1,
            None => decisions.hold += 1,
        }
    }
    let percent = |count| format!("{:.1} %", decisions.share(count) * 100.0);
    println!(
        "| {name} | {} | {samples} | {runs} | {} | {} | {} |",
        bounds.1,
        percent(decisions.promote),
        percent(decisions.hold),
        percent(decisions.reject)
    );
    decisions
}

fn buckets() -> [(Vec<f64>, &'static str); 2] {
    [(shipped(), "Prometheus"), (fine(), "admin")]
}

#[test]
fn a_worse_service_is_not_promoted_at_any_of_fifty_looks() {
    let equal = |median: f64| (service(median), ERRORS);
    let cases: [(&str, f64, (Population, f64)); 5] = [
        ("P99 doubled, all slower", 20.0, (service(40.0), ERRORS)),
        ("P99 doubled, by a slow path", 20.0, (service(20.0).with_slower_part(2.0), ERRORS)),
        ("0.5 % take 1 s instead of 10 ms", 10.0, (service(10.0).with_path(0.005, 1000.0), ERRORS)),
        ("+1 point of errors", 20.0, (service(20.0), ERRORS + 0.01)),
        ("10 times, at 200 µs", 0.2, (service(2.0), ERRORS)),
    ];
    for bounds in buckets() {
        for (name, median, shadow) in &cases {
            // By 5,000 samples P99.9 is not known and nothing is promoted: 20,000 are the harder test.
            for (samples, runs) in [(5_000, 30), (20_000, 20)] {
                let found = run(name, &bounds, samples, runs, &equal(*median), shadow);
                assert!(found.share(found.promote) < 0.01, "{name}, {}: {found:?}", bounds.1);
            }
        }
    }
}

#[test]
fn an_equal_service_is_promoted_by_20_000_samples_and_not_rejected_at_any_of_fifty_looks() {
    for bounds in buckets() {
        for median in [0.2, 2.0, 20.0, 200.0] {
            let side = (service(median), ERRORS);
            let name = format!("equal, {median} ms");
            let found = run(&name, &bounds, 20_000, 25, &side, &side);
            assert!(found.share(found.promote) >= 0.95, "{name}, {}: {found:?}", bounds.1);
            assert!(found.share(found.reject) < 0.01, "{name}, {}: {found:?}", bounds.1);
        }
    }
}

/// Harder ones to know: a wide spread, and a heavy tail. They may take longer.
#[test]
fn an_equal_service_of_a_harder_kind_is_not_rejected() {
    let wide = Population::log_normal(20.0, 0.9);
    let heavy = Population(vec![
        (0.9, Part::LogNormal { median: 20.0, spread: 0.5 }),
        (0.1, Part::Pareto { from: 30.0, shape: 2.0 }),
    ]);
    for (name, population) in [("equal, 20 ms, σ 0.9", wide), ("equal, 20 ms, a tenth heavy-tailed", heavy)]
    {
        let side = (population, ERRORS);
        for bounds in buckets() {
            let found = run(name, &bounds, 50_000, 5, &side, &side);
            assert_eq!(found.reject, 0, "{name}, {}: {found:?}", bounds.1);
        }
    }
}

/// With the shipped buckets, where both sides are near the end of one.
#[test]
fn equal_services_at_11_ms_are_promoted_by_12_000_samples_read_from_prometheus() {
    let side = (Population::log_normal(11.0, 0.35), ERRORS);
    let [shipped, _] = buckets();
    let found = run("equal, 11 ms", &shipped, 12_000, 40, &side, &side);
    assert!(found.share(found.promote) >= 0.95, "{found:?}");
}

/// The hardest case: limits that an equal service just keeps.
#[test]
fn an_equal_service_is_rejected_no_more_often_than_the_confidence_allows() {
    let limits = Thresholds {
        max_error_increase: 0.0,
        max_client_error_increase: 0.0,
        max_p50_ratio: 1.0,
        max_p90_ratio: 1.0,
        max_p99_ratio: 1.0,
        max_p999_ratio: 1.0,
        max_mean_ratio: 1.0,
        max_slow_increase: 0.0,
        latency_slack_us: 0.0,
        latency_slack_percent: 0.0,
        tail_slack_ms: 0.0,
        ..Thresholds::default()
    };
    let heavy = Population(vec![
        (0.9, Part::LogNormal { median: 20.0, spread: 0.5 }),
        (0.1, Part::Pareto { from: 30.0, shape: 1.5 }),
    ]);
    for side in [(service(20.0), 0.01), (heavy, 0.01)] {
        let rejects = |seed: &u64| {
            let mut stream = Stream::of(&fine(), &side, &side, *seed);
            (1..=LOOKS).any(|look| stream.judged_at(5_000 * look / LOOKS, &limits) == Decision::Reject)
        };
        let rejected = (0..30_u64).filter(rejects).count();
        println!("equal, limits without room: {rejected} of 30 rejected");
        assert!(rejected <= 2, "{rejected}");
    }
}

/// "So many more" names the same total on the way or a larger one, hardly ever a smaller one, and never nonsense.
#[test]
fn advice_does_not_jump_about() {
    const SEEDS: u64 = 6;
    let limits = Thresholds::default();
    let primary = (service(10.0), ERRORS);
    let cases = [
        (service(10.0).with_path(0.015, 100.0), ERRORS),
        (service(13.0), ERRORS),
        (service(10.0), ERRORS + 0.004),
        (service(10.0), ERRORS),
    ];
    let (mut named, mut fell) = (0, 0);
    for (case, shadow) in cases.iter().enumerate() {
        for seed in 0..SEEDS {
            let mut stream = Stream::of(&fine(), &primary, shadow, seed);
            let mut before = 0;
            for look in 1..=LOOKS {
                let (decision, total) = stream.advice_at(400 * look, &limits);
                if decision != Decision::Hold {
                    break;
                }
                let total = total.expect("a number");
                assert!(total * 2 >= before, "{case}, {seed}: {total} after {before} at {}", 400 * look);
                named += 1;
                fell += u32::from(total < before);
                before = total;
            }
        }
    }
    println!("advice: a smaller total {fell} times in {named}");
    assert!(fell * 50 <= named, "{fell} of {named}");
}
