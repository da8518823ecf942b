// SPDX-License-Identifier: Apache-2.0
//! The verdict on populations that are known, looked at fifty times: how often is it right?
//!
//! `cargo test -p shadow-filter-cli --lib simulation -- --nocapture` prints the tables of docs/verdict.md;
//! `SIMULATION_RUNS=1000` makes them more exact.

mod stream;
mod truth;

use self::stream::{LOOKS, Shared, Source, Stream, Version};
use super::judge::Decision;
use super::population::{Part, Population};
use super::thresholds::{MOST_TIMES, Thresholds};

/// How often each decision came, of how many runs. A gate stops at the first PROMOTE and at the first REJECT.
#[derive(Debug, Default)]
struct Decisions {
    promote: u32,
    hold: u32,
    reject: u32,
    /// At how many samples it was decided, on average.
    at: f64,
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

fn version(latency: Population) -> Version {
    Version { latency, error_rate: ERRORS }
}

const ERRORS: f64 = 0.002;

/// Two versions and what is drawn of them.
struct Case<'a> {
    name: &'a str,
    primary: &'a Version,
    shadow: &'a Version,
    shared: Shared,
    samples: usize,
}

/// Streams of requests to two sides, each judged at all looks until it is decided.
fn run(source: &Source, case: &Case, runs: u32, limits: &Thresholds) -> Decisions {
    let Case { name, primary, shadow, shared, samples } = *case;
    let runs = std::env::var("SIMULATION_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(runs);
    let mut decisions = Decisions::default();
    for seed in 0..u64::from(runs) {
        let mut stream = Stream::of(source, primary, shadow, shared, seed);
        let decided = (1..=LOOKS).find_map(|look| {
            let at = samples * look / LOOKS;
            let decision = stream.judged_at(at, limits);
            (decision != Decision::Hold).then_some((decision, at))
        });
        match decided {
            Some((Decision::Promote, _)) => decisions.promote += 1,
            Some(_) => decisions.reject += 1,
            None => decisions.hold += 1,
        }
        decisions.at += decided.map_or(samples, |(_, at)| at) as f64 / f64::from(runs);
    }
    let percent = |count| format!("{:.1} %", decisions.share(count) * 100.0);
    println!(
        "| {name} | {} | {samples} | {runs} | {} | {} | {} | {:.0} |",
        source.name,
        percent(decisions.promote),
        percent(decisions.hold),
        percent(decisions.reject),
        decisions.at,
    );
    decisions
}

/// Both answers to a request are independent of each other.
fn independent<'a>(name: &'a str, primary: &'a Version, shadow: &'a Version, samples: usize) -> Case<'a> {
    Case { name, primary, shadow, shared: Shared::default(), samples }
}

#[test]
fn a_worse_service_is_not_promoted_at_any_of_fifty_looks() {
    let cases: [(&str, f64, Version); 5] = [
        ("P99 doubled, all slower", 20.0, version(service(40.0))),
        ("P99 doubled, by a slow path", 20.0, version(service(20.0).with_slower_part(2.0))),
        ("0.5 % take 1 s instead of 10 ms", 10.0, version(service(10.0).with_path(0.005, 1000.0))),
        ("+1 point of errors", 20.0, Version { latency: service(20.0), error_rate: ERRORS + 0.01 }),
        ("10 times, at 200 µs", 0.2, version(service(2.0))),
    ];
    for source in Source::both() {
        for (name, median, shadow) in &cases {
            // By 5,000 samples P99.9 is not known and nothing is promoted: 20,000 are the harder test.
            for (samples, runs) in [(5_000, 30), (20_000, 20)] {
                let primary = version(service(*median));
                let case = independent(name, &primary, shadow, samples);
                let found = run(&source, &case, runs, &Thresholds::default());
                assert!(found.share(found.promote) < 0.01, "{name}, {}: {found:?}", source.name);
            }
        }
    }
}

#[test]
fn an_equal_service_is_promoted_by_20_000_samples_and_not_rejected_at_any_of_fifty_looks() {
    for source in Source::both() {
        for median in [0.2, 2.0, 20.0, 200.0] {
            let side = version(service(median));
            let name = format!("equal, {median} ms");
            let case = independent(&name, &side, &side, 20_000);
            let found = run(&source, &case, 25, &Thresholds::default());
            assert!(found.share(found.promote) >= 0.95, "{name}, {}: {found:?}", source.name);
            assert!(found.share(found.reject) < 0.01, "{name}, {}: {found:?}", source.name);
        }
    }
}

