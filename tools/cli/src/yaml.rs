// SPDX-License-Identifier: Apache-2.0
//! YAML as Envoy and kubectl read it, with the line of every value. JSON is YAML as well.
//!
//! Both read bare words such as `on` and `no` as truth values, as YAML 1.1 has it. In a key only kubectl (and Istio) does so, which makes
//! `true` of the key `on`; it also merges what stands under `<<`.

use std::collections::BTreeMap;

use saphyr::{MarkedYaml, Scalar, ScalarStyle, YamlData, YamlLoader};
use saphyr_parser::{Event, Parser, SpannedEventReceiver};
use serde_json::{Map, Value};

use crate::lines::{Lines, member};

/// Deepest nesting that is read.
const MAX_DEPTH: usize = 128;

/// One of the documents in a text.
#[derive(Debug)]
pub struct Document {
    pub value: Value,
    pub lines: Lines,
    pub words: Words,
}

/// Words without quotes that were read as truth values, by their paths.
#[derive(Debug, Clone, Default)]
pub struct Words(BTreeMap<String, Word>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// As it is written.
    pub text: String,
    pub value: bool,
    /// It is the key at this path, and not the value.
    pub is_key: bool,
}

impl Words {
    pub fn at(&self, path: &str) -> Option<&Word> {
        self.0.get(path)
    }

    /// The keys below a path, each with its own path from there.
    pub fn keys_below<'a>(&'a self, outer: &'a str) -> impl Iterator<Item = (&'a str, &'a Word)> {
        let inside = move |path: &'a str| match outer {
            "" => Some(path),
            _ => path.strip_prefix(outer).map(|rest| rest.trim_start_matches('.')),
        };
        self.0
            .iter()
            .filter(|(_, word)| word.is_key)
            .filter_map(move |(path, word)| Some((inside(path)?, word)))
    }
}

/// Reads every document of a text.
///
/// # Errors
/// What is wrong, in words, with the line.
pub fn documents(text: &str) -> Result<Vec<Document>, String> {
    nodes(text)?
        .iter()
        .map(|node| {
            let lines = BTreeMap::from([(String::new(), node.span.start.line())]);
            let mut reading = Reading { lines, words: BTreeMap::new(), is_kubernetes: is_kubernetes(node) };
            let value = reading.value(node, "", 0)?;
            Ok(Document { value, lines: reading.lines.into(), words: Words(reading.words) })
        })
        .collect()
}

fn nodes(text: &str) -> Result<Vec<MarkedYaml<'_>>, String> {
    let mut loader = YamlLoader::default();
    // A scalar's quotes decide what it is.
    loader.early_parse(false);
    let mut depth = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        match event {
            Event::SequenceStart(..) | Event::MappingStart(..) => depth += 1,
            Event::SequenceEnd | Event::MappingEnd => depth = depth.saturating_sub(1),
            _ => {}
        }
        // A tree that is deeper could not even be dropped.
        if depth > MAX_DEPTH {
            return Err(too_deep(span.start.line()));
        }
        loader.on_event(event, span);
        if let Some(error) = loader.error() {
            return Err(error.to_string());
        }
    }
    Ok(loader.into_documents())
}

fn too_deep(line: usize) -> String {
    format!("more than {MAX_DEPTH} levels at line {line}")
}

/// An object of Kubernetes, or a configuration of the filter alone, which is meant for one.
fn is_kubernetes(node: &MarkedYaml<'_>) -> bool {
    let YamlData::Mapping(members) = &node.data else { return false };
    let has = |name: &str| {
        members.keys().any(|key| matches!(&key.data, YamlData::Representation(text, ..) if text == name))
    };
    has("apiVersion") && has("kind") || has("mirrors")
}

struct Reading {
    lines: BTreeMap<String, usize>,
    words: BTreeMap<String, Word>,
    is_kubernetes: bool,
}

impl Reading {
    fn value(&mut self, node: &MarkedYaml<'_>, path: &str, depth: usize) -> Result<Value, String> {
        let line = node.span.start.line();
        if depth > MAX_DEPTH {
            return Err(too_deep(line));
        }
        match &node.data {
            YamlData::Representation(text, style, tag) if *style == ScalarStyle::Plain => {
                // Whatever its tag: `!!str off` is a truth value to Envoy as well.
                let Some(value) = truth(text) else {
                    let parsed = Scalar::parse_from_cow_and_metadata(text.clone(), *style, tag.as_ref());
                    return Ok(scalar(text, parsed));
                };
                self.words.entry(path.to_owned()).or_insert(Word {
                    text: text.to_string(),
                    value,
                    is_key: false,
                });
                Ok(value.into())
            }
            YamlData::Representation(text, ..) => Ok(Value::from(text.as_ref())),
            YamlData::Sequence(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    let path = format!("{path}[{index}]");
                    self.lines.insert(path.clone(), item.span.start.line());
                    self.value(item, &path, depth + 1)
                });
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            YamlData::Mapping(members) => {
                let mut object = Map::new();
                let mut merged = Vec::new();
                for (key, value) in members {
                    let line = key.span.start.line();
                    let YamlData::Representation(text, style, _) = &key.data else {
                        return Err(format!("a key that is not text at line {line}"));
                    };
                    let is_bare = self.is_kubernetes && *style == ScalarStyle::Plain;
                    if is_bare && text == "<<" {
                        merged.push(self.value(value, path, depth + 1)?);
                        continue;
                    }
                    let word = truth(text).filter(|_| is_bare);
                    let name = word.map_or_else(|| text.to_string(), |value| value.to_string());
                    let path = member(path, &name);
                    if let Some(value) = word {
                        let word = Word { text: text.to_string(), value, is_key: true };
                        self.words.insert(path.clone(), word);
                    }
                    self.lines.insert(path.clone(), line);
                    let value = self.value(value, &path, depth + 1)?;
                    if object.insert(name, value).is_some() {
                        return Err(format!("the key {text} a second time at line {line}"));
                    }
                }
                // What the object has itself counts.
                for (key, value) in merged.into_iter().flat_map(mappings).flatten() {
                    object.entry(key).or_insert(value);
                }
                Ok(Value::Object(object))
            }
            YamlData::Tagged(_, node) => self.value(node, path, depth + 1),
            YamlData::Value(found) => Ok(scalar("", Some(found.clone()))),
            // An empty document.
            YamlData::BadValue | YamlData::Alias(_) => Ok(Value::Null),
        }
    }
}

