// SPDX-License-Identifier: Apache-2.0
//! The report in a terminal: the verdict, the reasons, a table.

use std::fmt::Write;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::judge::{Decision, Finding, Measure};
use super::places::{Places, Sample, printable};
use super::report::{Report, Verdict};
use super::statistics::Estimate;
use super::words::{self, compared, headline, percent, state, thousands, time, trimmed};

/// Words of a paragraph are broken at this column.
const WIDTH: usize = 110;
/// Places that are shown; the page and the JSON have more.
const MOST_PLACES: usize = 30;

pub fn text(report: &Report) -> String {
    let mut said = String::new();
    for verdict in &report.mirrors {
        let name = &verdict.tally.mirror;
        let head = headline(verdict.judgement.decision);
        let _ = writeln!(said, "{head}  {name}, {}, {}", report.time, report.from.join(", "));
        paragraph(&mut said, "  ", "  ", &verdict.summary);
        if let Some(look) = &verdict.look {
            paragraph(&mut said, "  Look first at: ", "  ", look);
        }
        if !verdict.reasons.is_empty() || !verdict.notes.is_empty() {
            said.push('\n');
        }
        for reason in &verdict.reasons {
            paragraph(&mut said, &format!("  {} ", mark(reason.decision)), "    ", &reason.sentence);
        }
        for note in &verdict.notes {
            paragraph(&mut said, "  · ", "    ", note);
        }
        if verdict.judgement.samples > 0 {
            let _ = writeln!(said, "\n{}", table(verdict));
        }
        said.push('\n');
        if let Some(places) = &verdict.places {
            said += &where_it_differs(verdict, places);
        }
    }
    said
}

/// Endpoint by field, slow endpoints, and what may be ignored.
fn where_it_differs(verdict: &Verdict, places: &Places) -> String {
    let mut said = String::new();
    for sentence in words::log(places, &verdict.tally) {
        paragraph(&mut said, "  ", "  ", &sentence);
    }
    if !places.fields.is_empty() {
        let mut table = framed();
        table.set_header(["endpoint", "field", "differ", "for example"]);
        for field in places.fields.iter().take(MOST_PLACES) {
            let samples: Vec<String> = field.samples.iter().map(sample).collect();
            let name =
                if field.may_differ { format!("{} (may differ?)", field.field) } else { field.field.clone() };
            let differ = format!("{} of {}", thousands(field.differ), thousands(field.of));
            table.add_row([&field.endpoint, &name, &differ, &samples.join("\n")]);
        }
        let _ = writeln!(said, "{}", indented(&table));
        if places.fields.len() > MOST_PLACES {
            let _ = writeln!(said, "  and {} more", thousands((places.fields.len() - MOST_PLACES) as u64));
        }
    }
    if let Some(curl) = places.fields.first().and_then(|field| field.samples.first()?.curl.as_ref()) {
        let _ = writeln!(said, "  To repeat the first: {curl}");
    }
    if !places.slow.is_empty() {
        let mut table = framed();
        table.set_header(["endpoint", "slow pairs", "at most", "for example"]);
        for slow in places.slow.iter().take(MOST_PLACES) {
            let samples: Vec<String> = slow.samples.iter().map(slow_sample).collect();
            let worst = format!("{:.1} times", slow.worst);
            table.add_row([&slow.endpoint, &thousands(slow.pairs), &worst, &samples.join("\n")]);
        }
        let _ = writeln!(said, "{}", indented(&table));
    }
    if let Some(proposal) = &places.proposal {
        let _ = writeln!(said, "  {}", words::PROPOSAL);
        proposal.text().lines().for_each(|line| _ = writeln!(said, "    {line}"));
    }
    said.push('\n');
    said
}

/// One slow request.
pub fn slow_sample(sample: &Sample) -> String {
    format!("{}: {} ms → {} ms", named(sample), thousands(sample.primary_ms), thousands(sample.shadow_ms))
}

fn named(sample: &Sample) -> String {
    match &sample.request_id {
        Some(id) => format!("{} ({id})", sample.path),
        None => sample.path.clone(),
    }
}

/// One request: its id or its path, and the values where the log has them.
pub fn sample(sample: &Sample) -> String {
    const MOST: usize = 40;
    let cut = |value: &serde_json::Value| {
        let text = printable(&value.to_string());
        if text.chars().count() <= MOST { text } else { text.chars().take(MOST).collect::<String>() + "…" }
    };
    let request = named(sample);
    match (&sample.primary, &sample.shadow) {
        (Some(primary), Some(shadow)) => format!("{request}: {} → {}", cut(primary), cut(shadow)),
        _ => request,
    }
}

pub fn mark(decision: Decision) -> char {
    match decision {
        Decision::Promote => '✓',
        Decision::Hold => '?',
        Decision::Fault => '!',
        Decision::Reject => '✗',
    }
}

/// One row of the table: name, primary, shadow, how they compare, the limit, what follows.
pub fn row(finding: &Finding) -> [String; 6] {
    let limit = trimmed((finding.limit * 100.0).round() / 100.0);
    let (primary, shadow, limit) = match &finding.measure {
        Measure::Difference { primary, shadow, .. } => {
            (percent(*primary), percent(*shadow), format!("+{limit} points"))
        }
        Measure::Latency { comparison, .. } => {
            (time(comparison.primary.value), time(comparison.shadow.value), format!("{limit} times"))
        }
        Measure::NoLatency => (String::new(), String::new(), limit),
        Measure::Paired { shadow, control, .. } => {
            let value = |side: &Estimate| format!("{:.2} times", side.value);
            (control.as_ref().map(value).unwrap_or_default(), value(shadow), format!("{limit} times"))
        }
        Measure::Share { hits, of, .. } => (String::new(), percent((*hits, *of)), format!("{limit} %")),
    };
    let compared = compared(&finding.measure);
    [
        finding.criterion.words().to_owned(),
        primary,
        shadow,
        compared,
        limit,
        state(finding.decision).to_owned(),
    ]
}

/// Of the table's columns. The first side is the control where there is one.
pub fn heads(verdict: &Verdict) -> [&'static str; 6] {
    ["", verdict.tally.baseline().who.name(), "shadow", "compared", "limit", ""]
}

fn table(verdict: &Verdict) -> String {
    let mut table = framed();
    table.set_header(heads(verdict));
    for finding in &verdict.judgement.findings {
        table.add_row(row(finding));
    }
    for column in table.column_iter_mut().skip(1).take(4) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    indented(&table)
}

fn framed() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Disabled);
    table
}

fn indented(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| format!("  {line}")).collect();
    lines.join("\n")
}

fn paragraph(said: &mut String, first: &str, others: &str, text: &str) {
    let mut line = first.to_owned();
    let mut empty = true;
    for word in text.split(' ') {
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            let _ = writeln!(said, "{}", line.trim_end());
            others.clone_into(&mut line);
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(word);
        empty = false;
    }
    let _ = writeln!(said, "{line}");
}
