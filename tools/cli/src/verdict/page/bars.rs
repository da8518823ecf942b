// SPDX-License-Identifier: Apache-2.0
//! Shares as bars, each with its number beside it.

use maud::{Markup, html};

use super::super::notes::ordered;
use super::super::tally::{Counts, Tally};
use super::super::words::{percent, thousands};

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// `first` is the side that the shadow is compared with.
pub fn legend(first: &str) -> Markup {
    html! {
        p class="legend" {
            span class="key primary" {} " " (first) "  "
            span class="key shadow" {} " shadow"
        }
    }
}

/// The classes of both sides' answers, and the copies that have none.
pub fn classes(tally: &Tally) -> Markup {
    let primary = tally.primary.answers();
    let shadow = tally.shadow_ends().count();
    let mut rows: Vec<(&str, u64, u64)> =
        CLASSES.iter().map(|class| (*class, tally.primary.of(class), tally.shadow.of(class))).collect();
    rows.push(("no answer", 0, tally.lost()));
    rows.retain(|(_, first, second)| first + second > 0);
    html! {
        div class="bars" {
            @for (name, first, second) in rows {
                div class="name" { (name) }
                div {
                    (bar("primary", (first, primary), ""))
                    (bar("shadow", (second, shadow), ""))
                }
            }
        }
    }
}

/// What happened, most often first.
pub fn counts(counts: &Counts, of_what: &str, of: u64) -> Markup {
    html! {
        div class="bars" {
            @for (name, number) in ordered(counts) {
                div class="name" { (name.replace('_', " ")) }
                div { (bar("plain", (number, of), of_what)) }
            }
        }
    }
}

fn bar(class: &str, share: (u64, u64), of_what: &str) -> Markup {
    let (hits, of) = share;
    let width = if of == 0 { 0.0 } else { (hits as f64 / of as f64 * 100.0).min(100.0) };
    // What happened at all is seen.
    let width = if hits == 0 { 0.0 } else { width.max(0.4) };
    let what = if matches!(class, "plain") { "" } else { class };
    html! {
        div class="row" {
            div class="track" { div class={ "fill " (class) } style={ "width:" (format!("{width:.2}")) "%" } {} }
            div class="number" {
                @if !what.is_empty() { span class="hidden" { (what) " " } }
                (percent(share)) " "
                span class="dim" { (thousands(hits)) }
                @if !of_what.is_empty() { span class="hidden" { " " (of_what) } }
            }
        }
    }
}