/// The mapping, or the mappings in a list, that `<<` has.
fn mappings(value: Value) -> Vec<Map<String, Value>> {
    match value {
        Value::Object(object) => vec![object],
        Value::Array(items) => items.into_iter().flat_map(mappings).collect(),
        _ => Vec::new(),
    }
}

/// Envoy and kubectl read YAML 1.1, in which a bare `off` (as in `breaker: off`) is a truth value: in small letters, in
/// capitals, or with one at the beginning.
fn truth(word: &str) -> Option<bool> {
    let small = word.to_ascii_lowercase();
    let is_usual = [word, word.get(1..)?].iter().any(|text| !text.contains(|c: char| c.is_ascii_uppercase()))
        || !word.contains(|c: char| c.is_ascii_lowercase());
    match small.as_str() {
        "on" | "yes" | "y" if is_usual => Some(true),
        "off" | "no" | "n" if is_usual => Some(false),
        _ => None,
    }
}

fn scalar(text: &str, found: Option<Scalar<'_>>) -> Value {
    match found {
        Some(Scalar::Null) => Value::Null,
        Some(Scalar::Boolean(value)) => value.into(),
        Some(Scalar::Integer(number)) => number.into(),
        // Also an integer that no i64 holds.
        Some(Scalar::FloatingPoint(number)) => {
            text.parse::<u64>().map_or_else(|_| number.into_inner().into(), Value::from)
        }
        Some(Scalar::String(text)) => text.into(),
        // Not of the kind that its tag says.
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        documents(text).unwrap().remove(0).value
    }

    #[test]
    fn a_scalar_is_what_its_spelling_and_quotes_say() {
        let text = "[1, 0x10, 1e3, 18446744073709551615, .5, ~, null, '', true, on, 'on', \"1\", 1.2.3, 2026-11-21, a b, \
                    !t 7, !!str 7]";
        let expected = json!([
            1,
            16,
            1000.0,
            u64::MAX,
            0.5,
            null,
            null,
            "",
            true,
            true,
            "on",
            "1",
            "1.2.3",
            "2026-11-21",
            "a b",
            7,
            "7"
        ]);
        assert_eq!(read(text), expected);
    }

    #[test]
    fn an_alias_is_what_it_stands_for() {
        assert_eq!(
            read("a: &x {b: [no, 'no']}\nc: *x\n"),
            json!({"a": {"b": [false, "no"]}, "c": {"b": [false, "no"]}})
        );
    }

    #[test]
    fn a_value_has_the_line_of_its_key() {
        let text = "# first\n---\na:\n  b:\n    - c\n    -\n      d: 1\n---\ne: 1\n";
        let [first, second] = documents(text).unwrap().try_into().unwrap();
        for (path, line) in [("", 3), ("a", 3), ("a.b", 4), ("a.b[0]", 5), ("a.b[1].d", 7), ("a.b[1].x", 7)] {
            assert_eq!(first.lines.of(path), Some(line), "{path}");
        }
        assert_eq!(second.lines.of("e"), Some(9));
    }

    #[test]
    fn what_no_reader_should_take_is_refused_with_the_line() {
        let bomb: String = (1..20).fold("a0: &a0 [1, 1]\n".into(), |text, n| {
            let items = vec![format!("*a{}", n - 1); 9].join(", ");
            format!("{text}a{n}: &a{n} [{items}]\n")
        });
        for (text, words) in [
            ("a: 1\nb: [", "line"),
            ("a: 1\na: 2\n", "line 2"),
            ("a: 1\n\"a\": 2\n", "line 2"),
            ("? [a]\n: 1\n", "line 1"),
            (&"[".repeat(100_000), "line 1"),
            (&("[".repeat(100_000) + &"]".repeat(100_000)), "line 1"),
            (&bomb, "alias"),
        ] {
            let error = documents(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a:\\[\\]{}&*!'\"|>?~#, \n\t0]{0,60}") {
            let _ = documents(&text);
        }
    }
}
