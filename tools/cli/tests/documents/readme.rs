// SPDX-License-Identifier: Apache-2.0
//! What the README shows of the program.

use std::collections::BTreeMap;
use std::fs;

use harness::root;
use shadow_filter_cli::verdict::Thresholds;

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("README.md")
}

#[test]
fn the_readme_shows_what_the_check_says() {
    let said = include_str!("../check/read-only.json.out");
    assert!(readme().contains(&format!("```text\n{said}```")));
}

#[test]
fn the_readme_has_every_threshold_with_its_default_and_no_other() {
    let readme = readme();
    let rows = readme.lines().skip_while(|row| !row.starts_with("| threshold ")).skip(2);
    let said: BTreeMap<String, String> = rows
        .take_while(|row| row.starts_with('|'))
        .map(|row| {
            let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned());
            (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
        })
        .collect();
    let defaults = serde_json::to_value(Thresholds::default()).expect("JSON");
    let trimmed = |value: &serde_json::Value| value.to_string().trim_end_matches(".0").to_owned();
    let defaults = defaults.as_object().expect("an object").iter();
    assert_eq!(said, defaults.map(|(name, value)| (name.clone(), trimmed(value))).collect());
}
