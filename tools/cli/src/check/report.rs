// SPDX-License-Identifier: Apache-2.0
//! From the text of a file to what is said about it.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::SystemTime;

use serde_json::Value;

use super::filter::{Config, Fault};
use super::find::{self, File, Plugin, Source};
use super::finding::{Finding, Name, Remark};
use super::{allow, around, explain, oversights, prose, risks};
use crate::lines;

/// What is said about a file.
#[derive(Debug)]
pub struct Report {
    pub outcome: Outcome,
    /// How many there are that no comment allows.
    pub warnings: usize,
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

/// What a file is checked by, apart from itself.
#[derive(Debug, Clone)]
pub struct Terms {
    /// Decides which mirrors have ended.
    pub now: SystemTime,
    /// What is not warned of, besides what comments allow.
    pub allowed: BTreeSet<Name>,
    /// Workers of the Envoy, if they are known.
    pub concurrency: Option<u32>,
}

/// Checks a file with this name and text.
pub fn check(name: &str, text: &str, terms: &Terms) -> Report {
    let file = match find::read(text) {
        Ok(file) => file,
        Err(error) => {
            let text = format!("{name}: {error}\n");
            return Report { outcome: Outcome::Unreadable, warnings: 0, text };
        }
    };
    let (mut allowed, about_comments) = allow::read(text);
    allowed.extend(&terms.allowed);
    let mut said = Said { name, allowed: &allowed, text: String::new(), warnings: 0, outcome: Outcome::Fine };
    for plugin in &file.plugins {
        match judge(plugin) {
            Ok((config, json)) => said.explained(plugin, &file, &config, &json, terms),
            Err(faults) => said.refused(plugin, &file, &faults),
        }
        said.text.push('\n');
    }
    if file.plugins.is_empty() {
        said.outcome = Outcome::Unreadable;
        said.text.push_str(&format!("{name}: no plugin in it is shadow-filter\n"));
    }
    said.warn(about_comments);
    if file.others > 0 {
        said.text.push_str(&format!("left alone: {}\n", prose::count(file.others, "other plugin")));
    }
    let text = format!("{}\n", said.text.trim_end());
    Report { outcome: said.outcome, warnings: said.warnings, text }
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

/// What has been said so far.
struct Said<'a> {
    name: &'a str,
    allowed: &'a BTreeSet<Name>,
    text: String,
    warnings: usize,
    outcome: Outcome,
}

impl Said<'_> {
    fn explained(&mut self, plugin: &Plugin, file: &File, config: &Config, json: &Value, terms: &Terms) {
        let mirrors = prose::count(config.mirrors.len(), "mirror");
        let _ = writeln!(self.text, "{}: valid, {mirrors}", heading(self.name, plugin));
        for (index, mirror) in config.mirrors.iter().enumerate() {
            let written = json.pointer(&format!("/mirrors/{index}")).unwrap_or(&Value::Null);
            let _ = writeln!(self.text, "\n  {}", mirror.name);
            for sentence in explain::mirror(mirror, written) {
                let _ = writeln!(self.text, "    {sentence}");
            }
        }
        let remarks = remarks(plugin, file, config, json, terms.now).into_iter();
        let own = remarks.map(|Remark { name, path, says }| Finding {
            name,
            line: line_of(plugin, file, &path),
            says: format!("{path}: {says}"),
        });
        let around = around::of(plugin, file, (config, json), terms.concurrency);
        self.text.push('\n');
        self.warn(own.chain(around));
    }

    fn warn(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for Finding { name, line, says } in findings {
            if self.allowed.contains(&name) {
                continue;
            }
            self.warnings += 1;
            let place = line.map_or_else(|| self.name.to_owned(), |line| format!("{}:{line}", self.name));
            let _ = writeln!(self.text, "  {place}: warning: {says} [{}]", name.spelling());
        }
    }

    fn refused(&mut self, plugin: &Plugin, file: &File, faults: &[Fault]) {
        self.outcome = Outcome::Invalid;
        let errors = prose::count(faults.len(), "error");
        let _ = writeln!(self.text, "{}: invalid, {errors}", heading(self.name, plugin));
        for fault in faults {
            let line = match lines::of_error(&fault.found) {
                Some(within) => line_in_text(plugin, within),
                None => line_of(plugin, file, &fault.path),
            };
            let place = line.map_or_else(|| self.name.to_owned(), |line| format!("{}:{line}", self.name));
            let _ = writeln!(self.text, "  {place}: {fault}{}", misread(plugin, file, fault));
        }
    }
}

fn remarks(plugin: &Plugin, file: &File, config: &Config, json: &Value, now: SystemTime) -> Vec<Remark> {
    let mut remarks = risks::of(config, now);
    let mirrors = json.pointer("/mirrors").and_then(Value::as_array).into_iter().flatten();
    for (index, mirror) in mirrors.enumerate() {
        remarks.extend(oversights::of(mirror).into_iter().map(|remark| remark.of_mirror(index)));
    }
    if let (Source::Tree(_), Some(document)) = (&plugin.source, file.documents.get(plugin.document)) {
        remarks.extend(oversights::keys(&document.words, &plugin.path));
    }
    remarks
}

/// What the file has where something else was found: a word that YAML reads as a truth value.
fn misread(plugin: &Plugin, file: &File, fault: &Fault) -> String {
    let document = file.documents.get(plugin.document).filter(|_| matches!(plugin.source, Source::Tree(_)));
    let path = lines::below(&plugin.path, &fault.path);
    let word = document.and_then(|document| document.words.at(&path));
    // Some messages say it themselves.
    let Some(word) = word.filter(|_| !fault.expected.contains("YAML 1.1")) else { return String::new() };
    let readers = if word.is_key { "Kubernetes reads" } else { "Envoy and Kubernetes read" };
    format!(
        " (the file has {0}, which YAML 1.1 takes for {1}, as {readers} it; \"{0}\" in quotes is text)",
        word.text, word.value
    )
}

/// The line of a path of a plugin's configuration, or of the plugin.
pub fn line_of(plugin: &Plugin, file: &File, path: &str) -> Option<usize> {
    let line = match &plugin.source {
        Source::Text { text, .. } => std::str::from_utf8(text)
            .ok()
            .and_then(|text| lines::of_json(text).of(path))
            .and_then(|within| line_in_text(plugin, within)),
        Source::Tree(_) => file
            .documents
            .get(plugin.document)
            .and_then(|document| document.lines.of(&lines::below(&plugin.path, path))),
        Source::Unusable(..) => None,
    };
    line.or(plugin.line)
}

fn line_in_text(plugin: &Plugin, within: usize) -> Option<usize> {
    let Source::Text { first_line, .. } = &plugin.source else { return plugin.line };
    first_line.map(|first| first + within - 1).or(plugin.line)
}
