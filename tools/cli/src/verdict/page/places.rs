// SPDX-License-Identifier: Apache-2.0
//! Endpoint by field.

use maud::{Markup, html};

use super::super::places::{Places, Sample};
use super::super::print::{sample, slow_sample};
use super::super::report::Verdict;
use super::super::words::{self, thousands};

const HEADS: [&str; 3] = ["endpoint and field", "differ", "for example"];
const SLOW_HEADS: [&str; 3] = ["endpoint", "slow pairs", "for example"];
const MOST: usize = 200;

pub fn section(verdict: &Verdict, places: &Places) -> Markup {
    html! {
        section {
            h2 { "Where it differs" }
            @for sentence in words::log(places, &verdict.tally) { p { (sentence) } }
            @if !places.fields.is_empty() {
                table class="places" {
                    thead { tr { @for head in HEADS { th scope="col" { (head) } } } }
                    tbody {
                        @for field in places.fields.iter().take(MOST) {
                            tr class=[field.may_differ.then_some("dim")] {
                                th scope="row" {
                                    (field.endpoint) " " code { (field.field) }
                                    @if field.may_differ { " (may differ?)" }
                                }
                                td data-head=(HEADS[1]) { (thousands(field.differ)) " of " (thousands(field.of)) }
                                td { (samples(&field.samples, sample)) }
                            }
                        }
                    }
                }
                @if places.fields.len() > MOST {
                    p { "And " (thousands((places.fields.len() - MOST) as u64)) " more." }
                }
            }
            @if let Some(proposal) = &places.proposal {
                p { (words::PROPOSAL) }
                pre { (proposal.text()) }
            }
        }
        @if !places.slow.is_empty() {
            section {
                h2 { "Where the shadow is slow" }
                table class="places" {
                    thead { tr { @for head in SLOW_HEADS { th scope="col" { (head) } } } }
                    tbody {
                        @for slow in places.slow.iter().take(MOST) {
                            tr {
                                th scope="row" { (slow.endpoint) }
                                td data-head=(SLOW_HEADS[1]) {
                                    (thousands(slow.pairs)) ", at most " (format!("{:.1}", slow.worst)) " times"
                                }
                                td { (samples(&slow.samples, slow_sample)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn samples(samples: &[Sample], words: fn(&Sample) -> String) -> Markup {
    html! {
        @for sample in samples {
            div { (words(sample)) }
            @if let Some(curl) = &sample.curl { pre class="curl" { (curl) } }
        }
    }
}
