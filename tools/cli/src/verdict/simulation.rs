// SPDX-License-Identifier: Apache-2.0
//! The verdict on populations that are known, over and over: how often is it right?

use super::judge::{Decision, Judgement};
use super::population::{COARSE, Part, Population, fine};
use super::statistics::Histogram;
use super::tally::Tally;
use super::thresholds::Thresholds;

/// How often each decision came, of how many.
#[derive(Debug, Default)]
struct Decisions {
    promote: u32,
    hold: u32,
    reject: u32,
}

impl Decisions {
    fn count(&mut self, decision: Decision) {
        match decision {
            Decision::Promote => self.promote += 1,
            Decision::Hold => self.hold += 1,
            Decision::Reject => self.reject += 1,
        }
    }

    fn all(&self) -> u32 {
        self.promote + self.hold + self.reject
    }

    fn share(&self, count: u32) -> f64 {
        f64::from(count) / f64::from(self.all())
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Shape {
    LogNormal,
    Bimodal,
    HeavyTail,
    /// Like a sleep, a timer or a disk: the slow ones take nearly the same.
    Spiky,
}

const SHAPES: [Shape; 4] = [Shape::LogNormal, Shape::Bimodal, Shape::HeavyTail, Shape::Spiky];

fn between(low: f64, high: f64, random: &mut fastrand::Rng) -> f64 {
    low + (high - low) * random.f64()
}

/// Some service of a kind whose P99 is so large that twice as much is beyond the slack.
fn service(shape: Shape, random: &mut fastrand::Rng) -> Population {
    loop {
        let median = between(3_f64.ln(), 500_f64.ln(), random).exp();
        let main = Part::LogNormal { median, spread: between(0.2, 0.9, random) };
        let population = match shape {
            Shape::LogNormal => Population(vec![(1.0, main)]),
            Shape::Bimodal => {
                let share = between(0.02, 0.4, random);
                let median = median * between(3.0, 30.0, random);
                let slow = Part::LogNormal { median, spread: between(0.15, 0.5, random) };
                Population(vec![(1.0 - share, main), (share, slow)])
            }
            Shape::Spiky => {
                let share = between(0.015, 0.4, random);
                let median = median * between(3.0, 30.0, random);
                let slow = Part::LogNormal { median, spread: between(0.01, 0.1, random) };
                Population(vec![(1.0 - share, main), (share, slow)])
            }
            Shape::HeavyTail => {
                let share = between(0.02, 0.3, random);
                let from = median * between(1.0, 3.0, random);
                let tail = Part::Pareto { from, shape: between(1.2, 3.0, random) };
                Population(vec![(1.0 - share, main), (share, tail)])
            }
        };
        if (10.0..20_000.0).contains(&population.quantile(0.99)) {
            return population;
        }
    }
}

/// A service whose P99 is twice that of another: because everything is slower, because its slow part is, or because of
/// a new slow path.
fn doubled(service: &Population, random: &mut fastrand::Rng) -> Population {
    match random.u8(0..3) {
        0 => service.slower(2.0),
        1 => service.with_slower_part(2.0),
        _ => service.with_slow_path(between(0.011, 0.1, random), 2.0),
    }
}

fn judged(primary: (Histogram, u64), shadow: (Histogram, u64), limits: &Thresholds) -> Decision {
    let mut tally = Tally::default();
    for (side, (durations, errors)) in [(&mut tally.primary, primary), (&mut tally.shadow, shadow)] {
        let count = durations.count();
        side.classes = [("2xx".to_owned(), count - errors), ("5xx".to_owned(), errors)].into();
        side.durations = durations;
    }
    Judgement::of(&tally, limits).decision
}

fn errors(count: usize, rate: f64, random: &mut fastrand::Rng) -> u64 {
    (0..count).filter(|_| random.f64() < rate).count() as u64
}

/// Judges `rounds` services of a kind against what `change` makes of them.
fn simulate(
    shape: Shape,
    bounds: &[f64],
    count: usize,
    rounds: u32,
    limits: &Thresholds,
    change: impl Fn(&Population, &mut fastrand::Rng) -> (Population, f64),
) -> Decisions {
    // `SIMULATION_TIMES=20` for those who want to know more exactly.
    let times = std::env::var("SIMULATION_TIMES").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    let rounds = rounds.saturating_mul(times);
    let mut random = fastrand::Rng::with_seed(0x5eed_0006);
    let mut decisions = Decisions::default();
    for _ in 0..rounds {
        let service = service(shape, &mut random);
        let rate = between(0.0, 0.03, &mut random);
        let (changed, more_errors) = change(&service, &mut random);
        let primary = (service.sample(bounds, count, &mut random), errors(count, rate, &mut random));
        let shadow =
            (changed.sample(bounds, count, &mut random), errors(count, rate + more_errors, &mut random));
        decisions.count(judged(primary, shadow, limits));
    }
    decisions
}

fn buckets() -> [(Vec<f64>, &'static str); 2] {
    [(COARSE.to_vec(), "shipped buckets"), (fine(), "Envoy's own buckets")]
}

#[test]
fn a_doubled_p99_is_not_promoted() {
    for (bounds, name) in buckets() {
        for shape in SHAPES {
            let limits = Thresholds::default();
            let found = simulate(shape, &bounds, 5_000, 300, &limits, |service, random| {
                (doubled(service, random), 0.0)
            });
            println!("doubled P99, {name}, {shape:?}: {found:?}");
            assert!(found.share(found.promote) < 0.01, "{name}, {shape:?}: {found:?}");
        }
    }
}

#[test]
fn a_point_more_of_errors_is_not_promoted() {
    let limits = Thresholds::default();
    let found =
        simulate(Shape::LogNormal, &COARSE, 5_000, 1_000, &limits, |service, _| (service.clone(), 0.01));
    println!("+1 point of errors: {found:?}");
    assert!(found.share(found.promote) < 0.01, "{found:?}");
}

#[test]
fn an_equal_service_is_promoted() {
    for (bounds, name) in buckets() {
        for shape in SHAPES {
            let limits = Thresholds::default();
            let found = simulate(shape, &bounds, 50_000, 30, &limits, |service, _| (service.clone(), 0.0));
            println!("equal, {name}, {shape:?}: {found:?}");
            // A spike in a wide bucket may be anywhere in it, which is a reason to hold.
            let least = if name == "shipped buckets" && shape == Shape::Spiky { 0.2 } else { 0.8 };
            assert!(found.share(found.promote) > least && found.reject == 0, "{name}, {shape:?}: {found:?}");
        }
    }
}

/// The hardest case: limits that an equal service just keeps.
#[test]
fn an_equal_service_is_rejected_no_more_often_than_the_confidence_allows() {
    let limits = Thresholds {
        max_error_increase: 0.0,
        max_p50_ratio: 1.0,
        max_p90_ratio: 1.0,
        max_p99_ratio: 1.0,
        latency_slack_ms: 0.0,
        ..Thresholds::default()
    };
    for (bounds, name) in buckets() {
        for shape in SHAPES {
            let found = simulate(shape, &bounds, 5_000, 300, &limits, |service, _| (service.clone(), 0.0));
            println!("equal, limits without room, {name}, {shape:?}: {found:?}");
            assert!(found.share(found.reject) < 0.05, "{name}, {shape:?}: {found:?}");
        }
    }
}
