// SPDX-License-Identifier: Apache-2.0
//! What is said in a terminal, word for word; with `UPDATE_GOLDEN=1` a run writes it anew.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use harness::root;
use serde_json::json;
use shadow_filter_cli::verdict::said_of;

const DETAILED: &str = include_str!("../recorded/detailed.json");

#[test]
fn the_words_are_those_that_were_agreed_on() -> Result<()> {
    for mirror in ["v2", "v3-canary"] {
        let (said, _) = said_of(DETAILED, mirror)?;
        let golden = Path::new("tests/recorded").join(format!("{mirror}.out"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &said)?;
        }
        assert_eq!(said, fs::read_to_string(&golden).unwrap_or_default(), "{}", golden.display());
    }
    Ok(())
}

#[test]
fn the_readme_shows_what_is_said() -> Result<()> {
    let (said, _) = said_of(DETAILED, "v2")?;
    let readme = fs::read_to_string(root().join("README.md"))?;
    let shown = readme.split("```text\n").find(|block| block.starts_with("REJECT")).unwrap_or_default();
    let shown = shown.split("```").next().unwrap_or_default();
    ensure!(shown.lines().count() > 5 && said.starts_with(shown), "the README shows\n{shown}\nof\n{said}");
    Ok(())
}

/// Envoy's own lowest bucket is 0 ms and nothing else.
#[test]
fn answers_that_take_no_time_are_compared_in_milliseconds() -> Result<()> {
    let name = |rest: &str| format!("wasmcustom.mirror=.=v2;.;{rest}");
    let durations = |side: &str| {
        json!({
            "name": name(&format!("side=.={side};.;shadow_duration_milliseconds")),
            "totals": [{"lower_bound": 0, "width": 0, "count": 2000}],
            "intervals": [],
        })
    };
    let answers = |side: &str| json!({"name": name(&format!("side=.={side};.;class=.=2xx;.;shadow_responses_total")), "value": 2000});
    let answer = json!({"stats": [
        answers("primary"),
        answers("shadow"),
        {"name": name("shadow_sent_total"), "value": 2000},
        {"histograms": {"supported_percentiles": [], "details": [durations("primary"), durations("shadow")]}},
    ]});
    let (said, page) = said_of(&answer.to_string(), "v2")?;
    let sentence = "P50: 0 ms (0 ms to 0 ms) on the primary, 0 ms (0 ms to 0 ms) on the shadow. That is at most 0 ms more, and 5 ms";
    let unwrapped = said.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(said.starts_with("PROMOTE") && unwrapped.contains(sentence), "{said}");
    ensure!(said.contains("0 ms to 0 ms more"), "{said}");
    ensure!(!said.contains("NaN") && !page.contains("NaN"), "{said}");
    Ok(())
}
