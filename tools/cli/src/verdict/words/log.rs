// SPDX-License-Identifier: Apache-2.0
//! What a log has of the differences, and what it has not.

use super::super::places::Places;
use super::super::tally::Tally;
use super::numbers::{count, percent, thousands};

pub const PROPOSAL: &str =
    "These look as if they may differ: ids, times, lists in another order. If so, put into \"compare\":";

/// What the tables below it are made of.
pub fn log(places: &Places, tally: &Tally) -> Vec<String> {
    let (differ, compared) = tally.mismatches();
    let mut said = Vec::new();
    if compared > 0 {
        said.push(format!(
            "Where it differs: {} of {} differ ({}). The log has {}.",
            thousands(differ),
            count(compared, "compared answer"),
            percent((differ, compared)),
            match places.differences {
                0 => "none of them".to_owned(),
                logged if logged == differ => "all of them".to_owned(),
                logged => thousands(logged),
            }
        ));
    } else {
        said.push(format!("Where it differs, by {} of the log.", count(places.differences, "line")));
    }
    if places.left_out > 0 {
        said.push(format!(
            "The module left {} out (log_per_minute): the counts below are of those that it logged.",
            count(places.left_out, "line")
        ));
    }
    said
}
