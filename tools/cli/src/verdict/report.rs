// SPDX-License-Identifier: Apache-2.0
//! The verdicts on all mirrors that were asked for, ready to be said, written as JSON or drawn.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::failure::{Failure, Kind};
use super::judge::{Decision, Finding, Judgement, Measure, Need};
use super::notes;
use super::places::Places;
use super::source::Observed;
use super::statistics::Estimate;
use super::tally::{CONTROL, Tally, total};
use super::thresholds::Thresholds;
use super::words;

/// The exit code of a set-up that is at fault.
const FAULT: u8 = 3;
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that a reader gets.
#[derive(Debug)]
pub struct Report {
    pub decision: Decision,
    /// "since Envoy started"
    pub time: String,
    pub from: Vec<String>,
    /// When it was made, in UTC.
    pub made_at: String,
    /// The hashes of the plugins' configurations, if an admin tells them.
    pub configurations: Vec<String>,
    pub limits: Thresholds,
    pub mirrors: Vec<Verdict>,
}

/// The verdict on one mirror.
#[derive(Debug)]
pub struct Verdict {
    pub tally: Tally,
    pub judgement: Judgement,
    /// For each finding what would settle it, where it is not settled.
    pub needs: Vec<Option<Need>>,
    /// One sentence.
    pub summary: String,
    /// What to look at first, where something is wrong.
    pub look: Option<String>,
    /// One for each finding of the judgement, in the order in which they matter; none without samples.
    pub reasons: Vec<Reason>,
    /// What is not judged, and worth knowing.
    pub notes: Vec<String>,
    /// Where the answers differ, if a log was given.
    pub places: Option<Places>,
}

#[derive(Debug)]
pub struct Reason {
    pub decision: Decision,
    pub sentence: String,
}

impl Report {
    /// Judges the mirrors of these names, or all.
    pub fn of(observed: &Observed, wanted: &[String], limits: &Thresholds) -> Result<Self, Failure> {
        let known = observed.reading.mirrors();
        let unknown = wanted.iter().find(|name| !known.contains(*name));
        let all = || known.iter().cloned().collect::<Vec<_>>().join(", ");
        if let Some(name) = unknown {
            return Err(Kind::NoSuchMetrics.of(anyhow!("there is no mirror {name}; there are {}", all())));
        }
        // A control is looked at beside its mirror, unless it is asked for.
        let names = known.iter().filter(|name| match wanted.is_empty() {
            true => !is_control(name, &known),
            false => wanted.contains(name),
        });
        let invalid = observed.reading.invalid_plugins();
        let mut mirrors = Vec::new();
        for name in names {
            let tally = observed.reading.tally(name).map_err(|error| Kind::NoSuchMetrics.of(error))?;
            mirrors.push(Verdict::on(tally, &invalid, limits, &observed.notes));
        }
        if mirrors.is_empty() && !invalid.is_empty() {
            mirrors.push(Verdict::on(Tally::default(), &invalid, limits, &observed.notes));
        }
        // What decides comes first.
        mirrors.sort_by_key(|verdict| std::cmp::Reverse(verdict.judgement.decision));
        let decision =
            mirrors.iter().map(|verdict| verdict.judgement.decision).max().unwrap_or(Decision::Hold);
        let (time, from) = (observed.time.clone(), observed.from.clone());
        let made_at = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let hashes = observed.configured.iter().flat_map(|configured| configured.hashes.iter().cloned());
        let configurations = hashes.collect();
        Ok(Self { decision, time, from, made_at, configurations, limits: limits.clone(), mirrors })
    }

    /// What a log says, by mirror.
    pub fn add_places(&mut self, mut places: BTreeMap<String, Places>) {
        for verdict in &mut self.mirrors {
            let mirror = &verdict.tally.mirror;
            // Without tag rules Prometheus' alphabet leaves no hyphen.
            let name =
                places.keys().find(|name| *name == mirror || name.replace('-', "_") == *mirror).cloned();
            let found = name.and_then(|name| places.remove(&name));
            let found = found.unwrap_or_else(|| Places { mirror: mirror.clone(), ..Places::default() });
            if let Some(look) = words::first_place(&verdict.judgement, &found) {
                verdict.look = Some(look);
            }
            verdict.places = Some(found);
        }
    }

    pub fn exit_code(&self) -> u8 {
        match self.decision {
            Decision::Promote => 0,
            Decision::Reject => 1,
            Decision::Hold => 2,
            Decision::Fault => FAULT,
        }
    }

