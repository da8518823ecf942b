// SPDX-License-Identifier: Apache-2.0
//! The budgets of DESIGN.md, against what was measured.
//!
//! The two ratios are hard. Where nearly equal things are compared, chance decides half of the time; what chance may
//! explain is allowed there, up to a bound: the notch of the median ([`Spread::notch`]).

use serde::Serialize;

use crate::group::Group;
use crate::scenario::Wire;
use crate::spread::Spread;

/// Most of what mirroring everything may add, as a share of what Envoy's own mirroring adds.
const RATIO_HTTP1: f64 = 1.2;
const RATIO_HTTP2: f64 = 0.9;
/// What a mirror of 1 % may cost over pass-through, next to a hundredth of a copy.
const ONE_PERCENT: f64 = 1.05;
/// Most µs of processor time that are put down to chance.
const MAX_CHANCE_US: f64 = 1.0;
/// Share of the 99th percentile that is too small to tell, and how much more may be put down to chance.
const LATENCY_TOLERANCE: f64 = 0.05;
const MAX_LATENCY_CHANCE: f64 = 0.10;

#[derive(Debug, Serialize)]
pub struct Verdict {
    pub budget: String,
    pub found: String,
    pub allowed: String,
    pub held: bool,
}

/// Every budget whose scenarios were measured.
pub fn judge(main: &Group) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for (wire, most) in [(Wire::Http1, RATIO_HTTP1), (Wire::Http2, RATIO_HTTP2)] {
        verdicts.extend(ratio(main, wire, most));
    }
    verdicts.extend(pass_through(main));
    for wire in Wire::BOTH {
        verdicts.extend(one_percent(main, wire));
        verdicts.extend(latency(main, wire));
    }
    verdicts
}

fn ratio(main: &Group, wire: Wire, most: f64) -> Option<Verdict> {
    let ratio = main.ratio(main.row(&format!("filter-100-{wire}"))?)?.median;
    Some(Verdict {
        budget: format!("CPU of mirroring everything, {wire} shadow, of native"),
        found: format!("{ratio:.3}"),
        allowed: format!("{most:.3}"),
        held: ratio <= most,
    })
}

fn pass_through(main: &Group) -> Option<Verdict> {
    let more = main.paired(["filter-0", "idle"], |[zero, idle]| zero.cpu_us - idle.cpu_us)?;
    Some(micros("0 %, over the idle SDK filter", &more, more.notch().min(MAX_CHANCE_US)))
}

fn one_percent(main: &Group, wire: Wire) -> Option<Verdict> {
    let names = [&*format!("filter-1-{wire}"), "filter-0", &*format!("filter-100-{wire}")];
    let more = main.paired(names, |[one, zero, all]| {
        one.cpu_us - (ONE_PERCENT * zero.cpu_us + (all.cpu_us - zero.cpu_us) / 100.0)
    })?;
    let what = format!("1 %, {wire} shadow, over 1.05 × pass-through + 1/100 copy");
    Some(micros(&what, &more, more.notch().min(MAX_CHANCE_US)))
}

fn latency(main: &Group, wire: Wire) -> Option<Verdict> {
    let native = format!("native-{wire}");
    let more =
        main.paired([&format!("filter-100-{wire}"), &native], |[ours, native]| ours.p99_us - native.p99_us)?;
    let native = main.row(&native)?.spread(|sample| sample.p99_us).median;
    let tolerance = native * LATENCY_TOLERANCE + more.notch().min(native * MAX_LATENCY_CHANCE);
    Some(micros(&format!("P99 of the primary, {wire} shadow, over native"), &more, tolerance))
}

fn micros(budget: &str, more: &Spread, most: f64) -> Verdict {
    Verdict {
        budget: budget.to_owned(),
        found: format!("{:+.1} µs", more.median),
        allowed: format!("{most:+.1} µs"),
        held: more.median <= most,
    }
}
