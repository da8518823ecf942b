// SPDX-License-Identifier: Apache-2.0
//! Prometheus' text format. Lines that are not the filter's, or not understood, are left alone: an admin's answer is full
//! of them.

use std::collections::BTreeMap;

use super::{Key, Reading, add_cumulative};

use super::super::series::{Labels, Metric, from_prometheus};

pub(super) fn parse(text: &str) -> Reading {
    let mut reading = Reading::default();
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for line in text.lines() {
        let Some((name, labels, value)) = sample(line) else { continue };
        let Some((metric, known)) = from_prometheus(name, &labels) else { continue };
        if metric == Metric::Duration {
            if let Some(end) = labels.get("le").and_then(|end| end.parse().ok()) {
                histograms.entry(known).or_default().push((end, value));
            }
        } else {
            reading.add(Key { metric, labels: known, bucket: None }, value);
        }
    }
    for (labels, ends) in histograms {
        add_cumulative(&mut reading, &labels, ends);
    }
    reading
}

fn sample(line: &str) -> Option<(&str, Labels, f64)> {
    let line = line.trim();
    let name_end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at_checked(name_end)?;
    if name.starts_with('#') {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Labels::new(), rest),
    };
    // There may be a time behind the value.
    let value: f64 = rest.split_whitespace().next()?.parse().ok()?;
    value.is_finite().then_some((name, labels, value))
}

/// `a="b",c="d"}`, and what follows. A value may contain anything, its quotes, backslashes and line feeds escaped.
fn labels(mut text: &str) -> Option<(Labels, &str)> {
    let mut labels = Labels::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, rest) = text.split_once("=\"")?;
        let (value, rest) = quoted(rest)?;
        labels.insert(key.to_owned(), value);
        text = rest;
    }
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            other => value.push(other),
        }
    }
    None
}
