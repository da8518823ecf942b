// SPDX-License-Identifier: Apache-2.0
//! From the text of a file to what is said about it.

use std::fmt::Write;
use std::time::SystemTime;

use serde_json::Value;

use super::explain;
use super::filter::{Config, Fault, Timestamp, timestamp};
use super::find::{self, Plugin, Source};
use super::oversights;
use super::prose;
use super::risks;
use crate::lines;

/// What is said about a file.
#[derive(Debug)]
pub struct Report {
    pub outcome: Outcome,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There may be warnings.
    Fine,
    Invalid,
    /// It is neither JSON nor YAML, or no plugin in it is this filter.
    Unreadable,
}

/// Checks a file with this name and text. The time decides which mirrors have ended.
pub fn check(name: &str, text: &str, now: SystemTime) -> Report {
    let now = timestamp(now);
    let file = match find::read(text) {
        Ok(file) => file,
        Err(error) => {
            return Report { outcome: Outcome::Unreadable, text: format!("{name}: {error}\n") };
        }
    };
    let mut said = String::new();
    let mut outcome = Outcome::Fine;
    for plugin in &file.plugins {
        match judge(plugin) {
            Ok((config, json)) => explained(&mut said, &heading(name, plugin), &config, &json, now),
            Err(faults) => {
                outcome = Outcome::Invalid;
                refused(&mut said, name, plugin, &faults);
            }
        }
        said.push('\n');
    }
    if file.plugins.is_empty() {
        outcome = Outcome::Unreadable;
        said.push_str(&format!("{name}: no plugin in it is shadow-filter\n"));
    }
    if file.others > 0 {
        said.push_str(&format!("left alone: {}\n", prose::count(file.others, "other plugin")));
    }
    said.truncate(said.trim_end().len());
    said.push('\n');
    Report { outcome, text: said }
}

fn heading(name: &str, plugin: &Plugin) -> String {
    match (&plugin.place, plugin.line) {
        (Some(place), Some(line)) => format!("{name}:{line}: {place}"),
        (Some(place), None) => format!("{name}: {place}"),
        (None, _) => name.to_owned(),
    }
}

fn judge(plugin: &Plugin) -> Result<(Config, Value), Vec<Fault>> {
    let text = match &plugin.source {
        Source::Text { text, .. } => text.clone(),
        Source::Tree(json) => json.to_string().into_bytes(),
        Source::Unusable(found, expected) => {
            let path = "configuration".into();
            return Err(vec![Fault { path, found: found.clone(), expected: (*expected).into() }]);
        }
    };
    let config = Config::parse(&text)?;
    // A Struct in protobuf's own encoding is valid, and is not JSON; nobody writes one by hand.
    Ok((config, serde_json::from_slice(&text).unwrap_or_default()))
}

fn explained(said: &mut String, heading: &str, config: &Config, json: &Value, now: Timestamp) {
    let mirrors = prose::count(config.mirrors.len(), "mirror");
    let _ = writeln!(said, "{heading}: valid, {mirrors}");
    for (index, mirror) in config.mirrors.iter().enumerate() {
        let written = json.pointer(&format!("/mirrors/{index}")).unwrap_or(&Value::Null);
        let _ = writeln!(said, "\n  {}", mirror.name);
        for sentence in explain::mirror(mirror, written) {
            let _ = writeln!(said, "    {sentence}");
        }
    }
    let mut warnings = risks::of(config, now);
    for (index, mirror) in
        json.pointer("/mirrors").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        warnings.extend(oversights::of(mirror).into_iter().map(|line| format!("mirrors[{index}].{line}")));
    }
    if !warnings.is_empty() {
        said.push('\n');
    }
    for warning in warnings {
        let _ = writeln!(said, "  warning: {warning}");
    }
}

fn refused(said: &mut String, name: &str, plugin: &Plugin, faults: &[Fault]) {
    let faults_in_words = prose::count(faults.len(), "fault");
    let _ = writeln!(said, "{}: invalid, {faults_in_words}", heading(name, plugin));
    for fault in faults {
        match line_of(plugin, fault) {
            Some(line) => _ = writeln!(said, "  {name}:{line}: {fault}"),
            None => _ = writeln!(said, "  {fault}"),
        }
    }
}

fn line_of(plugin: &Plugin, fault: &Fault) -> Option<usize> {
    match &plugin.source {
        Source::Text { text, first_line } => {
            let text = std::str::from_utf8(text).ok()?;
            let within = lines::of_error(&fault.found).or_else(|| lines::of_json(text).of(&fault.path))?;
            Some((*first_line)? + within - 1)
        }
        Source::Tree(_) => plugin.lines.of(&lines::below(&plugin.path, &fault.path)).or(plugin.line),
        Source::Unusable(..) => plugin.line,
    }
}
