// SPDX-License-Identifier: Apache-2.0
//! What is not judged, and worth knowing.

use super::tally::{Counts, Side, Tally, Who, total};
use super::words::{count, percent, thousands};

pub fn of(tally: &Tally) -> Vec<String> {
    let notes = [
        control(tally),
        redirects(tally),
        failures(tally),
        cut(tally),
        held_back(tally),
        differences(tally),
        uncompared(tally),
        in_flight(tally),
        late_histograms(tally),
        skipped(tally),
    ];
    notes.into_iter().flatten().collect()
}

fn control(tally: &Tally) -> Option<String> {
    let control = tally.control.as_deref()?;
    let answers = thousands(control.shadow.answers());
    Some(match tally.baseline().who {
        Who::Control => format!(
            "Latency and errors are compared with the control ({}, {answers} answers): a copy that travelled as the \
             shadow's did, to the primary's version.",
            control.mirror
        ),
        _ => format!(
            "The control ({}) has {answers} answers, far fewer than the shadow, because only GET, HEAD and OPTIONS go \
             there: latency and errors are compared with the primary.",
            control.mirror
        ),
    })
}

/// A service that redirects everything has no errors.
fn redirects(tally: &Tally) -> Option<String> {
    const POINT: f64 = 0.01;
    let share = |side: &Side| side.of("3xx") as f64 / side.answers().max(1) as f64;
    ((share(&tally.shadow) - share(&tally.primary)).abs() > POINT).then(|| {
        format!(
            "3xx are {} of the primary's answers and {} of the shadow's. That is not judged unless answers are compared.",
            percent((tally.primary.of("3xx"), tally.primary.answers())),
            percent((tally.shadow.of("3xx"), tally.shadow.answers()))
        )
    })
}

fn cut(tally: &Tally) -> Option<String> {
    (tally.cut() > 0).then(|| {
        format!(
            "{} cut by a bound that the primary's answer met as well (its size, or the time): no failure, and not compared.",
            match tally.cut() {
                1 => "1 copy was".to_owned(),
                many => format!("{} copies were", thousands(many)),
            }
        )
    })
}

fn held_back(tally: &Tally) -> Option<String> {
    (tally.held_back() > 0).then(|| {
        format!("An open breaker held back {}: they count as failed.", count(tally.held_back(), "copy"))
    })
}

/// Whoever reads PROMOTE is to know that nobody looked at the answers.
fn uncompared(tally: &Tally) -> Option<String> {
    (total(&tally.comparisons) == 0 && tally.samples() > 0).then(|| {
        "Answers are not compared (\"compare\" of the mirror is off): this says nothing about what is in them.".to_owned()
    })
}

fn failures(tally: &Tally) -> Option<String> {
    let failures = tally.failures().saturating_sub(tally.held_back());
    (failures > 0).then(|| {
        let timeouts = match tally.failed.get("timeout") {
            Some(1..) => " Timeouts also count as slower than every answer.",
            _ => "",
        };
        let lost = match tally.lost() {
            0 => "none of them was sent, so they are no errors".to_owned(),
            lost if lost == failures => "they count as errors of the shadow".to_owned(),
            lost => format!("the {} that were sent count as errors of the shadow", thousands(lost)),
        };
        let mut reasons = tally.failed.clone();
        reasons.remove("cut");
        format!("{} failed ({}); {lost}.{timeouts}", count(failures, "copy"), list(&reasons))
    })
}

fn differences(tally: &Tally) -> Option<String> {
    (total(&tally.differences) > 0).then(|| {
        format!(
            "Answers differ in: {}. Envoy's log has the places (\"shadow difference\").",
            list(&tally.differences)
        )
    })
}

fn in_flight(tally: &Tally) -> Option<String> {
    (tally.in_flight * 50 > tally.samples().max(50)).then(|| {
        format!(
            "{} still without an outcome. The slowest are missing from the numbers, then.",
            match tally.in_flight {
                1 => "1 copy is".to_owned(),
                many => format!("{} copies are", thousands(many)),
            }
        )
    })
}

/// Envoy hands histograms over later than counters.
fn late_histograms(tally: &Tally) -> Option<String> {
    let (measured, answers) = (tally.shadow.durations.measured(), tally.shadow.answers());
    (measured * 100 < answers * 98).then(|| {
        format!(
            "The histogram has {} of {} answers; Envoy adds the rest every 5 s (stats_flush_interval).",
            thousands(measured),
            thousands(answers)
        )
    })
}

fn skipped(tally: &Tally) -> Option<String> {
    (total(&tally.skipped) > 0).then(|| {
        format!(
            "Of {} {} were not copied ({}).",
            count(tally.requests, "request"),
            thousands(total(&tally.skipped)),
            list(&tally.skipped)
        )
    })
}

/// What happened, most often first.
pub fn ordered(counts: &Counts) -> Vec<(&str, u64)> {
    let happened = counts.iter().filter(|(_, count)| **count > 0);
    let mut ordered: Vec<_> = happened.map(|(name, count)| (name.as_str(), *count)).collect();
    ordered.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    ordered
}

fn list(counts: &Counts) -> String {
    let parts: Vec<_> =
        ordered(counts).into_iter().map(|(name, count)| format!("{name} {}", thousands(count))).collect();
    parts.join(", ")
}
