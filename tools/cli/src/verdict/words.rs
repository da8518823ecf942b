// SPDX-License-Identifier: Apache-2.0
//! The verdict in plain sentences.

use super::judge::{Criterion, Decision, Finding, Judgement, Measure, Need};
use super::statistics::{Comparison, Estimate};
use super::tally::Tally;
use super::thresholds::Thresholds;

pub fn headline(decision: Decision) -> &'static str {
    match decision {
        Decision::Promote => "PROMOTE",
        Decision::Hold => "HOLD",
        Decision::Reject => "REJECT",
    }
}

pub fn summary(judgement: &Judgement, needs: &[Option<Need>], limits: &Thresholds) -> String {
    let samples = count(judgement.samples, "sample");
    if judgement.samples == 0 {
        return "No copy has had an outcome yet, so there is nothing to compare.".into();
    }
    if judgement.missing > 0 {
        return format!(
            "Too few: there are {samples}, and at least {} more are needed before anything is decided.",
            thousands(judgement.missing)
        );
    }
    let confidence = trimmed(limits.confidence);
    match judgement.decision {
        Decision::Promote => {
            format!("The shadow is within every limit, by {samples} and with {confidence} % confidence.")
        }
        Decision::Reject => {
            let beyond = judgement.findings.iter().filter(|finding| finding.decision == Decision::Reject);
            let names: Vec<_> = beyond.map(|finding| finding.criterion.words()).collect();
            format!(
                "The shadow is beyond the limit of {}, by {samples} and with {confidence} % confidence.",
                enumeration(&names)
            )
        }
        Decision::Hold => {
            let open = judgement.findings.iter().filter(|finding| finding.decision == Decision::Hold);
            let names: Vec<_> = open.map(|finding| finding.criterion.words()).collect();
            let more = |need: &Need| if let Need::Samples(more) = need { Some(*more) } else { None };
            // All have to be settled, so one that samples do not settle leaves the others without use.
            let outlook = match needs.iter().flatten().map(more).collect::<Option<Vec<u64>>>() {
                Some(needs) => needs.into_iter().max().unwrap_or(0),
                None => 0,
            };
            let outlook = match outlook {
                0 => String::new(),
                more => format!(" Come back after about {} more.", thousands(rounded(more))),
            };
            format!(
                "Nothing is beyond its limit, but {samples} do not settle {}.{outlook}",
                enumeration(&names)
            )
        }
    }
}

/// What was found of one criterion, and what follows.
pub fn sentence(finding: &Finding, need: Option<Need>, tally: &Tally, limits: &Thresholds) -> String {
    let name = capital(finding.criterion.words());
    match &finding.measure {
        Measure::Difference { primary, shadow, points } => {
            let lost = match tally.lost() {
                0 => String::new(),
                lost => format!(", {} without an answer among them", count(lost, "copy")),
            };
            let limit = format!("{} points", signed(finding.limit));
            format!(
                "{name}: {} of the primary's answers, {} of the shadow's{lost}. The difference is from {} to {} points{}",
                percent(*primary),
                percent(*shadow),
                signed(points.low),
                signed(points.high),
                conclusion(finding.decision, &limit, need),
            )
        }
        Measure::Share { hits, of, percent: interval } => {
            let what = if finding.criterion == Criterion::Mismatches { "comparisons" } else { "copies" };
            let limit = format!("{} %", trimmed(finding.limit));
            format!(
                "{name}: {} of {} {what}. The share is from {:.2} to {:.2} %{}",
                thousands(*hits),
                thousands(*of),
                interval.low,
                interval.high,
                conclusion(finding.decision, &limit, need),
            )
        }
        Measure::Latency(None) => format!("{name}: no durations of both sides yet."),
        Measure::Latency(Some(comparison)) => {
            format!(
                "{name}: {} on the primary, {} on the shadow. {}",
                spread(&comparison.primary),
                spread(&comparison.shadow),
                latency(finding, comparison, need, limits),
            )
        }
    }
}

