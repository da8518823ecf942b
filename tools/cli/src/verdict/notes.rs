// SPDX-License-Identifier: Apache-2.0
//! What is not judged, and worth knowing.

use super::statistics::newcombe;
use super::tally::{Counts, Tally, total};
use super::words::{count, percent, thousands};

pub fn of(tally: &Tally, confidence: f64) -> Vec<String> {
    let notes = [
        client_errors(tally, confidence),
        failures(tally),
        differences(tally),
        incomparable(tally),
        breaker(tally),
        in_flight(tally),
        late_histograms(tally),
        skipped(tally),
    ];
    notes.into_iter().flatten().collect()
}

fn client_errors(tally: &Tally, confidence: f64) -> Option<String> {
    let share = |side: &super::tally::Side| (side.of("4xx"), side.answers());
    let (primary, shadow) = (share(&tally.primary), share(&tally.shadow));
    let difference = newcombe(primary, shadow, confidence);
    let differs = difference.low > 0.0 || difference.high < 0.0;
    differs.then(|| {
        format!(
            "4xx are {} of the primary's answers and {} of the shadow's. That is not judged, but it is not chance.",
            percent(primary),
            percent(shadow)
        )
    })
}

fn failures(tally: &Tally) -> Option<String> {
    (tally.failures() > 0).then(|| {
        let timeouts = match tally.failed.get("timeout") {
            Some(1..) => " Timeouts also count as slower than every answer.",
            _ => "",
        };
        let lost = match tally.lost() {
            0 => "none of them was sent, so they are no errors".to_owned(),
            lost if lost == tally.failures() => "they count as errors of the shadow".to_owned(),
            lost => format!("the {} that were sent count as errors of the shadow", thousands(lost)),
        };
        format!("{} failed ({}); {lost}.{timeouts}", count(tally.failures(), "copy"), list(&tally.failed))
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

fn incomparable(tally: &Tally) -> Option<String> {
    let incomparable = tally.comparisons.get("incomparable").copied().unwrap_or(0);
    let all = total(&tally.comparisons);
    (incomparable * 20 > all)
        .then(|| format!("{} of {} comparisons could not be made.", thousands(incomparable), thousands(all)))
}

fn breaker(tally: &Tally) -> Option<String> {
    (tally.breaker_open > 0).then(|| {
        format!(
            "The breaker is open in {}: the shadow failed again and again.",
            count(tally.breaker_open, "worker")
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
