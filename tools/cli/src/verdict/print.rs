// SPDX-License-Identifier: Apache-2.0
//! The report in a terminal: the verdict, the reasons, a table.

use std::fmt::Write;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::judge::{Decision, Finding, Measure};
use super::places::{Places, Sample, ignore, printable};
use super::report::{Report, Verdict};
use super::words::{compared, count, headline, percent, state, thousands, time, trimmed};

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
    }
    if let Some(places) = &report.places {
        said += &where_it_differs(places);
    }
    said
}

/// Endpoint by field, and what may be ignored.
fn where_it_differs(places: &Places) -> String {
    let mut said = format!("Where it differs, by {} of the log\n", count(places.lines, "line"));
    let mut table = framed();
    table.set_header(["mirror", "endpoint", "field", "lines", "for example"]);
    for (place, seen) in places.places.iter().take(MOST_PLACES) {
        let lines = format!("{} of {}", thousands(seen.lines), thousands(seen.of));
        let samples: Vec<String> = seen.samples.iter().map(sample).collect();
        table.add_row([&place.mirror, &place.endpoint, &place.field, &lines, &samples.join("\n")]);
    }
    if !places.places.is_empty() {
        let _ = writeln!(said, "{}", indented(&table));
    }
    if places.places.len() > MOST_PLACES {
        let _ = writeln!(said, "  and {} more", thousands((places.places.len() - MOST_PLACES) as u64));
    }
    if let Some(proposal) = ignore(places) {
        let _ = writeln!(
            said,
            "  These look like ids and times. If they may differ, put into \"compare\": {proposal}"
        );
    }
    said.push('\n');
    said
}

/// One request: its id or its path, and the values where the log has them.
pub fn sample(sample: &Sample) -> String {
    const MOST: usize = 40;
    let cut = |value: &serde_json::Value| {
        let text = printable(&value.to_string());
        if text.chars().count() <= MOST { text } else { text.chars().take(MOST).collect::<String>() + "…" }
    };
    let request = match &sample.request_id {
        Some(id) => format!("{} ({id})", sample.path),
        None => sample.path.clone(),
    };
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
    let limit = trimmed(finding.limit);
    let (primary, shadow, limit) = match &finding.measure {
        Measure::Difference { primary, shadow, .. } => {
            (percent(*primary), percent(*shadow), format!("+{limit} points"))
        }
        Measure::Latency { comparison, .. } => {
            (time(comparison.primary.value), time(comparison.shadow.value), format!("{limit} times"))
        }
        Measure::NoLatency => (String::new(), String::new(), limit),
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