fn latency(finding: &Finding, comparison: &Comparison, need: Option<Need>, limits: &Thresholds) -> String {
    let ratio = match (comparison.ratio.low, comparison.ratio.high) {
        (low, high) if low <= 0.0 && high.is_infinite() => "any number of".into(),
        (low, _) if low.is_infinite() => "without end as many".into(),
        (low, high) if high.is_infinite() => format!("at least {low:.2}"),
        (low, high) => format!("{low:.2} to {high:.2}"),
    };
    let slack = trimmed(limits.latency_slack_ms);
    if finding.decision == Decision::Promote && !comparison.has_ratio() {
        return format!(
            "That is at most {} more, and {slack} ms more are allowed.",
            time(comparison.difference.high)
        );
    }
    if finding.decision == Decision::Promote && comparison.ratio.high > finding.limit {
        return format!(
            "That is {ratio} times as long, but at most {} more, and {slack} ms more are allowed.",
            time(comparison.difference.high)
        );
    }
    let limit = format!("{} times", trimmed(finding.limit));
    format!("That is {ratio} times as long{}", conclusion(finding.decision, &limit, need))
}

fn conclusion(decision: Decision, limit: &str, need: Option<Need>) -> String {
    match decision {
        Decision::Promote => format!(", within the limit of {limit}."),
        Decision::Reject => format!(", all of it beyond the limit of {limit}."),
        Decision::Hold => {
            let need = match need {
                Some(Need::Samples(more)) => {
                    format!("About {} more would settle it if they are like these.", thousands(rounded(more)))
                }
                Some(Need::FinerBuckets) => "The histogram's buckets are too wide to tell, however many samples there are: read \
                     Envoy's admin with --envoy, which has finer ones, or set finer histogram_bucket_settings."
                    .into(),
                Some(Need::TooClose) | None => "No number of samples in sight would settle it.".into(),
            };
            format!(", and the limit of {limit} lies in between. {need}")
        }
    }
}

fn spread(estimate: &Estimate) -> String {
    if estimate.value.is_infinite() {
        return format!("over {}, answers that never came included,", time(estimate.low));
    }
    let high = if estimate.high.is_finite() { time(estimate.high) } else { "any time".into() };
    format!("{} ({} to {high})", time(estimate.value), time(estimate.low))
}

pub fn time(milliseconds: f64) -> String {
    match milliseconds {
        ms if ms.is_infinite() => "∞".into(),
        ms if ms.abs() >= 1000.0 => format!("{} s", trimmed((ms / 10.0).round() / 100.0)),
        ms if ms.abs() >= 10.0 => format!("{ms:.0} ms"),
        // No minus before a zero.
        ms => format!("{} ms", trimmed((ms * 10.0).round() / 10.0 + 0.0)),
    }
}

pub fn percent((hits, of): (u64, u64)) -> String {
    if of == 0 { "none".into() } else { format!("{:.2} %", hits as f64 / of as f64 * 100.0) }
}

pub fn signed(value: f64) -> String {
    // No minus before a zero.
    let value = if value.abs() < 0.005 { 0.0 } else { value };
    format!("{value:+.2}").replace('-', "−")
}

pub fn trimmed(value: f64) -> String {
    format!("{value}")
}

pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

pub fn count(number: u64, what: &str) -> String {
    let plural = match what.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{what}s"),
    };
    format!("{} {}", thousands(number), if number == 1 { what } else { &plural })
}

/// Two digits are all that an outlook is worth.
fn rounded(count: u64) -> u64 {
    let scale = 10_u64.saturating_pow(count.max(1).ilog10().saturating_sub(1));
    count.div_ceil(scale).saturating_mul(scale)
}

fn enumeration(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn capital(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(time(0.0), "0 ms");
        assert_eq!(time(-0.04), "0 ms");
        assert_eq!(time(2.04), "2 ms");
        assert_eq!(time(9.96), "10 ms");
        assert_eq!(time(1200.0), "1.2 s");
        assert_eq!(signed(-0.0001), "+0.00");
        assert_eq!(signed(-0.25), "−0.25");
        assert_eq!(rounded(0), 0);
        assert_eq!(rounded(7), 7);
        assert_eq!(rounded(1234), 1300);
        assert_eq!(count(1, "copy"), "1 copy");
        assert_eq!(count(2, "copy"), "2 copies");
        assert_eq!(enumeration(&["a", "b", "c"]), "a, b and c");
    }
}
