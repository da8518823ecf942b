// SPDX-License-Identifier: Apache-2.0
//! Endpoint by field.

use maud::{Markup, html};

use super::super::places::{Places, ignore};
use super::super::print::sample;
use super::super::words::{count, thousands};

const HEADS: [&str; 4] = ["endpoint and field", "mirror", "lines", "for example"];
const MOST: usize = 200;

pub fn section(places: &Places) -> Markup {
    html! {
        article {
            section {
                h2 { "Where it differs" }
                p class="dim" {
                    "By " (count(places.lines, "line")) " of the log, which has as many as log_per_minute allows. The metrics say how many \
                     answers differ."
                }
                table class="places" {
                    thead { tr { @for head in HEADS { th scope="col" { (head) } } } }
                    tbody {
                        @for (place, seen) in places.places.iter().take(MOST) {
                            tr {
                                th scope="row" { (place.endpoint) " " code { (place.field) } }
                                td data-head=(HEADS[1]) { (place.mirror) }
                                td data-head=(HEADS[2]) { (thousands(seen.lines)) " of " (thousands(seen.of)) }
                                td data-head=(HEADS[3]) { @for one in &seen.samples { div { (sample(one)) } } }
                            }
                        }
                    }
                }
                @if places.places.len() > MOST {
                    p { "And " (thousands((places.places.len() - MOST) as u64)) " more." }
                }
                @if let Some(proposal) = ignore(places) {
                    p { "These look like ids and times. If they may differ, put into \"compare\":" }
                    pre { (format!("{proposal:#}")) }
                }
            }
        }
    }
}
