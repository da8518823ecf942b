// SPDX-License-Identifier: Apache-2.0
//! The verdict in plain sentences.

mod log;
mod look;
mod numbers;
mod present;
mod sentence;

pub use self::log::{PROPOSAL, log};
pub use self::look::{first, first_place};
use self::numbers::{capital, enumeration, rounded};
pub use self::numbers::{count, percent, share, signed, thousands, time, trimmed};
pub use self::sentence::sentence;
use super::judge::{Decision, Finding, Judgement, Measure, Need};
use super::tally::Tally;
use super::thresholds::Thresholds;

pub fn headline(decision: Decision) -> &'static str {
    match decision {
        Decision::Promote => "PROMOTE",
        Decision::Hold => "HOLD",
        Decision::Fault => "SET-UP FAULT",
        Decision::Reject => "REJECT",
    }
}

/// Of one criterion.
pub fn state(decision: Decision) -> &'static str {
    match decision {
        Decision::Promote => "ok",
        Decision::Hold | Decision::Fault => "unsure",
        Decision::Reject => "failed",
    }
}

/// Why, in one sentence or a few short ones.
pub fn summary(judgement: &Judgement, needs: &[Option<Need>], tally: &Tally, limits: &Thresholds) -> String {
    if let Some(found) = &judgement.present {
        return present::present(found, tally).0;
    }
    let basis =
        format!("{}, {} % confidence.", count(judgement.samples, "sample"), trimmed(limits.confidence));
    match judgement.decision {
        Decision::Promote => format!("All criteria are ok. {basis}"),
        Decision::Reject => {
            let first = look::failed_first(judgement);
            let failed = || judgement.findings.iter().filter(|finding| finding.decision == Decision::Reject);
            let why = failed().find(|finding| Some(finding.criterion) == first);
            let why = why.map(|finding| sentence::failed(finding, tally, limits)).unwrap_or_default();
            let others: Vec<&str> = failed()
                .filter(|finding| Some(finding.criterion) != first)
                .map(|finding| finding.criterion.words())
                .collect();
            let others = match others.as_slice() {
                [] => String::new(),
                others => format!("; {} failed as well", enumeration(others)),
            };
            format!("{why}{others}. {basis}")
        }
        Decision::Hold | Decision::Fault => format!("{} {basis}", unsure(judgement, needs, tally, limits)),
    }
}

fn unsure(judgement: &Judgement, needs: &[Option<Need>], tally: &Tally, limits: &Thresholds) -> String {
    let open = || judgement.findings.iter().zip(needs).filter(|(it, _)| it.decision == Decision::Hold);
    if let Some((finding, _)) = open().find(|(_, need)| **need == Some(Need::Uncompared)) {
        return format!("{}.", sentence::failed(finding, tally, limits));
    }
    let names = |wanted: &dyn Fn(&Finding, &Option<Need>) -> bool| {
        let names: Vec<_> =
            open().filter(|(it, need)| wanted(it, need)).map(|(it, _)| it.criterion.words()).collect();
        enumeration(&names)
    };
    if let Some((copies, repeated)) = needs.iter().flatten().find_map(|need| match need {
        Need::LostOnTheWay { copies, repeated } => Some((*copies, *repeated)),
        _ => None,
    }) {
        return format!(
            "{} lost their connection, and so did the requests of users, of which routes repeated {}: the shadow cannot be told \
             from the way to it.",
            capital(&count(copies, "copy")),
            thousands(repeated)
        );
    }
    let cut = names(&|_, need| matches!(need, Some(Need::Cut { .. })));
    if !cut.is_empty() {
        return format!("{cut} cannot be settled by more samples: too many answers were cut.");
    }
    let stuck = names(&|_, need| matches!(need, Some(Need::FinerBuckets | Need::NoRoom)));
    if !stuck.is_empty() {
        return format!("{stuck} cannot be settled by more samples.");
    }
    let near = names(&|_, need| matches!(need, Some(Need::NearLimit { .. })));
    let more = needs.iter().flatten().filter_map(|need| need.samples()).max().unwrap_or(0);
    let more = more.max(judgement.missing);
    let outlook = match more {
        0 => String::new(),
        more => format!(" Look again after {} more samples.", thousands(rounded(more))),
    };
    if !near.is_empty() {
        return format!("Near the limit of {near}.{outlook}");
    }
    let open = match open().count() {
        0 => String::new(),
        1 => format!("{} is", names(&|_, _| true)),
        2..4 => format!("{} are", names(&|_, _| true)),
        many => format!("{many} of {} criteria are", judgement.findings.len()),
    };
    match (judgement.samples, open.is_empty()) {
        (0, _) => format!("No copy has had an outcome so far.{outlook}"),
        (_, true) => {
            format!("Nothing is wrong so far, but PROMOTE needs {} samples.{outlook}", limits.min_samples)
        }
        _ => format!("Nothing is wrong so far, but {open} still unsure.{outlook}"),
    }
}

/// How two sides compare, as an interval.
pub fn compared(measure: &Measure) -> String {
    match measure {
        Measure::Difference { points, .. } => {
            format!("{} to {} points", signed(points.low), signed(points.high))
        }
        Measure::Latency { comparison, .. } => {
            let (ratio, difference) = (comparison.ratio, comparison.difference);
            match (ratio.low, ratio.high) {
                (low, high) if high.is_finite() => format!("{low:.2} to {high:.2} times"),
                (low, _) if low > 0.0 && low.is_finite() => format!("over {low:.2} times"),
                _ if difference.high.is_finite() => {
                    format!("{} to {} more", time(difference.low), time(difference.high))
                }
                _ => "not known yet".into(),
            }
        }
        Measure::Paired { ratio, .. } if ratio.high.is_finite() => {
            format!("{:.2} to {:.2} times", ratio.low, ratio.high)
        }
        Measure::Paired { ratio, .. } => format!("over {:.2} times", ratio.low),
        Measure::NoLatency => String::new(),
        Measure::Share { percent, .. } => format!("{} to {} %", share(percent.low), share(percent.high)),
    }
}
