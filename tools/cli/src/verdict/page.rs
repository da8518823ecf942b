// SPDX-License-Identifier: Apache-2.0
//! The report as one page that needs nothing else: the verdict first, then why, then the pictures.

mod bars;
mod chart;
mod places;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::judge::Decision;
use super::notes::ordered;
use super::print::{heads, mark, row};
use super::report::{Report, VERSION, Verdict};
use super::tally::Who;
use super::words::{count, headline};

const STYLE: &str = include_str!("page/style.css");

pub fn draw(report: &Report) -> String {
    draw_below(None, report)
}

/// Below words about the page itself.
pub fn draw_below(words: Option<&str>, report: &Report) -> String {
    let title = format!("{} – shadow-filter", headline(report.decision));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    @if let Some(words) = words { p class="stale" { (words) } }
                    @if report.mirrors.len() > 1 { (overview(report)) }
                    @for verdict in &report.mirrors { (mirror(report, verdict)) }
                    footer { (limits(report)) }
                }
            }
        }
    };
    page.into_string()
}

fn class(decision: Decision) -> &'static str {
    match decision {
        Decision::Promote => "promote",
        Decision::Hold => "hold",
        Decision::Fault => "fault",
        Decision::Reject => "reject",
    }
}

/// One line for each mirror.
fn overview(report: &Report) -> Markup {
    html! {
        nav aria-label="All mirrors" class=(class(report.decision)) {
            h1 { span aria-hidden="true" { (mark(report.decision)) } " " (headline(report.decision)) }
            @for verdict in &report.mirrors {
                @let decision = verdict.judgement.decision;
                a class=(class(decision)) href={ "#" (verdict.tally.mirror) } {
                    strong { span aria-hidden="true" { (mark(decision)) } " " (headline(decision)) }
                    " " (verdict.tally.mirror) ": " (unbroken(&verdict.summary))
                }
            }
        }
    }
}

fn mirror(report: &Report, verdict: &Verdict) -> Markup {
    let (tally, judgement) = (&verdict.tally, &verdict.judgement);
    let heading =
        html! { span aria-hidden="true" { (mark(judgement.decision)) } " " (headline(judgement.decision)) };
    html! {
        article id=(tally.mirror) {
            header class=(class(judgement.decision)) {
                @if report.mirrors.len() > 1 { h2 class="verdict" { (heading) } } @else { h1 { (heading) } }
                p class="summary" { (unbroken(&verdict.summary)) }
                @if let Some(look) = &verdict.look {
                    p { strong { "Look first at: " } (unbroken(look)) }
                }
                p class="where" {
                    "Mirror " strong { (tally.mirror) } ", " (count(judgement.samples, "request")) " "
                    (report.time) ", " (report.from.join(", "))
                }
            }
            @if judgement.samples > 0 { (compared(verdict)) }
            @if !ordered(&tally.differences).is_empty() {
                section {
                    h2 { "What differs" }
                    (bars::counts(&tally.differences, "of all compared answers", tally.mismatches().1))
                }
            }
            @if let Some(found) = &verdict.places { (places::section(verdict, found)) }
            @if tally.failures() > 0 {
                section {
                    h2 { "Why copies failed" }
                    (bars::counts(&tally.failed, "of all copies", tally.attempts()))
                }
            }
            @if !ordered(&tally.skipped).is_empty() {
                section {
                    h2 { "Why requests were not copied" }
                    (bars::counts(&tally.skipped, "of all requests", tally.requests))
                }
            }
            @if !verdict.notes.is_empty() {
                section {
                    h2 { "Worth knowing" }
                    ul { @for note in &verdict.notes { li { (unbroken(note)) } } }
                }
            }
        }
    }
}

/// What there is to see of two sides.
fn compared(verdict: &Verdict) -> Markup {
    let (tally, judgement) = (&verdict.tally, &verdict.judgement);
    html! {
        section {
            h2 { "All criteria" }
            (table(verdict))
            ul class="reasons" {
                @for reason in &verdict.reasons {
                    li class=(class(reason.decision)) {
                        span class="mark" aria-hidden="true" { (mark(reason.decision)) }
                        span { (unbroken(&reason.sentence)) }
                    }
                }
            }
        }
        section {
            h2 { "How long answers take" }
            (bars::legend(tally.baseline().who.name()))
            (chart::both(tally, judgement))
        }
        section {
            h2 { "What is answered" }
            (bars::legend(Who::Primary.name()))
            (bars::classes(tally))
        }
    }
}

/// A number stays on the line of its unit.
fn unbroken(sentence: &str) -> String {
    ["%", "ms", "µs", "points", "times"]
        .iter()
        .fold(sentence.to_owned(), |text, unit| text.replace(&format!(" {unit}"), &format!("\u{a0}{unit}")))
}

fn table(verdict: &Verdict) -> Markup {
    let heads = heads(verdict);
    html! {
        table {
            thead { tr { @for head in heads { th scope="col" { (head) } } } }
            tbody {
                @for finding in &verdict.judgement.findings {
                    @let cells = row(finding);
                    tr {
                        @for (place, (head, cell)) in heads.iter().zip(&cells).enumerate() {
                            @if place == 0 { th scope="row" { (cell) } }
                            @else if place + 1 == cells.len() {
                                td data-head=(head) class={ "state " (class(finding.decision)) } { (cell) }
                            }
                            @else { td data-head=(head) { (cell) } }
                        }
                    }
                }
            }
        }
    }
}

fn limits(report: &Report) -> Markup {
    let limits = &report.limits;
    html! {
        p {
            "All intervals of a mirror hold together with " (limits.confidence) " % confidence, at all looks together. PROMOTE: all are \
             within their limits, by " (count(limits.min_samples, "request")) " or more. REJECT: one is beyond its limit altogether. \
             HOLD: anything else. SET-UP FAULT: nothing is measured, and waiting does not change that."
        }
        p {
            "Made at " (report.made_at) " by shadow-filter " (VERSION) "."
            @if !report.configurations.is_empty() {
                " Configuration " (report.configurations.join(", ")) " (SHA-256)."
            }
        }
    }
}
