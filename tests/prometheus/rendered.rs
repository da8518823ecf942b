// SPDX-License-Identifier: Apache-2.0
//! Copies of the shipped files for a test that has seconds where operators have weeks: the expressions are theirs, every
//! time in them is another.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result};
use serde_yaml_ng::Value;

use crate::tools::directory;

/// Every time that the files name, and what stands for it. 30 minutes must see the 1,000 answers that a P99 wants, an
/// hour the 1,000 requests of which a mirror copied none.
const TIMES: [(&str, &str); 8] = [
    ("2m", "2s"),
    ("5m", "3s"),
    ("10m", "3s"),
    ("30m", "20s"),
    ("1h", "12s"),
    ("1d", "1s"),
    ("14d", "14s"),
    ("30s", "500ms"),
];

/// Writes all that Prometheus reads into `into`: the shipped configuration, which finds its target elsewhere, and the rules.
pub fn write(into: &Path, target: SocketAddr) -> Result<()> {
    let mut configuration: Value =
        serde_yaml_ng::from_str(&fs::read_to_string(directory().join("prometheus.yml"))?)?;
    configuration["global"]["scrape_interval"] = "500ms".into();
    configuration["global"]["evaluation_interval"] = "500ms".into();
    let targets = &mut configuration["scrape_configs"][0]["static_configs"][0]["targets"];
    *targets = Value::Sequence(vec![target.to_string().into()]);
    fs::write(into.join("prometheus.yml"), serde_yaml_ng::to_string(&configuration)?)?;
    for file in configuration["rule_files"].as_sequence().context("rule_files")? {
        let file = file.as_str().context("the name of a rule file")?;
        fs::write(into.join(file), serde_yaml_ng::to_string(&rules(file)?)?)?;
    }
    Ok(())
}

/// A rule file with other times.
pub fn rules(file: &str) -> Result<Value> {
    let mut rules: Value = serde_yaml_ng::from_str(&fs::read_to_string(directory().join(file))?)?;
    for group in rules["groups"].as_sequence_mut().context("groups")? {
        for rule in group["rules"].as_sequence_mut().context("rules")? {
            for key in ["expr", "for"] {
                if let Some(value) = rule.get_mut(key) {
                    *value = expression(value.as_str().context("text")?)?.into();
                }
            }
        }
    }
    Ok(rules)
}

/// An expression, or a time alone, with other times: a word of digits and a unit that nothing else in a query looks like.
pub fn expression(text: &str) -> Result<String> {
    let mut rendered = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if word == 0 {
            let next = rest.chars().next().map_or(0, char::len_utf8);
            rendered.push_str(&rest[..next]);
            rest = &rest[next..];
            continue;
        }
        rendered.push_str(if is_time(&rest[..word]) { other_time(&rest[..word])? } else { &rest[..word] });
        rest = &rest[word..];
    }
    Ok(rendered)
}

fn is_time(word: &str) -> bool {
    let digits = word.trim_start_matches(|c: char| c.is_ascii_digit());
    digits.len() < word.len() && ["ms", "s", "m", "h", "d", "w"].contains(&digits)
}

fn other_time(time: &str) -> Result<&'static str> {
    let entry = TIMES.iter().find(|(shipped, _)| *shipped == time);
    entry.map(|(_, other)| *other).with_context(|| format!("say in TIMES what stands for {time}"))
}

#[test]
fn only_times_are_replaced() {
    let text = r#"a:b:rate5m{class="5xx"} > 14 and max_over_time(x[14d:1d] offset 14d)"#;
    let expected = r#"a:b:rate5m{class="5xx"} > 14 and max_over_time(x[14s:1s] offset 14s)"#;
    assert_eq!(expression(text).unwrap(), expected);
    assert!(expression("rate(x[7m])").is_err());
}