    pub fn json(&self) -> Value {
        json!({
            "verdict": self.decision,
            "exit_code": self.exit_code(),
            "time": self.time,
            "from": self.from,
            "made_at": self.made_at,
            "configurations": self.configurations,
            "version": VERSION,
            "thresholds": self.limits,
            "mirrors": self.mirrors.iter().map(|verdict| verdict.json(&self.limits)).collect::<Vec<_>>(),
        })
    }
}

/// Whether this is the control of a mirror that is there.
fn is_control(name: &str, known: &BTreeSet<String>) -> bool {
    let of = [CONTROL, "_control"].iter().find_map(|suffix| name.strip_suffix(suffix));
    of.is_some_and(|mirror| known.contains(mirror))
}

impl Verdict {
    pub fn on(tally: Tally, invalid: &[String], limits: &Thresholds, notes: &[String]) -> Self {
        let judgement = Judgement::of(&tally, invalid, limits);
        let findings = || judgement.findings.iter();
        let needs: Vec<Option<Need>> =
            findings().map(|finding| judgement.need(finding, &tally, limits)).collect();
        // What is decided is not waited for.
        let waits = judgement.decision == Decision::Hold;
        let needs: Vec<Option<Need>> = needs.into_iter().map(|need| need.filter(|_| waits)).collect();
        let reason = |(finding, need): (&Finding, &Option<Need>)| Reason {
            decision: finding.decision,
            sentence: words::sentence(finding, *need, &tally, limits),
        };
        // Of nothing there is nothing to say.
        let judged = findings().zip(&needs).filter(|_| judgement.samples > 0);
        let mut reasons: Vec<Reason> = judged.map(reason).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.decision));
        let summary = words::summary(&judgement, &needs, &tally, limits);
        let look = words::first(&judgement, &needs, &tally);
        let notes = notes::of(&tally).into_iter().chain(notes.iter().cloned()).collect();
        Self { tally, judgement, needs, summary, look, reasons, notes, places: None }
    }

    fn json(&self, limits: &Thresholds) -> Value {
        let (judgement, tally) = (&self.judgement, &self.tally);
        let findings = judgement.findings.iter().zip(&self.needs).map(|(finding, need)| {
            let interval = finding.measure.interval();
            let (primary, shadow) = sides(&finding.measure);
            json!({
                "criterion": finding.criterion.name(),
                "verdict": finding.decision,
                "unit": finding.measure.unit(),
                "low": interval.low,
                "high": interval.high,
                "limit": finding.limit,
                "primary": primary,
                "shadow": shadow,
                "more_samples": need.and_then(Need::samples),
                "sentence": words::sentence(finding, *need, tally, limits),
            })
        });
        json!({
            "mirror": tally.mirror,
            "verdict": judgement.decision,
            "summary": self.summary,
            "look_first_at": self.look,
            "compared_with": tally.baseline().who.name(),
            "samples": judgement.samples,
            "missing_samples": judgement.missing,
            "findings": findings.collect::<Vec<_>>(),
            "notes": self.notes,
            "places": self.places,
            "counts": {
                "requests": tally.requests,
                "sent": tally.sent,
                "skipped": total(&tally.skipped),
                "failed": tally.failed,
                "primary": tally.primary.classes,
                "shadow": tally.shadow.classes,
                "primary_grpc": tally.primary.grpc,
                "shadow_grpc": tally.shadow.grpc,
                "comparisons": tally.comparisons,
                "differences": tally.differences,
            },
        })
    }
}

/// What was found of each side; null for what has no side, no value or no end.
fn sides(measure: &Measure) -> (Value, Value) {
    let latency = |side: &Estimate| json!({"ms": side.value, "low": side.low, "high": side.high});
    match measure {
        Measure::Difference { primary, shadow, .. } => {
            let share = |(hits, of): (u64, u64)| json!({"hits": hits, "of": of});
            (share(*primary), share(*shadow))
        }
        Measure::Latency { comparison, .. } => (latency(&comparison.primary), latency(&comparison.shadow)),
        Measure::NoLatency => (Value::Null, Value::Null),
        Measure::Paired { shadow, control, .. } => {
            let times = |side: &Estimate| json!({"times": side.value, "low": side.low, "high": side.high});
            (control.as_ref().map_or(Value::Null, times), times(shadow))
        }
        Measure::Share { hits, of, .. } => (Value::Null, json!({"hits": hits, "of": of})),
    }
}
