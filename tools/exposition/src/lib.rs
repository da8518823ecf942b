// SPDX-License-Identifier: Apache-2.0
//! Prometheus' text format, as Envoy's admin writes it: one sample a line.
//!
//! The crates for this format split labels at every comma, or refuse a whole answer for one odd line. A label of the
//! filter may hold a comma and quotes: it is the name of a plugin.

use std::collections::BTreeMap;
use std::fmt;

pub type Labels = BTreeMap<String, String>;

/// One number of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    pub name: String,
    pub labels: Labels,
    /// May be infinite or NaN.
    pub value: f64,
}

impl Sample {
    /// Reads a line. None if it is a comment, empty, or no sample.
    pub fn parse(line: &str) -> Option<Self> {
        let line = line.trim();
        let (name, rest) = line.split_at_checked(line.find(['{', ' '])?)?;
        if name.starts_with('#') {
            return None;
        }
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Labels::new(), rest),
        };
        // A time may follow the value.
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Self { name: name.to_owned(), labels, value })
    }

    /// Whether the sample has all of these labels.
    pub fn has(&self, labels: &[(&str, &str)]) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(*key).is_some_and(|found| found == value))
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<_> = self.labels.iter().map(|(key, value)| format!("{key}={value:?}")).collect();
        write!(f, "{}{{{}}} {}", self.name, labels.join(","), self.value)
    }
}

/// The labels of `a="b",c="d"}`, and what follows.
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

/// The text up to the closing quote, with quotes, backslashes and line feeds unescaped, and what follows the quote.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Option<Sample> {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Some(Sample { name: name.to_owned(), labels, value })
    }

    #[test]
    fn a_sample_has_a_name_labels_and_a_value() {
        assert_eq!(Sample::parse("a 1"), sample("a", &[], 1.0));
        assert_eq!(Sample::parse("a{} 1e1"), sample("a", &[], 10.0));
        assert_eq!(
            Sample::parse("a{b=\"c\",d=\"\",} 1 1700000000000"),
            sample("a", &[("b", "c"), ("d", "")], 1.0)
        );
        assert_eq!(Sample::parse("a{le=\"+Inf\"} +Inf"), sample("a", &[("le", "+Inf")], f64::INFINITY));
    }

    #[test]
    fn a_label_may_hold_anything() {
        let line = r#"a{b="x\"},{\\\n = 1",c="ü"} 2"#;
        assert_eq!(Sample::parse(line), sample("a", &[("b", "x\"},{\\\n = 1"), ("c", "ü")], 2.0));
    }

    #[test]
    fn what_is_no_sample_is_none() {
        for line in
            ["", "# TYPE a counter", "a", "a{b=\"c\" 1", "a{b=\"c} 1", "a{b} 1", "a{b=\"c\"} x", "a{b=\"c\"}"]
        {
            assert_eq!(Sample::parse(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_none(line in "[a-z{}=\",\\\\ 0-9#é]{0,60}") {
            let _ = Sample::parse(&line);
        }
    }
}