/// A tenth of the answers has a tail without a variance.
fn heavy(shape: f64) -> Population {
    Population(vec![
        (0.9, Part::LogNormal { median: 20.0, spread: 0.5 }),
        (0.1, Part::Pareto { from: 30.0, shape }),
    ])
}

/// Harder ones to know: a wide spread, and a heavy tail. They may take longer.
#[test]
fn an_equal_service_of_a_harder_kind_is_not_rejected() {
    let wide = Population::log_normal(20.0, 0.9);
    for (name, population) in
        [("equal, 20 ms, σ 0.9", wide), ("equal, 20 ms, a tenth heavy-tailed", heavy(2.0))]
    {
        let side = version(population);
        for source in Source::both() {
            let case = independent(name, &side, &side, 50_000);
            let found = run(&source, &case, 5, &Thresholds::default());
            assert_eq!(found.reject, 0, "{name}, {}: {found:?}", source.name);
        }
    }
}

/// With the shipped buckets, where both sides are near the end of one.
#[test]
fn equal_services_at_11_ms_are_promoted_by_12_000_samples_read_from_prometheus() {
    let side = version(Population::log_normal(11.0, 0.35));
    let case = independent("equal, 11 ms", &side, &side, 12_000);
    let found = run(&Source::prometheus(), &case, 40, &Thresholds::default());
    assert!(found.share(found.promote) >= 0.95, "{found:?}");
}

/// Requests that are very different, so that percentiles say little of each; and a part of them that is slower, of which percentiles
/// say nothing.
#[test]
fn pairs_show_what_percentiles_do_not() {
    let steady = |median: f64| version(Population::log_normal(median, 0.15));
    let of_two = |fast: f64| {
        version(Population(vec![
            (0.4, Part::LogNormal { median: fast, spread: 0.15 }),
            (0.6, Part::LogNormal { median: 100.0, spread: 0.5 }),
        ]))
    };
    let (primary, slower) = (steady(20.0), steady(36.0));
    let (both, hidden) = (of_two(2.0), of_two(10.0));
    let limits = Thresholds::default();
    let apart = Thresholds { max_paired_ratio: MOST_TIMES, max_pairs_twice: 100.0, ..limits.clone() };
    let source = Source::admin();
    for (name, primary, shadow, shared) in [
        ("every request 1.8 times as long, requests very different", &primary, &slower, Shared(1.5)),
        ("two fifths of the requests, the fast ones, 5 times as long", &both, &hidden, Shared::default()),
    ] {
        let without_name = format!("{name}; without pairs");
        let case = Case { shared, ..independent(name, primary, shadow, 20_000) };
        let with = run(&source, &case, 10, &limits);
        let case = Case { shared, ..independent(&without_name, primary, shadow, 20_000) };
        let without = run(&source, &case, 10, &apart);
        assert_eq!(with.promote, 0, "{name}: {with:?}");
        assert!(with.reject * 2 > with.hold && with.at * 2.0 < without.at, "{name}: {with:?} {without:?}");
    }
    // And are no reason to reject equal ones.
    let equal = independent("equal, requests very different", &primary, &primary, 20_000);
    let found = run(&source, &Case { shared: Shared(1.5), ..equal }, 10, &limits);
    assert_eq!(found.reject, 0, "{found:?}");
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
        max_paired_ratio: 1.0,
        max_pairs_twice: 0.0,
        latency_slack_us: 0.0,
        latency_slack_percent: 0.0,
        tail_slack_ms: 0.0,
        ..Thresholds::default()
    };
    for latency in [service(20.0), heavy(1.5)] {
        let side = Version { latency, error_rate: 0.01 };
        let rejects = |seed: &u64| {
            let mut stream = Stream::of(&Source::admin(), &side, &side, Shared::default(), *seed);
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
    let primary = version(service(10.0));
    let cases = [
        version(service(10.0).with_path(0.015, 100.0)),
        version(service(13.0)),
        Version { latency: service(10.0), error_rate: ERRORS + 0.004 },
        version(service(10.0)),
    ];
    let (mut named, mut fell) = (0, 0);
    for (case, shadow) in cases.iter().enumerate() {
        for seed in 0..SEEDS {
            let mut stream = Stream::of(&Source::admin(), &primary, shadow, Shared::default(), seed);
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
