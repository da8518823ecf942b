// SPDX-License-Identifier: Apache-2.0
//! What was found of one criterion, and what follows.

use super::super::judge::{Criterion, Decision, Finding, Measure, Need, slow_bound};
use super::super::statistics::{Comparison, Estimate};
use super::super::tally::Tally;
use super::super::thresholds::Thresholds;
use super::numbers::{capital, count, percent, rounded, thousands, time, trimmed};
use super::{compared, state};

/// What failed, without a full stop: "Too many mismatches: 59 % (limit 1 %)".
pub fn failed(finding: &Finding, tally: &Tally, limits: &Thresholds) -> String {
    let name = finding.criterion.words();
    let limit = limit(finding);
    match &finding.measure {
        Measure::Latency { comparison, .. } => {
            format!("{} is too high: {} (limit {limit})", capital(name), against(comparison, tally))
        }
        Measure::NoLatency => format!("{} is not known", capital(name)),
        Measure::Paired { .. } => {
            format!("The same request takes too long: {} (limit {limit})", pairs(&finding.measure))
        }
        Measure::Difference { .. } | Measure::Share { .. } => {
            format!("Too many {name}: {} (limit {limit})", shares(finding, tally, limits))
        }
    }
}

/// Everything about one criterion.
pub fn sentence(finding: &Finding, need: Option<Need>, tally: &Tally, limits: &Thresholds) -> String {
    let interval = interval(&finding.measure);
    match finding.decision {
        Decision::Reject => {
            format!("{}; {interval}{}.", failed(finding, tally, limits), details(finding, tally))
        }
        decision => {
            let head = format!("{} {}", capital(finding.criterion.words()), state(decision));
            let limit = limit(finding);
            let rest = match &finding.measure {
                Measure::NoLatency => return format!("{head}: no durations of both sides yet."),
                Measure::Latency { comparison, slack } => {
                    format!(
                        "{}; {}",
                        against(comparison, tally),
                        latency(finding, comparison, *slack, tally, &limit)
                    )
                }
                Measure::Paired { .. } => {
                    format!(
                        "{}; {interval} (limit {limit}){}",
                        pairs(&finding.measure),
                        details(finding, tally)
                    )
                }
                _ => format!(
                    "{}; {interval} (limit {limit}){}",
                    shares(finding, tally, limits),
                    details(finding, tally)
                ),
            };
            format!("{head}: {rest}.{}", outlook(need, tally))
        }
    }
}

fn interval(measure: &Measure) -> String {
    let compared = compared(measure);
    match measure {
        Measure::Difference { .. } => format!("the difference is {compared}"),
        Measure::Paired { .. } => format!("the true median is {compared}"),
        Measure::Latency { .. } if compared.ends_with("times") => format!("that is {compared} as long"),
        Measure::Latency { .. } => format!("that is {compared}"),
        Measure::Share { .. } => format!("the true share is {compared}"),
        Measure::NoLatency => compared,
    }
}

fn limit(finding: &Finding) -> String {
    let limit = trimmed((finding.limit * 100.0).round() / 100.0);
    match finding.measure.unit() {
        "points" => format!("+{limit} points"),
        "times" => format!("{limit} times"),
        _ => format!("{limit} %"),
    }
}

fn shares(finding: &Finding, tally: &Tally, limits: &Thresholds) -> String {
    match &finding.measure {
        Measure::Difference { primary, shadow, .. }
            if finding.criterion == Criterion::PairsTwice && tally.measure().is_none() =>
        {
            format!(
                "{} are more than twice as slow, {} more than twice as fast",
                percent(*shadow),
                percent(*primary)
            )
        }
        Measure::Difference { primary, shadow, .. } => {
            let bound = match (finding.criterion, slow_bound(tally, limits)) {
                (Criterion::Slow, Some(bound)) => format!(" take over {}", time(bound)),
                _ => String::new(),
            };
            let who = tally.baseline().who.name();
            format!("{} against the {who}'s {}{bound}", percent(*shadow), percent(*primary))
        }
        Measure::Share { hits, of, .. } => percent((*hits, *of)),
        Measure::Latency { .. } | Measure::NoLatency | Measure::Paired { .. } => String::new(),
    }
}

/// What a share is made of.
fn details(finding: &Finding, tally: &Tally) -> String {
    match &finding.measure {
        Measure::Share { hits, of, .. } => format!(", {} of {}", thousands(*hits), thousands(*of)),
        Measure::Paired { pairs, .. } => format!(", by {}", count(*pairs, "pair")),
        Measure::Difference { .. } if finding.criterion == Criterion::Errors && tally.lost() > 0 => {
            format!(", {} without an answer among them", count(tally.lost(), "copy"))
        }
        _ => String::new(),
    }
}

/// How long the same request takes.
fn pairs(measure: &Measure) -> String {
    let Measure::Paired { shadow, control, .. } = measure else { return String::new() };
    let against =
        control.map(|control| format!(" against the control's {:.2}", control.value)).unwrap_or_default();
    format!("{:.2} times the primary's time in the median{against}", shadow.value)
}

fn against(comparison: &Comparison, tally: &Tally) -> String {
    let who = tally.baseline().who.name();
    format!("{} against the {who}'s {}", value(&comparison.shadow), value(&comparison.primary))
}

fn value(estimate: &Estimate) -> String {
    if estimate.value.is_infinite() {
        return format!("over {}, answers that never came included,", time(estimate.low));
    }
    time(estimate.value)
}

fn latency(finding: &Finding, comparison: &Comparison, slack: f64, tally: &Tally, limit: &str) -> String {
    let (ratio, difference) = (comparison.ratio, comparison.difference);
    let rounds = comparison.primary.low <= 0.0 && comparison.primary.high <= 1.0;
    let how = if rounds {
        let unit = if comparison.primary.high < 0.5 { "µs" } else { "ms" };
        let who = tally.baseline().who.name();
        format!("the ratio cannot be computed: the {who}'s {} rounds to 0 {unit}", finding.criterion.words())
    } else {
        interval(&finding.measure)
    };
    let by_slack = ratio.high > finding.limit && difference.high.is_finite();
    if by_slack && (finding.decision == Decision::Promote || rounds) {
        return format!("{how}, at most {} more ({} more are allowed)", time(difference.high), time(slack));
    }
    format!("{how} (limit {limit})")
}

fn outlook(need: Option<Need>, tally: &Tally) -> String {
    let who = tally.baseline().who.name();
    match need {
        None => String::new(),
        Some(Need::Samples { more, .. }) => {
            format!(" {} more samples settle it if the shadow is like the {who}.", thousands(rounded(more)))
        }
        Some(Need::NearLimit { more, .. }) => format!(
            " A shadow like the {who} would be settled by now; this one is near the limit. Look again after {} more samples.",
            thousands(rounded(more))
        ),
        Some(Need::FinerBuckets) => {
            " More samples do not settle it: the histogram's buckets are too wide.".into()
        }
        Some(Need::Uncompared) => " More samples do not settle it.".into(),
        Some(Need::LostOnTheWay { copies, repeated }) => format!(
            " {} of the copies lost their connection, and routes repeated {}: users do not see the same losses.",
            thousands(copies),
            count(repeated, "request")
        ),
        Some(Need::Cut { copies }) => format!(
            " More samples do not settle it: {} were cut, and the primary's answers to these requests count on its side alone.",
            count(copies, "answer")
        ),
        Some(Need::NoRoom) => {
            " More samples do not settle it: the limit leaves an equal shadow no room.".into()
        }
    }
}
