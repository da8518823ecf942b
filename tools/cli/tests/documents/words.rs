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

/// Answers of both sides as an admin says them: how many, with which class, and all in one bin of microseconds.
fn answers(sides: [(&str, u64, &str, f64); 2]) -> String {
    let name = |rest: &str| format!("wasmcustom.mirror=.=v2;.;{rest}");
    let mut stats = vec![
        json!({"name": name("shadow_requests_total"), "value": sides[0].1}),
        json!({"name": name("shadow_sent_total"), "value": sides[0].1}),
    ];
    let mut details = Vec::new();
    for (side, count, class, lower) in sides {
        stats.push(json!({"name": name(&format!("side=.={side};.;class=.={class};.;shadow_responses_total")), "value": count}));
        details.push(json!({
            "name": name(&format!("side=.={side};.;shadow_duration_microseconds")),
            "totals": [{"lower_bound": lower, "width": lower / 20.0, "count": count}],
            "intervals": [],
        }));
    }
    stats.push(json!({"histograms": {"supported_percentiles": [], "details": details}}));
    json!({"stats": stats}).to_string()
}

fn unwrapped(said: &str) -> String {
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Envoy's own lowest bucket is 0 and nothing else.
#[test]
fn answers_that_take_no_time_are_compared_by_their_difference() -> Result<()> {
    let (said, page) =
        said_of(&answers([("primary", 20_000, "2xx", 0.0), ("shadow", 20_000, "2xx", 0.0)]), "v2")?;
    let sentence = "the ratio cannot be computed: the primary's P50 rounds to 0 µs, at most 1 µs more (150 µs more are allowed)";
    ensure!(said.starts_with("PROMOTE") && unwrapped(&said).contains(sentence), "{said}");
    ensure!(!said.contains("NaN") && !page.contains("NaN"), "{said}");
    Ok(())
}

#[test]
fn a_shadow_that_refuses_everything_is_rejected_in_words() -> Result<()> {
    let (said, page) =
        said_of(&answers([("primary", 6_000, "2xx", 200.0), ("shadow", 6_000, "4xx", 200.0)]), "v2")?;
    let why = "Too many client errors: 100 % against the primary's 0.00 % (limit +0.5 points). 6,000 samples, 95 % confidence.";
    ensure!(said.starts_with("REJECT") && unwrapped(&said).contains(why), "{said}");
    ensure!(unwrapped(&said).contains("Look first at: The 6,000 answers with 4xx"), "{said}");
    // Verdict, why, what to look at first, all criteria, latencies, classes.
    let places: Vec<Option<usize>> =
        ["REJECT</h1>", "Too many client", "Look first at", "All criteria", "How long", "What is answered"]
            .map(|part| page.find(part))
            .to_vec();
    ensure!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?}");
    Ok(())
}

#[test]
fn what_is_wrong_with_the_set_up_is_said_first() -> Result<()> {
    for (text, head, words) in [
        (
            "shadow_requests_total{mirror=\"v2\"} 238\nshadow_failed_total{mirror=\"v2\",reason=\"unknown_cluster\"} 238\n",
            "SET-UP FAULT",
            "Envoy has no cluster of this name: 238 copies could not be sent.",
        ),
        (
            "shadow_requests_total{mirror=\"v2\"} 50000\nshadow_sent_total{mirror=\"v2\"} 25050\n\
             shadow_responses_total{mirror=\"v2\",side=\"primary\",class=\"2xx\"} 25050\n\
             shadow_responses_total{mirror=\"v2\",side=\"shadow\",class=\"2xx\"} 25000\n\
             shadow_failed_total{mirror=\"v2\",reason=\"unreachable\"} 50\n\
             shadow_skipped_total{mirror=\"v2\",reason=\"breaker\"} 24950\nshadow_breaker_open{mirror=\"v2\"} 2\n",
            "REJECT",
            "The shadow does not answer now: its breaker is open in 2 workers. 24,950 copies were held back.",
        ),
        ("shadow_requests_total{mirror=\"v2\"} 0\n", "SET-UP FAULT", "No request reached this mirror."),
    ] {
        let (said, _) = said_of(text, "v2")?;
        ensure!(said.starts_with(head) && unwrapped(&said).contains(words), "{said}");
        ensure!(!said.contains("more samples"), "{said}");
    }
    Ok(())
}
