// SPDX-License-Identifier: Apache-2.0
//! What is not judged, and worth knowing.

use super::tally::{ControlState, Counts, Side, Tally, total};
use super::words::{count, percent, thousands};

pub fn of(tally: &Tally) -> Vec<String> {
    let notes = [
        control(tally),
        noise(tally),
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
    let (name, answers) = (&control.mirror, thousands(control.shadow.answers()));
    let (state, against) = (tally.control_state(), "latency and errors are compared with the primary's");
    let errors = |(hits, of): (u64, u64)| percent((hits, of));
    Some(match state {
        ControlState::None => return None,
        ControlState::Measure => format!(
            "Latency, errors and failed copies are compared with the control's ({name}, {answers} answers): copies that went the same way, \
             to the primary's version."
        ),
        ControlState::TooFew => format!(
            "The control ({name}) has {answers} answers, far fewer than the shadow, because only GET, HEAD and OPTIONS go there: \
             {against}."
        ),
        ControlState::Silent => {
            format!("The control ({name}) got no copy; only GET, HEAD and OPTIONS go there: {against}.")
        }
        ControlState::UnknownCluster => {
            format!("The control ({name}) is broken: Envoy has no cluster of its name; {against}.")
        }
        ControlState::NoEndpoint => {
            format!("The control ({name}) is broken: its cluster has no healthy endpoint; {against}.")
        }
        ControlState::Dead => format!(
            "The control ({name}) is broken: {} of its copies got no answer; {against}.",
            percent((control.lost(), control.shadow.answers().saturating_add(control.lost())))
        ),
        ControlState::Fails => format!(
            "The control ({name}) is broken: {} server errors against the primary's {}, though it is to run the same version; {against}.",
            errors(control.shadow_ends().server_errors()),
            errors(tally.baseline().server_errors())
        ),
        ControlState::Refuses => format!(
            "The control ({name}) is broken: {} client errors against the primary's {}, though it is to run the same version; {against}.",
            errors(control.shadow_ends().client_errors()),
            errors(tally.baseline().client_errors())
        ),
    })
}

fn noise(tally: &Tally) -> Option<String> {
    let (noise, of) = tally.noise();
    (noise > 0).then(|| {
        format!(
            "{} of {} ({}) differ only where the control differs, too: noise, and no mismatches.",
            thousands(noise),
            count(of, "compared answer"),
            percent((noise, of))
        )
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

/// A reader of PROMOTE must know that no answers were compared.
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
